/**
 * What protobuf-es will make of parsed JSON, which counts nothing itself: the messages, and the values that take it long to convert. It goes over all of
 * the JSON, so that it can say how many names there are in it.
 */
import type { DescField, DescMessage, JsonObject, JsonValue, Registry } from "@bufbuild/protobuf";
import { costOf, isLong, valueScalarOf } from "../plan.ts";
import { spend } from "../wire/budget.ts";
import { MAX_NUMBER_LENGTH } from "./scan.ts";

/** A message more than its properties. */
const MESSAGE_COST = 160;
/** A 64-bit integer, which is a bigint by way of a text. */
const LONG_COST = 112;
/** A value of type bytes: an array of its own. */
const BYTES_COST = 480;
/** A character of such a text, where the text is long and has more than base64: protobuf-es reads that one by one. */
const UNUSUAL_CHARACTER_COST = 8;
const LONG_TEXT = 65_536;
const BASE64 = /^[\w+/-]*={0,2}$/;
/** An entry of a map. */
const ENTRY_COST = 160;
/** google.protobuf.Value: a message, its case, and the case's value; and JSON again when it is of a field of type Struct. */
const VALUE_COST = 160;
const VALUE_CONTAINER_COST = 320;
const VALUE_ENTRY_COST = 480;
/** A character of a field mask, whose names are converted one by one. */
const MASK_CHARACTER_COST = 64;
/** A value of an extension, which is written and read again. */
const EXTENSION_COST = 320;

type Visit = (json: JsonValue) => void;

/** How many names there were. */
let keys = 0;
let registry: Registry | undefined;

const visits = new WeakMap<DescMessage, Visit>();

/**
 * Spends what the message costs, of the budget that {@linkcode scanJson} has begun.
 *
 * @param types Those that google.protobuf.Any may have.
 * @returns How many names the objects have together: JSON has more of them if it has some twice.
 * @throws {MessageLimitError} It costs more than it may.
 * @throws {Error} A number is too long.
 */
export function spendJson(schema: DescMessage, json: JsonValue, types: Registry | undefined): number {
  keys = 0;
  registry = types;
  try {
    visitMessage(schema)(json);
    return keys;
  } finally {
    registry = undefined;
  }
}

/** Names in what the schema does not know. */
function visitUnknown(json: JsonValue): void {
  if (typeof json !== "object" || json === null) {
    return;
  }
  if (Array.isArray(json)) {
    for (let i = 0; i < json.length; i++) {
      visitUnknown(json[i]!);
    }
  } else {
    eachMember(json, visitUnknown);
  }
}

function eachMember(json: JsonObject, visit: Visit): void {
  const names = Object.keys(json);
  keys += names.length;
  for (let i = 0; i < names.length; i++) {
    visit(json[names[i]!]!);
  }
}

