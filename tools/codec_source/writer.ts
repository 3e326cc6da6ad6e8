/** Generates the functions that write messages of a type, and that say how much room they need. */
import type { DescField, DescMessage } from "@bufbuild/protobuf";
import type { Printable } from "@bufbuild/protoplugin";
import {
  END_GROUP,
  hasPrototype,
  IMPLICIT,
  isLong,
  isUnbounded,
  LEGACY_REQUIRED,
  LENGTH_DELIMITED,
  representationOf,
  type Scalar,
  scalarOf,
  sortedFields,
  START_GROUP,
  tagLength,
  tagOf,
  valueScalarOf,
  zeroOfEnum,
} from "../../src/codec/plan.ts";
import { functionName, indent, type Line, type Source, when } from "./source.ts";

/** Writes a tag at `variable`. */
function putTag(tag: number, variable = "at"): Line[] {
  const octets: number[] = [];
  for (; tag > 127; tag >>>= 7) {
    octets.push(tag & 127 | 128);
  }
  return [...octets, tag].map((octet) => `buffer[${variable}++] = ${octet};`);
}

function putScalar(source: Source, number: number, scalar: Scalar, value: Printable, variable = "at"): Line[] {
  return [
    ...putTag(tagOf(number, scalar.wireType), variable),
    [`${variable} = `, source.runtime(`write${functionName(scalar)}`), "(", value, `, buffer, ${variable});`],
  ];
}

/** Whether 64-bit integers are texts in this field. */
function isText(field: DescField): boolean {
  return field.fieldKind !== "map" && "longAsString" in field && field.longAsString;
}

/** The value that is written for what a field holds. */
function valueOf(source: Source, field: DescField, local: Printable): Printable {
  return isText(field) ? [source.runtime("longOf"), "(", local, ")"] : local;
}

/** The message that a field's value stands for. */
function messageOf(source: Source, field: DescField & { message: DescMessage }, local: Printable): Printable {
  switch (representationOf(field)) {
    case "message":
      return local;
    case "wrapper":
      return [`{ $typeName: "${field.message.typeName}", value: `, local, " }"];
    case "json":
      return [source.runtime("structOfJson"), "(", local, ")"];
  }
}

function putMessage(
  source: Source,
  field: DescField & { message: DescMessage },
  local: Printable,
  number = field.number,
  variable = "at",
): Line[] {
  const write = (start: string): Printable => [
    source.codecFunction("write", field.message),
    "(",
    messageOf(source, field, local),
    `, buffer, ${start})`,
  ];
  if (field.fieldKind !== "map" && field.delimitedEncoding) {
    return [
      ...putTag(tagOf(number, START_GROUP)),
      ["at = ", write("at"), ";"],
      ...putTag(tagOf(number, END_GROUP)),
    ];
  }
  return [
    ...putTag(tagOf(number, LENGTH_DELIMITED), variable),
    [
      `${variable} = `,
      source.runtime("closeLength"),
      `(buffer, ${variable}, 1, `,
      write(`${variable} + 1`),
      ");",
    ],
  ];
}

/** The function that writes. */
export function writerSource(source: Source, message: DescMessage, signature: Line): Line[] {
  return [
    signature,
    ...indent([
      [`if (message.$typeName !== "${message.typeName}") `, source.runtime("decline"), "();"],
      ...oneofs(message),
      ...sortedFields(message).flatMap((field) => fieldWriter(source, field)),
      "const unknown = message.$unknown;",
      ["return unknown === undefined ? at : ", source.runtime("writeUnknown"), "(unknown, buffer, at);"],
    ]),
    "}",
  ];
}

function oneofs(message: DescMessage, isUsed: (field: DescField) => boolean = () => true): Line[] {
  return message.oneofs.flatMap(({ localName, fields }, i) =>
    fields.some(isUsed) ? [`const o${i} = message.${localName};`] : []
  );
}

function oneofVariable(field: DescField): string {
  return `o${field.parent.oneofs.indexOf(field.oneof!)}`;
}

