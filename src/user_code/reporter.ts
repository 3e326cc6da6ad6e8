/** Callbacks that are told of mistakes, and may make some themselves. */
import { isThenable } from "./thenable.ts";
import { thrownText } from "./thrown_text.ts";

/**
 * Makes a callback that neither throws nor leaves a rejected promise behind: what it fails with goes to the console.
 *
 * @param report As the user wrote it. It may be asynchronous, whatever its type says.
 */
export function guardReporter<Args extends readonly unknown[]>(
  report: (...args: Args) => unknown,
): (...args: Args) => void {
  return (...args) => {
    try {
      const reporting = report(...args);
      if (isThenable(reporting)) {
        Promise.resolve(reporting).catch(printMistake);
      }
    } catch (mistake) {
      printMistake(mistake);
    }
  };
}

/** Prints a mistake to the console. Never throws. @param where Printed before it. */
export function printMistake(mistake: unknown, where?: string): void {
  const prefix = typeof where === "string" ? [where] : [];
  try {
    console.error(...prefix, mistake);
  } catch {
    console.error(...prefix, thrownText(mistake)); // Objects may say themselves how they are shown, and fail at it.
  }
}
