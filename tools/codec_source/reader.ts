/** Generates the function that reads messages of a type. */
import type { DescField, DescMessage, DescOneof } from "@bufbuild/protobuf";
import type { Printable } from "@bufbuild/protoplugin";
import {
  costOf,
  END_GROUP,
  hasPrototype,
  IMPLICIT,
  isExtendable,
  isLong,
  isUnbounded,
  itemCost,
  LENGTH_DELIMITED,
  representationOf,
  type Scalar,
  scalarOf,
  START_GROUP,
  tagOf,
  valueScalarOf,
  widthOf,
  zeroOfEnum,
} from "../../src/codec/plan.ts";
import { MAP_ENTRY_COST } from "../../src/codec/wire/budget.ts";
import { functionName, indent, type Line, type Source } from "./source.ts";

/** The variable that holds a member of the message while it is read. */
function variableOf(member: DescField | DescOneof): string {
  return member.kind === "oneof" ? `o${member.parent.oneofs.indexOf(member)}` : `f${member.number}`;
}

/** The type of a member in the message. */
function typeOf(source: Source, { parent, localName }: DescField | DescOneof): Printable {
  return [source.file.importShape(parent), `[${JSON.stringify(localName)}]`];
}

function zeroOf(source: Source, scalar: Scalar, longAsString: boolean): Printable {
  switch (scalar.name) {
    case "string":
      return `""`;
    case "bytes":
      return source.runtime("NO_BYTES");
    case "bool":
      return "false";
    default:
      return !isLong(scalar) ? "0" : longAsString ? `"0"` : "0n";
  }
}

/** Whether a member is a property of every message. */
function isAlwaysThere(member: DescField | DescOneof): boolean {
  return member.kind === "oneof" || member.fieldKind === "list" || member.fieldKind === "map" ||
    member.fieldKind !== "message" && member.presence === IMPLICIT;
}

function declaration(source: Source, member: DescField | DescOneof): Line {
  const name = variableOf(member);
  const type = typeOf(source, member);
  if (member.kind === "oneof") {
    return ["let ", name, ": ", type, " | undefined;"];
  }
  switch (member.fieldKind) {
    case "list":
      return [member.scalar === 1 ? "let " : "const ", name, ": ", type, " = [];"];
    case "map":
      return ["const ", name, ": ", type, " = {};"];
    case "message":
      return ["let ", name, ": ", type, " | undefined;"];
    default:
      if (member.presence !== IMPLICIT) {
        return ["let ", name, ": ", type, " | undefined;"];
      }
      return [
        ["let ", name, ": ", type, " = "],
        member.fieldKind === "enum"
          ? zeroOfEnum(member.enum)
          : zeroOf(source, valueScalarOf(member), member.longAsString),
        ";",
      ];
  }
}

/** Whether values have a length that generated source looks at. */
function hasLength(field: DescField): boolean {
  switch (field.fieldKind) {
    case "map":
      return true;
    case "message":
      return !field.delimitedEncoding;
    case "list":
      return field.listKind === "message" ? !field.delimitedEncoding : !isUnbounded(valueScalarOf(field));
    default:
      return false;
  }
}

/** The function's lines. */
export function readerSource(source: Source, message: DescMessage, signature: Line): Line[] {
  const { runtime } = source;
  const cases = message.fields.flatMap((field) => [
    `case ${field.number}:`,
    ...indent([...fieldSource(source, field), "break;"]),
  ]);
  return [
    signature,
    ...indent([
      [runtime("enter"), `(depth, ${costOf(message)});`],
      ...message.members.map((member) => declaration(source, member)),
      ["let unknown: ", source.file.import("UnknownField", "@bufbuild/protobuf", true), "[] | undefined;"],
      "let tag = 0;",
      ...message.fields.some(hasLength) ? ["let stop = 0;"] : [],
      "while (at < end) {",
      ...indent([
        "tag = buffer[at++]!;",
        ["if (tag > 127) {"],
        ...indent([["tag = ", runtime("readTag"), "(buffer, at - 1);"], ["at = ", runtime("position"), ";"]]),
        "}",
        "if (tag === endTag) break;",
        "switch (tag >>> 3) {",
        ...indent([
          ...cases,
          "default:",
          ...indent([
            [
              "unknown = ",
              runtime(isExtendable(message) ? "readExtension" : "readUnknown"),
              "(unknown, buffer, at, end, tag);",
            ],
            ["at = ", runtime("position"), ";"],
          ]),
        ]),
        "}",
      ]),
      "}",
      [runtime("endMessage"), "(at, end, tag, endTag);"],
      ...resultSource(source, message),
    ]),
    "}",
  ];
}