function fieldWriter(source: Source, field: DescField): Line[] {
  const name = `f${field.number}`;
  const take = `const ${name} = message.${field.localName};`;
  switch (field.fieldKind) {
    case "list":
      return [take, ...listWriter(source, field, name)];
    case "map":
      return [take, ...mapWriter(source, field, name)];
  }
  const put = (value: string) =>
    field.fieldKind === "message"
      ? putMessage(source, field, value)
      : putScalar(source, field.number, valueScalarOf(field), valueOf(source, field, value));
  if (field.oneof !== undefined) {
    const oneof = oneofVariable(field);
    return when(`${oneof}.case === "${field.localName}"`, ...put(`${oneof}.value`));
  }
  const lines: Line[] = [take, ...when(isSet(source, field, name), ...put(name))];
  if (field.presence === LEGACY_REQUIRED) {
    lines.push(["else ", source.runtime("decline"), "();"]);
  }
  return lines;
}

function isSet(source: Source, field: DescField, name: string): Printable {
  if (field.presence !== IMPLICIT) {
    const isOwn = ` && Object.hasOwn(message, "${field.localName}")`;
    return `${name} !== undefined${hasPrototype(field.parent) ? isOwn : ""}`;
  }
  if (field.fieldKind === "enum") {
    return `${name} !== ${zeroOfEnum(field.enum)}`;
  }
  const scalar = valueScalarOf(field);
  switch (scalar.name) {
    case "string":
      return `${name} !== ""`;
    case "bool":
      return `${name} !== false`;
    case "bytes":
      return `!(${name} instanceof Uint8Array) || ${name}.length > 0`;
    case "double":
    case "float":
      return `!Object.is(${name}, 0)`;
    default:
      return !isLong(scalar) ? `${name} !== 0` : isText(field)
        ? ["!", source.runtime("isZeroText"), `(${name})`]
        // As fast as it gets: comparing it with 0n is a call.
        : name;
  }
}

function each(list: string, lines: readonly Line[]): Line[] {
  return [`for (let i = 0; i < ${list}.length; i++) {`, ...indent(lines), "}"];
}

function listWriter(source: Source, field: DescField & { fieldKind: "list" }, name: string): Line[] {
  const item = `${name}[i]!`;
  if (field.listKind === "message") {
    return each(name, putMessage(source, field, item));
  }
  const scalar = valueScalarOf(field);
  const value = valueOf(source, field, item);
  if (!field.packed) {
    return each(name, putScalar(source, field.number, scalar, value));
  }
  const tag = putTag(tagOf(field.number, LENGTH_DELIMITED));
  if (scalar.name === "double") {
    return when(
      `${name}.length > 0`,
      ...tag,
      ["at = ", source.runtime("writePackedDoubles"), `(${name}, buffer, at);`],
    );
  }
  return when(
    `${name}.length > 0`,
    ...tag,
    `const prefix = ${name}.length < 128 ? 1 : ${name}.length < 16384 ? 2 : 3;`,
    "let end = at + prefix;",
    ...each(name, [["end = ", source.runtime(`write${functionName(scalar)}`), "(", value, ", buffer, end);"]]),
    ["at = ", source.runtime("closeLength"), "(buffer, at, prefix, end);"],
  );
}

function keySource(source: Source, key: Scalar): Printable {
  switch (key.name) {
    case "string":
      return "key";
    case "bool":
      return [source.runtime("boolKey"), "(key)"];
    default:
      return [source.runtime(isLong(key) ? "longOf" : "integerKey"), "(key)"];
  }
}

/** The value of a map's entry. Objects have their keys as texts, also where the type says numbers. */
function entryOf(field: DescField & { fieldKind: "map" }, name: string): string {
  const { name: key } = scalarOf(field.mapKey);
  return ["int32", "uint32", "sint32", "fixed32", "sfixed32"].includes(key)
    ? `${name}[key as unknown as number]!`
    : `${name}[key]!`;
}

function mapWriter(source: Source, field: DescField & { fieldKind: "map" }, name: string): Line[] {
  const key = scalarOf(field.mapKey);
  const value = entryOf(field, name);
  return [
    `for (const key of Object.keys(${name})) {`,
    ...indent([
      ...putTag(tagOf(field.number, LENGTH_DELIMITED)),
      "let end = at + 1;",
      ...putScalar(source, 1, key, keySource(source, key), "end"),
      ...field.mapKind === "message"
        ? putMessage(source, field, value, 2, "end")
        : putScalar(source, 2, valueScalarOf(field), value, "end"),
      ["at = ", source.runtime("closeLength"), "(buffer, at, 1, end);"],
    ]),
    "}",
  ];
}

