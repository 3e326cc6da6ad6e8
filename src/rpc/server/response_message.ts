/** What handlers give, made into messages, or found to be none. */
import { create, type DescMethod, type Message } from "@bufbuild/protobuf";
import { isThenable } from "../../user_code/mod.ts";
import type { MessageInit } from "./invocation.ts";

/**
 * Makes a response message of what a handler gave: a message, or an object with some of its fields.
 *
 * @throws {TypeError} It is anything else. As protobuf-es takes it, that would be an empty message.
 */
export function responseMessage(method: DescMethod, given: unknown): Message {
  const { output } = method;
  if (typeof given === "object" && given !== null) {
    const { $typeName } = given as { readonly $typeName?: unknown };
    if ($typeName === output.typeName || $typeName === undefined && isFields(given)) {
      return create(output, given as MessageInit);
    }
  }
  throw new TypeError(`${nameOf(method)} gave ${described(given)} where a message ${output.typeName} belongs`);
}

/**
 * Returns the stream of messages that a handler gave.
 *
 * @throws {TypeError} It is none.
 */
export function responseStream(method: DescMethod, given: unknown): AsyncIterable<unknown> | Iterable<unknown> {
  if (typeof given === "object" && given !== null && isIterable(given)) {
    return given;
  }
  throw new TypeError(
    `${nameOf(method)} gave ${described(given)} where a stream of messages ${method.output.typeName} belongs`,
  );
}

/** @throws {TypeError} A method that pushes gave something, as a generator does, which nobody would run. */
export function checkPushed(method: DescMethod, given: unknown): void {
  if (typeof given === "object" && given !== null && !isThenable(given)) {
    throw new TypeError(`${nameOf(method)} gave ${described(given)} where it has to write its messages`);
  }
}

/** Objects of classes may have the fields of a message; those of the language have others, or none. */
function isFields(given: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(given);
  return prototype === Object.prototype ||
    (prototype === null || Object.prototype.toString.call(given) === "[object Object]") && !isIterable(given);
}

function isIterable(given: object): given is AsyncIterable<unknown> | Iterable<unknown> {
  return Symbol.asyncIterator in given || Symbol.iterator in given;
}

function nameOf({ parent, name }: DescMethod): string {
  return `${parent.typeName}.${name}`;
}

function described(given: unknown): string {
  if (typeof given !== "object" || given === null) {
    return given === undefined || given === null ? String(given) : `a ${typeof given}`;
  }
  const { $typeName } = given as { readonly $typeName?: unknown };
  if (typeof $typeName === "string") {
    return `a message ${$typeName}`;
  }
  return Array.isArray(given)
    ? "an array"
    : isIterable(given)
    ? "an iterable"
    : `an object of another kind, ${Object.prototype.toString.call(given)},`;
}
