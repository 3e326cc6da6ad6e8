/**
 * google.protobuf.Struct as protobuf-es has it in fields: a JSON object. Its own conversion is not exported, and its `toJson` refuses
 * what that one accepts.
 */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { ListValue, NullValue, Struct, Value } from "@bufbuild/protobuf/wkt";
import { MAP_ENTRY_COST, spend } from "./budget.ts";
import { setOwn } from "./values.ts";

const NULL: NullValue.NULL_VALUE = 0;

/** What a field holds for the message that was read. */
export function jsonOfStruct({ fields }: Struct): JsonObject {
  const json: JsonObject = {};
  for (const name of Object.keys(fields)) {
    spend(MAP_ENTRY_COST);
    setOwn(json, name, jsonOfValue(fields[name]!));
  }
  return json;
}

function jsonOfValue({ kind }: Value): JsonValue {
  switch (kind.case) {
    case "structValue":
      return jsonOfStruct(kind.value);
    case "listValue":
      return kind.value.values.map(jsonOfValue);
    case "nullValue":
    case undefined:
      return null;
    default:
      return kind.value;
  }
}

/** The message that is written for what a field holds. */
export function structOfJson(json: JsonObject): Struct {
  const fields: Struct["fields"] = {};
  for (const name of Object.keys(json)) {
    setOwn(fields, name, valueOfJson(json[name]!));
  }
  return { $typeName: "google.protobuf.Struct", fields };
}

function valueOfJson(json: JsonValue): Value {
  return { $typeName: "google.protobuf.Value", kind: kindOfJson(json) };
}

function kindOfJson(json: JsonValue): Value["kind"] {
  switch (typeof json) {
    case "number":
      return { case: "numberValue", value: json };
    case "string":
      return { case: "stringValue", value: json };
    case "boolean":
      return { case: "boolValue", value: json };
    case "object":
      if (json === null) {
        return { case: "nullValue", value: NULL };
      }
      return Array.isArray(json)
        ? { case: "listValue", value: listOfJson(json) }
        : { case: "structValue", value: structOfJson(json) };
    default:
      return { case: undefined };
  }
}

function listOfJson(items: readonly JsonValue[]): ListValue {
  return { $typeName: "google.protobuf.ListValue", values: items.map(valueOfJson) };
}