function valueOf(member: DescField | DescOneof): string {
  const name = variableOf(member);
  return member.kind === "oneof" ? `${name} === undefined ? { case: undefined } : ${name}` : name;
}

function resultSource(source: Source, message: DescMessage): Line[] {
  if (hasPrototype(message)) {
    return [[
      "return new ",
      constructorName(message),
      `(${[...message.members.map(valueOf), "unknown"].join(", ")});`,
    ]];
  }
  const properties = message.members.filter(isAlwaysThere).map((member) => `${member.localName}: ${valueOf(member)}`);
  return [
    [
      "const message: ",
      source.file.importShape(message),
      ` = { ${[`$typeName: "${message.typeName}"`, ...properties].join(", ")} };`,
    ],
    ...message.members.filter((member) => !isAlwaysThere(member)).map((member) =>
      `if (${variableOf(member)} !== undefined) message.${member.localName} = ${variableOf(member)};`
    ),
    ["if (unknown !== undefined) message.$unknown = ", source.runtime("endUnknown"), "(unknown);"],
    "return message;",
  ];
}

/** The name of the constructor of a type's messages. */
export function constructorName({ typeName }: DescMessage): string {
  return `new_${typeName.replaceAll(".", "_")}`;
}

/** The constructor of messages that have their defaults in a prototype. */
export function constructorSource(source: Source, message: DescMessage): Line[] {
  const types = message.members.map((member) => [
    typeOf(source, member),
    isAlwaysThere(member) ? ", " : " | undefined, ",
  ]);
  const parameters = [...message.members.map(variableOf), "unknown"].join(", ");
  const assign = (name: string, value: string) => `if (${value} !== undefined) this.${name} = ${value};`;
  return [
    [
      ["const ", constructorName(message), " = /*@__PURE__*/ ", source.runtime("constructorOf")],
      ["<", source.file.importShape(message), ", [", types],
      [source.file.import("UnknownField", "@bufbuild/protobuf", true), "[] | undefined]>("],
      [source.file.importSchema(message), `, function (${parameters}) {`],
    ],
    ...indent([
      `this.$typeName = "${message.typeName}";`,
      ...message.members.map((member) =>
        isAlwaysThere(member)
          ? `this.${member.localName} = ${variableOf(member)};`
          : assign(member.localName, variableOf(member))
      ),
      ["if (unknown !== undefined) this.$unknown = ", source.runtime("endUnknown"), "(unknown);"],
    ]),
    "});",
  ];
}

/** What is done for a field whose number was read. */
function fieldSource(source: Source, field: DescField): Line[] {
  switch (field.fieldKind) {
    case "message":
      return messageSource(source, field);
    case "list":
      return field.listKind === "message" ? messageListSource(source, field) : scalarListSource(source, field);
    case "map":
      return mapSource(source, field);
    default:
      return scalarSource(source, field);
  }
}

function requireTag(source: Source, tag: number): Line {
  return [`if (tag !== ${tag}) `, source.runtime("decline"), "();"];
}

/** An expression that reads a scalar. */
function readScalar(source: Source, scalar: Scalar, longAsString: boolean, end = "end"): Printable {
  const call = [
    source.runtime(`read${functionName(scalar)}`),
    isUnbounded(scalar) ? `(buffer, at, ${end})` : "(buffer, at)",
  ];
  return longAsString ? ["String(", call, ")"] : call;
}