/** The function that says how much room is needed. */
export function boundSource(source: Source, message: DescMessage, signature: Line): Line[] {
  let fixed = 0;
  const lines: Line[] = [];
  for (const field of message.fields) {
    const bound = fieldBound(source, field);
    fixed += bound.fixed;
    lines.push(...bound.lines);
  }
  return [
    signature,
    ...indent([
      `let bound = ${fixed};`,
      ...oneofs(message, (field) => fieldBound(source, field).lines.length > 0),
      ...lines,
      "const unknown = message.$unknown;",
      ["return unknown === undefined ? bound : bound + ", source.runtime("boundUnknown"), "(unknown);"],
    ]),
    "}",
  ];
}

/** What a field takes: what is known without looking, and how to look. */
interface Bound {
  readonly fixed: number;
  readonly lines: Line[];
}

function fieldBound(source: Source, field: DescField): Bound {
  const name = `f${field.number}`;
  const take = `const ${name} = message.${field.localName};`;
  if (field.fieldKind === "list") {
    return listBound(source, field, take, name);
  }
  if (field.fieldKind === "map") {
    return { fixed: 0, lines: [take, ...mapBound(source, field, name)] };
  }
  const value = field.oneof === undefined ? name : `${oneofVariable(field)}.value`;
  const { fixed, more } = valueBound(source, field, value, field.number);
  if (more === undefined) {
    return { fixed, lines: [] };
  }
  const isThere = field.oneof === undefined
    ? `${name} !== undefined`
    : `${oneofVariable(field)}.case === "${field.localName}"`;
  const isString = field.scalar === 9 || field.scalar === 12;
  return field.oneof === undefined && isString && field.presence === IMPLICIT
    ? { fixed, lines: [["bound += ", valueBound(source, field, `message.${field.localName}`, 0).more!, ";"]] }
    : { fixed, lines: [...field.oneof === undefined ? [take] : [], ...when(isThere, ["bound += ", more, ";"])] };
}

/** What a value takes with its tag: `more` beside what is known without looking. */
function valueBound(source: Source, field: DescField, value: string, number: number) {
  const tag = tagLength(number);
  if (field.message !== undefined) {
    const call = [source.codecFunction("bound", field.message), "(", messageOf(source, field, value), ")"];
    return { fixed: tag * 2 + 5, more: call };
  }
  const scalar = valueScalarOf(field);
  const fixed = tag + scalar.bound;
  return isUnbounded(scalar)
    ? { fixed, more: scalar.name === "string" ? `3 * ${value}.length` : `${value}.length` }
    : { fixed, more: undefined };
}

function listBound(source: Source, field: DescField & { fieldKind: "list" }, take: string, name: string): Bound {
  if (field.listKind !== "message" && field.packed) {
    const { bound } = valueScalarOf(field);
    return { fixed: tagLength(field.number) + 5, lines: [`bound += ${bound} * message.${field.localName}.length;`] };
  }
  const { fixed, more } = valueBound(source, field, `${name}[i]!`, field.number);
  if (more === undefined) {
    return { fixed: 0, lines: [`bound += ${fixed} * message.${field.localName}.length;`] };
  }
  return { fixed: 0, lines: [take, ...each(name, [[`bound += ${fixed} + `, more, ";"]])] };
}

function mapBound(source: Source, field: DescField & { fieldKind: "map" }, name: string): Line[] {
  const key = scalarOf(field.mapKey);
  const { fixed, more } = valueBound(source, field, entryOf(field, name), 2);
  const entry = tagLength(field.number) + 5 + 1 + key.bound + fixed;
  const isTextKey = key.name === "string";
  if (more === undefined) {
    const keys = `keys${field.number}`;
    return [
      `const ${keys} = Object.keys(${name});`,
      isTextKey
        ? [`bound += ${entry} * ${keys}.length + `, source.runtime("textBound"), `(${keys});`]
        : `bound += ${entry} * ${keys}.length;`,
    ];
  }
  return [
    `for (const key of Object.keys(${name})) {`,
    ...indent([[`bound += ${entry} + ${isTextKey ? "3 * key.length + " : ""}`, more, ";"]]),
    "}",
  ];
}
