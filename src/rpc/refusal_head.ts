/** Heads of answers that no handler makes. */
import { type HeaderField, type HttpExchange, isFieldSectionTooLarge } from "../http/mod.ts";

/** RFC 9113 §7 */
const INTERNAL_ERROR = 0x2;

/**
 * Begins an answer with the first of some heads that the peer takes. One that takes none of them has its request reset.
 *
 * @param heads The longest first.
 * @throws {TypeError} A field may not be sent.
 */
export function respondWithFirst(
  exchange: HttpExchange,
  heads: readonly (readonly HeaderField[])[],
  endStream: boolean,
): void {
  for (const fields of heads) {
    try {
      exchange.respond(fields, endStream);
      return;
    } catch (error) {
      if (!isFieldSectionTooLarge(error)) {
        throw error;
      }
    }
  }
  exchange.reset(INTERNAL_ERROR);
}