function scalarSource(source: Source, field: DescField & { fieldKind: "scalar" | "enum" }): Line[] {
  const scalar = valueScalarOf(field);
  const value = readScalar(source, scalar, field.fieldKind === "scalar" && field.longAsString);
  const name = field.oneof === undefined ? variableOf(field) : "value";
  const next: Line = ["at = ", source.runtime("position"), ";"];
  const lines: Line[] = [requireTag(source, tagOf(field.number, scalar.wireType))];
  const isShortInteger = ["int32", "uint32"].includes(scalar.name);
  if (isShortInteger && field.oneof === undefined) {
    // Most have one octet.
    lines.push(
      `${name} = buffer[at++]!;`,
      [`if (${name} > 127) {`],
      ...indent([
        [`${name} = `, source.runtime(`read${functionName(scalar)}`), "(buffer, at - 1);"],
        next,
      ]),
      "}",
    );
  } else {
    lines.push([field.oneof === undefined ? "" : "const ", name, " = ", value, ";"], next);
  }
  if (field.fieldKind === "enum" && !field.enum.open) {
    lines.push(["if (!", source.numbersOf(field.enum), `.has(${name})) `, source.runtime("decline"), "();"]);
  }
  if (field.oneof !== undefined) {
    lines.push(`${variableOf(field.oneof)} = { case: "${field.localName}", value };`);
    return ["{", ...indent(lines), "}"];
  }
  return lines;
}

/** A message, as what the field holds for it. */
function localOf(field: DescField & { message: DescMessage }, source: Source, message: Printable): Printable {
  switch (representationOf(field)) {
    case "message":
      return message;
    case "wrapper":
      return [message, ".value"];
    case "json":
      return [source.runtime("jsonOfStruct"), "(", message, ")"];
  }
}

/** Reads a message within this one, and does something with it. */
function readMessage(
  source: Source,
  field: DescField & { message: DescMessage },
  use: (value: Printable) => Line,
  end = "end",
): Line[] {
  const read = source.codecFunction("read", field.message);
  const position = source.runtime("position");
  if (field.fieldKind !== "map" && field.delimitedEncoding) {
    const message = [read, `(buffer, at, ${end}, depth + 1, ${tagOf(field.number, END_GROUP)})`];
    return [use(localOf(field, source, message)), ["at = ", position, ";"]];
  }
  const stop = field.fieldKind === "map" ? "valueStop" : "stop";
  const message = [read, "(buffer, ", position, `, ${stop}, depth + 1, -1)`];
  return [
    [field.fieldKind === "map" ? "const " : "", stop, " = ", source.runtime("readStop"), `(buffer, at, ${end});`],
    use(localOf(field, source, message)),
    `at = ${stop};`,
  ];
}

function messageTag(field: DescField & { message: DescMessage }): number {
  const isGroup = field.fieldKind !== "map" && field.delimitedEncoding;
  return tagOf(field.number, isGroup ? START_GROUP : LENGTH_DELIMITED);
}

function messageSource(source: Source, field: DescField & { fieldKind: "message" }): Line[] {
  const name = variableOf(field.oneof ?? field);
  const isThere = field.oneof === undefined ? `${name} !== undefined` : `${name}?.case === "${field.localName}"`;
  return [
    // What comes twice is merged: protobuf-es does that.
    [`if (tag !== ${messageTag(field)} || ${isThere}) `, source.runtime("decline"), "();"],
    ...readMessage(
      source,
      field,
      (value) =>
        field.oneof === undefined
          ? [`${name} = `, value, ";"]
          : [`${name} = { case: "${field.localName}", value: `, value, " };"],
    ),
  ];
}

function messageListSource(source: Source, field: DescField & { fieldKind: "list"; message: DescMessage }): Line[] {
  return [
    requireTag(source, messageTag(field)),
    ...readMessage(source, field, (value) => [`${variableOf(field)}.push(`, value, ");"]),
  ];
}

function scalarListSource(source: Source, field: DescField & { fieldKind: "list" }): Line[] {
  const name = variableOf(field);
  const scalar = valueScalarOf(field);
  const longAsString = field.listKind === "scalar" && field.longAsString;
  const next: Line = ["at = ", source.runtime("position"), ";"];
  const cost = itemCost(scalar, longAsString);
  const one = (cost: number): Line[] => [
    ...cost > 0 ? [spend(source, cost)] : [],
    [`${name}.push(`, readScalar(source, scalar, longAsString), ");"],
    next,
  ];
  const tag = tagOf(field.number, scalar.wireType);
  if (isUnbounded(scalar)) {
    return [requireTag(source, tag), ...one(2 * cost)];
  }
  const packed: Line[] = [["stop = ", source.runtime("readStop"), "(buffer, at, end);"]];
  if (scalar.name === "double") {
    packed.push(
      [`${name} = `, source.runtime("readPackedDoubles"), `(${name}, buffer, `, source.runtime("position"), ", stop);"],
      "at = stop;",
    );
  } else {
    packed.push(
      next,
      ["if (stop - at >= ", source.runtime("LONG_LIST"), ") {"],
      ...indent([
        [
          [source.runtime("readLongList"), `(${name}, buffer, at, stop, `],
          [readItem(source, scalar, longAsString), `, ${widthOf(scalar)}, ${cost});`],
        ],
        "at = stop;",
      ]),
      "} else {",
      ...indent([
        "while (at < stop) {",
        ...indent(one(cost)),
        "}",
        ["if (at !== stop) ", source.runtime("decline"), "();"],
      ]),
      "}",
    );
  }
  return [
    `if (tag === ${tagOf(field.number, LENGTH_DELIMITED)}) {`,
    ...indent(packed),
    "} else {",
    ...indent([requireTag(source, tag), ...one(2 * cost)]),
    "}",
  ];
}

