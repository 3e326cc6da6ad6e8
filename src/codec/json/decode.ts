/** Messages in JSON: what is not above the limits is decoded by protobuf-es. */
import {
  type DescMessage,
  fromJson,
  fromJsonString,
  type JsonReadOptions,
  type JsonValue,
  type MessageShape,
} from "@bufbuild/protobuf";
import { spendJson } from "./cost.ts";

/** To this length protobuf-es says which name it is that comes twice. It looks at each character for that. */
const SHORT_JSON = 65_536;

/**
 * Decodes a message from JSON that was scanned.
 *
 * @param keyCount How many names it has, as {@linkcode scanJson} gave it.
 * @throws {MessageLimitError} It would take more memory than it may.
 * @throws {Error} It is no JSON, or not of the type; an object has a name twice; a number is too long.
 */
export function decodeJson<Desc extends DescMessage>(
  schema: Desc,
  text: string,
  keyCount: number,
  options: Partial<JsonReadOptions>,
): MessageShape<Desc> {
  let json: JsonValue;
  try {
    json = JSON.parse(text);
  } catch {
    return fromJsonString(schema, text, options); // It words the error.
  }
  // The parser keeps one of those that have the same name: it is faster to count than to compare them.
  if (spendJson(schema, json, options.registry) !== keyCount) {
    if (text.length <= SHORT_JSON) {
      return fromJsonString(schema, text, options);
    }
    throw new Error("JSON has an object with the same name twice");
  }
  return fromJson(schema, json, options);
}
