/** What values of messages are like beside their encoding. */
import { create, type DescMessage } from "@bufbuild/protobuf";
import { decline } from "./decline.ts";

/** What an empty `bytes` field holds. It has no octets that somebody could change. */
export const NO_BYTES: Uint8Array = new Uint8Array(0);

/** The prototype of a type's messages: it holds the defaults of fields that know whether they are set. */
export function prototypeOf(schema: DescMessage): object {
  return Object.getPrototypeOf(create(schema));
}

/**
 * Makes a function that fills a message into the constructor of a type's messages: all of them get their properties from one place in
 * the source, which is what engines make fast.
 */
export function constructorOf<T, Args extends unknown[]>(
  schema: DescMessage,
  fill: (this: Record<string, unknown>, ...args: Args) => void,
): new (...args: Args) => T {
  fill.prototype = prototypeOf(schema);
  return fill as unknown as new (...args: Args) => T;
}

/** Sets an entry of a map. "__proto__" is a key like any other. */
export function setOwn<T>(record: Record<string | number, T>, key: string | number, value: T): void {
  if (key === "__proto__") {
    Object.defineProperty(record, key, { value, writable: true, enumerable: true, configurable: true });
  } else {
    record[key] = value;
  }
}

/** The key of a map with boolean keys, which an object has as text. */
export function boolKey(key: string): boolean {
  return key === "true" || key !== "false" && decline();
}

/** The key of a map with 32-bit keys. */
export function integerKey(key: string): number {
  const integer = Number.parseInt(key);
  return Number.isFinite(integer) ? integer : decline();
}

/** The most octets that texts take, without their lengths: a UTF-16 code unit becomes three at most. */
export function textBound(texts: readonly string[]): number {
  let units = 0;
  for (let i = 0; i < texts.length; i++) {
    units += texts[i]!.length;
  }
  return units * 3;
}

/** The integer that a text stands for: of a 64-bit field that the schema has as text, or of a map's key. */
export function longOf(text: string): bigint {
  return typeof text === "string" ? BigInt(text) : decline();
}

/** Whether such a field is not set. */
export function isZeroText(text: string): boolean {
  return Number(text) === 0;
}