/** The function that reads one of many. */
function readItem(source: Source, scalar: Scalar, longAsString: boolean): Printable {
  const read = source.runtime(`read${functionName(scalar)}`);
  return longAsString ? ["(buffer, at) => String(", read, "(buffer, at))"] : read;
}

/** Counts what is about to be made. */
function spend(source: Source, cost: number): Line {
  return [source.runtime("spend"), `(${cost});`];
}

function isPropertyKey(type: string): boolean {
  return type === "string" || type === "number";
}

function keyReader(source: Source, key: Scalar): Printable {
  return key.name === "string" ? [source.runtime("readKey"), "(buffer, at, stop)"] : readScalar(source, key, false);
}

function mapSource(source: Source, field: DescField & { fieldKind: "map" }): Line[] {
  const next: Line = ["at = ", source.runtime("position"), ";"];
  const key = scalarOf(field.mapKey);
  const keyZero = zeroOf(source, key, false);
  const keyType = isLong(key)
    ? "bigint"
    : key.name === "string"
    ? "string"
    : key.name === "bool"
    ? "boolean"
    : "number";
  const { tag, read, zero } = mapValue(source, field);
  return [
    requireTag(source, tagOf(field.number, LENGTH_DELIMITED)),
    "{",
    ...indent([
      ["stop = ", source.runtime("readStop"), "(buffer, at, end);"],
      next,
      spend(source, MAP_ENTRY_COST),
      [`let key: ${keyType} = `, keyZero, ";"],
      ["let value: ", typeOf(source, field), keyType === "number" ? "[number]" : "[string]", " | undefined;"],
      "while (at < stop) {",
      ...indent([
        "const entryTag = buffer[at++]!;",
        `if (entryTag === ${tagOf(1, key.wireType)}) {`,
        ...indent([["key = ", keyReader(source, key), ";"], next]),
        `} else if (entryTag === ${tag}) {`,
        ...indent(read),
        "} else {",
        ...indent([[source.runtime("decline"), "();"]]),
        "}",
      ]),
      "}",
      ["if (at !== stop) ", source.runtime("decline"), "();"],
      [
        [source.runtime("setOwn"), `(${variableOf(field)}, `, isPropertyKey(keyType) ? "key" : "String(key)"],
        [", value === undefined ? ", zero, " : value);"],
      ],
    ]),
    "}",
  ];
}

function mapValue(source: Source, field: DescField & { fieldKind: "map" }) {
  if (field.mapKind === "message") {
    const message = [source.codecFunction("read", field.message), "(buffer, at, at, depth + 1, -1)"];
    return {
      tag: tagOf(2, LENGTH_DELIMITED),
      read: [
        ["if (value !== undefined) ", source.runtime("decline"), "();"],
        ...readMessage(source, field, (value) => ["value = ", value, ";"], "stop"),
      ],
      zero: localOf(field, source, message),
    };
  }
  const scalar = valueScalarOf(field);
  return {
    tag: tagOf(2, scalar.wireType),
    read: [["value = ", readScalar(source, scalar, false, "stop"), ";"], [
      "at = ",
      source.runtime("position"),
      ";",
    ]] as Line[],
    zero: field.mapKind === "enum"
      ? zeroOfEnum(field.enum)
      : scalar.name === "bytes"
      ? "new Uint8Array(0)"
      : zeroOf(source, scalar, false),
  };
}