function isObject(json: JsonValue): json is JsonObject {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

function visitMessage(desc: DescMessage): Visit {
  let visit = visits.get(desc);
  if (visit === undefined) {
    visit = wellKnown(desc);
    if (visit === undefined) {
      const fields = new Map<string, Visit>();
      visit = ordinary(fields, costOf(desc) + MESSAGE_COST);
      // Before its fields, which may be of the same type.
      visits.set(desc, visit);
      for (const field of desc.fields) {
        const visitField = fieldVisit(field);
        fields.set(field.name, visitField).set(field.jsonName, visitField);
      }
    }
    visits.set(desc, visit);
  }
  return visit;
}

function ordinary(fields: ReadonlyMap<string, Visit>, cost: number): Visit {
  return (json) => {
    if (!isObject(json)) {
      visitUnknown(json);
      return;
    }
    spend(cost);
    const names = Object.keys(json);
    keys += names.length;
    for (let i = 0; i < names.length; i++) {
      const name = names[i]!;
      const visit = fields.get(name) ??
        (name.startsWith("[") && registry !== undefined ? visitExtension : visitUnknown);
      visit(json[name]!);
    }
  };
}

function visitExtension(json: JsonValue): void {
  spend(EXTENSION_COST);
  if (Array.isArray(json)) {
    json.forEach(visitExtension);
  } else if (isObject(json)) {
    eachMember(json, visitExtension);
  }
}

function wellKnown(desc: DescMessage): Visit | undefined {
  const cost = costOf(desc) + MESSAGE_COST;
  switch (desc.typeName) {
    case "google.protobuf.Any":
      return (json) => visitAny(json, cost);
    case "google.protobuf.Struct":
    case "google.protobuf.Value":
    case "google.protobuf.ListValue":
      return visitValue;
    case "google.protobuf.Timestamp":
    case "google.protobuf.Duration":
      return (json) => {
        spend(cost);
        checkNumber(desc.typeName, json);
      };
    case "google.protobuf.FieldMask":
      return (json) => {
        spend(cost + (typeof json === "string" ? MASK_CHARACTER_COST * json.length : 0));
        visitUnknown(json);
      };
    default: {
      const [value] = desc.fields;
      if (!/^google\.protobuf\.\w+Value$/.test(desc.typeName) || value === undefined) {
        return undefined;
      }
      const visit = scalarVisit(String(value), value);
      return (json) => {
        spend(cost);
        visit(json);
      };
    }
  }
}

/** Its members are those of the message, or it has that as `value`. */
function visitAny(json: JsonValue, cost: number): void {
  spend(cost);
  const url = isObject(json) ? json["@type"] : undefined;
  const desc = typeof url === "string" ? registry?.getMessage(url.slice(url.lastIndexOf("/") + 1)) : undefined;
  if (desc === undefined || !isObject(json)) {
    visitUnknown(json);
  } else if (wellKnown(desc) !== undefined && Object.hasOwn(json, "value")) {
    eachMember(json, (member) => member === json["value"] ? visitMessage(desc)(member) : visitUnknown(member));
  } else {
    visitMessage(desc)(json);
  }
}

/** google.protobuf.Value and what it may be. */
function visitValue(json: JsonValue): void {
  if (typeof json !== "object" || json === null) {
    spend(VALUE_COST);
  } else if (Array.isArray(json)) {
    spend(VALUE_CONTAINER_COST);
    for (let i = 0; i < json.length; i++) {
      visitValue(json[i]!);
    }
  } else {
    const names = Object.keys(json);
    spend(VALUE_CONTAINER_COST + VALUE_ENTRY_COST * names.length);
    keys += names.length;
    for (let i = 0; i < names.length; i++) {
      visitValue(json[names[i]!]!);
    }
  }
}

function fieldVisit(field: DescField): Visit {
  switch (field.fieldKind) {
    case "message":
      return visitMessage(field.message);
    case "list":
      return listVisit(valueVisit(field));
    case "map":
      return mapVisit(field);
    default:
      return scalarVisit(String(field), field);
  }
}

function valueVisit(field: DescField & { fieldKind: "list" | "map" }): Visit {
  return field.message === undefined ? scalarVisit(String(field), field) : visitMessage(field.message);
}

function listVisit(visit: Visit): Visit {
  return (json) => {
    if (Array.isArray(json)) {
      for (let i = 0; i < json.length; i++) {
        visit(json[i]!);
      }
    } else {
      visitUnknown(json);
    }
  };
}

function mapVisit(field: DescField & { fieldKind: "map" }): Visit {
  const visit = valueVisit(field);
  const name = String(field);
  const isText = valueScalarOf({ scalar: field.mapKey }).name === "string";
  return (json) => {
    if (!isObject(json)) {
      visitUnknown(json);
      return;
    }
    const names = Object.keys(json);
    keys += names.length;
    spend(ENTRY_COST * names.length);
    for (let i = 0; i < names.length; i++) {
      if (!isText) {
        checkNumber(name, names[i]!);
      }
      visit(json[names[i]!]!);
    }
  };
}

function scalarVisit(name: string, field: { readonly scalar?: number | undefined }): Visit {
  const scalar = valueScalarOf(field);
  switch (scalar.name) {
    case "string":
      return visitUnknown;
    case "bytes":
      return (json) => {
        const isUnusual = typeof json === "string" && json.length > LONG_TEXT && !BASE64.test(json);
        spend(isUnusual ? BYTES_COST + UNUSUAL_CHARACTER_COST * json.length : BYTES_COST);
        visitUnknown(json);
      };
    default: {
      const cost = isLong(scalar) ? LONG_COST : 0;
      return (json) => {
        spend(cost);
        checkNumber(name, json);
      };
    }
  }
}

/** @throws {Error} It is a text, and too long for a number. */
function checkNumber(name: string, json: JsonValue): void {
  if (typeof json === "string") {
    if (json.length > MAX_NUMBER_LENGTH) {
      throw new Error(`JSON has more than ${MAX_NUMBER_LENGTH} characters for ${name}`);
    }
  } else {
    visitUnknown(json);
  }
}
