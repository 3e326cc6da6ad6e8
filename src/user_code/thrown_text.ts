/** What a thrown value says, whatever it is: JavaScript throws anything, and anything may throw again when it is looked at. */

const UNREADABLE = "a value that cannot be shown";

/** Returns the message of an `Error`, and the text of anything else. Never throws. */
export function thrownText(thrown: unknown): string {
  try {
    const text: unknown = thrown instanceof Error ? thrown.message : String(thrown);
    return typeof text === "string" ? text : String(text);
  } catch {
    return UNREADABLE; // A proxy, a getter that throws, an object without a prototype.
  }
}
