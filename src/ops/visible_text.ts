/**
 * Makes characters visible that a terminal obeys or shows as something else: control characters (C0, C1), those that turn the direction of text, and
 * those without width. Names and texts of others go through here before a person sees them: a file name may move the cursor, or hide its end.
 */

/** Control, format, line and paragraph separators, and surrogates without their other half (Unicode Standard §4.5). */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

const SHORT: ReadonlyMap<string, string> = new Map([["\n", "\\n"], ["\r", "\\r"], ["\t", "\\t"]]);

/** The text with `\n`, `\u{1b}` and the like in the place of what is not seen. It is one line. */
export function visibleText(text: string): string {
  return text.replace(
    UNSEEN,
    (character) => SHORT.get(character) ?? `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
}

/** As {@linkcode visibleText}, for what may have lines of its own, such as a stack. */
export function visibleLines(text: string): string {
  return text.split("\n").map(visibleText).join("\n");
}

/** The same JSON, in which all that is not seen is written as `\u202e`. */
export function visibleJson(json: string): string {
  return json.replace(
    UNSEEN,
    (character) => character.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join(""),
  );
}
