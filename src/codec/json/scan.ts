/**
 * Looks at JSON before it is parsed, which takes as long and as much memory as its author wants: how deep it is nested, how many values it has, how long
 * its numbers are. What is no JSON is left to the parser.
 */
import { beginBudget, spend } from "../wire/budget.ts";

/**
 * How deep JSON may be nested: messages may be 100 deep within each other, and each of them may be in a list or a map, which is one more in JSON. An array
 * or object within another costs a thousand times its bytes.
 */
export const MAX_JSON_DEPTH = 200;

/** How many characters a number may have: a double has up to 767 digits that say something. To read one takes the square of its length. */
export const MAX_NUMBER_LENGTH = 1024;

/** What a value costs: to be parsed, to be looked at, and to be converted; with its place in an array. */
const VALUE_COST = 48;
/** An array or an object beside that. */
const CONTAINER_COST = 96;
/** A text beside that. */
const TEXT_COST = 48;
/** A name in an object. */
const KEY_COST = 80;
/** From so many names on an object is a hash table, and most of its names are new to the engine. */
const MANY_KEYS = 64;
const MANY_KEYS_COST = 640;

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** How many names each of the objects that are open has. */
const keysAt = new Uint32Array(MAX_JSON_DEPTH + 1);

/**
 * Begins the budget of a message, and spends what its JSON costs whatever it means.
 *
 * @returns How many names its objects have together.
 * @throws {MessageLimitError} It has more values than it may.
 * @throws {Error} It is nested too deep, or a number is too long.
 */
export function scanJson(buffer: Uint8Array, start: number, end: number, maxDecodedBytes: number): number {
  let depth = 0;
  let commas = 0;
  let containers = 0;
  let texts = 0;
  let keys = 0;
  let manyKeys = 0;
  let at = start;
  while (at < end) {
    const octet = buffer[at++]!;
    if (octet === QUOTE) {
      texts++;
      at = endOfString(buffer, at, end);
    } else if (octet === COMMA) {
      commas++;
    } else if (octet === COLON) {
      keys++;
      if (keysAt[depth]!++ > MANY_KEYS) {
        manyKeys++;
      }
    } else if (octet === OPEN_OBJECT || octet === OPEN_ARRAY) {
      containers++;
      if (++depth > MAX_JSON_DEPTH) {
        throw new Error(`JSON is nested more than ${MAX_JSON_DEPTH} deep`);
      }
      keysAt[depth] = 0;
    } else if (octet === CLOSE_OBJECT || octet === CLOSE_ARRAY) {
      // What closes more than was opened is no JSON.
      depth = depth > 0 ? depth - 1 : 0;
    } else if (octet <= NINE && octet >= MINUS) {
      const first = at;
      while (isOfNumber(buffer[at]!) && at < end) {
        at++;
      }
      if (at - first >= MAX_NUMBER_LENGTH) {
        throw new Error(`JSON has a number of more than ${MAX_NUMBER_LENGTH} characters`);
      }
    }
  }
  beginBudget(end - start, maxDecodedBytes);
  spend(
    (commas + containers) * VALUE_COST + containers * CONTAINER_COST + Math.max(0, texts - keys) * TEXT_COST +
      keys * KEY_COST + manyKeys * MANY_KEYS_COST,
  );
  return keys;
}

function endOfString(buffer: Uint8Array, at: number, end: number): number {
  while (at < end) {
    const octet = buffer[at++]!;
    if (octet === QUOTE) {
      return at;
    }
    if (octet === BACKSLASH) {
      at++;
    }
  }
  return at;
}

/** Digits, the point, signs, and the letter before an exponent. */
function isOfNumber(octet: number): boolean {
  return octet <= NINE && octet >= ZERO || octet === 0x2e || octet === MINUS || octet === 0x2b ||
    (octet | 0x20) === 0x65;
}
