/** Generates the file of codecs beside a file of stubs. */
import type { DescEnum, DescFile, DescMessage, DescService } from "@bufbuild/protobuf";
import type { Printable, Schema } from "@bufbuild/protoplugin";
import { hasPrototype } from "../../src/codec/plan.ts";
import { constructorSource, readerSource } from "./reader.ts";
import type { Line, Source } from "./source.ts";
import { boundSource, writerSource } from "./writer.ts";

/** Generates `x_codec.ts` for a file. */
export function printCodecs(schema: Schema<{ runtime: string }>, desc: DescFile): void {
  const messages = [...schema.typesInFile(desc)].filter((type) => type.kind === "message");
  if (messages.length === 0 && desc.services.length === 0) {
    return;
  }
  const file = schema.generateFile(`${desc.name}_codec.ts`);
  const runtime = (name: string) => file.import(name, schema.options.runtime);
  const generated = new Set(schema.files.map(({ name }) => name));
  /** Messages of files that are not generated, such as google.protobuf.Timestamp: their codecs are within this file. */
  const foreign = new Set<DescMessage>();
  const enums = new Map<DescEnum, string>();
  const source: Source = {
    file,
    runtime,
    numbersOf: (desc) => {
      const name = enums.get(desc) ?? `numbers${enums.size}`;
      enums.set(desc, name);
      return name;
    },
    codecFunction: (kind, message) => {
      const name = functionName(kind, message);
      if (message.file === desc) {
        return name;
      }
      if (generated.has(message.file.name)) {
        return file.import(name, `./${message.file.name}_codec.js`);
      }
      foreign.add(message);
      return name;
    },
  };
  file.preamble(desc);
  file.print(`export * from "./${desc.name.split("/").at(-1)}_pb.${importExtension(schema)}";`);
  const print = (lines: readonly Line[]) => lines.forEach((line) => file.print(line));
  for (const message of messages) {
    print(messageSource(source, message, true));
  }
  // Before the foreign messages, of which they may be the only users.
  const services = desc.services.map((service) => serviceSource(source, service));
  for (const message of foreign) {
    print(messageSource(source, message, false));
  }
  for (const [desc, name] of enums) {
    const numbers = desc.values.map(({ number }) => number).join(", ");
    file.print(`const ${name}: ReadonlySet<number> = /*@__PURE__*/ new Set([${numbers}]);`);
  }
  services.forEach(print);
}

/** The service, whose messages have codecs if it is used. */
function serviceSource(source: Source, service: DescService): Line[] {
  const { file, runtime } = source;
  const schema = file.importSchema(service);
  const messages = new Set(service.methods.flatMap(({ input, output }) => [input, output]));
  return [
    "",
    file.jsDoc(`The service ${service.typeName}, with codecs.`),
    [
      file.export("const", schema.name),
      ": typeof ",
      schema,
      " = /*@__PURE__*/ ",
      runtime("withCodecs"),
      "(",
      schema,
      ", [",
    ],
    ...[...messages].map((message) => ["  [", file.importSchema(message), ", ", codecSource(source, message), "],"]),
    "]);",
  ];
}

function importExtension({ options }: Schema): string {
  return options.importExtension === "none" ? "js" : options.importExtension;
}

/** The name of a function, after the message's full name: local, and the same in all files. */
function functionName(kind: string, { typeName }: DescMessage): string {
  return `${kind}_${typeName.replaceAll(".", "_")}`;
}

function messageSource(source: Source, message: DescMessage, isExported: boolean): Line[] {
  const { file } = source;
  const shape = file.importShape(message);
  const signature = (kind: string, parameters: Printable, result: Printable): Line => {
    const name = functionName(kind, message);
    return [isExported ? file.export("function", name) : `function ${name}`, "(", parameters, "): ", result, " {"];
  };
  const read = "buffer: Uint8Array, at: number, end: number, depth: number, endTag: number";
  const lines: Line[] = [
    "",
    ...hasPrototype(message) ? constructorSource(source, message) : [],
    ...readerSource(source, message, signature("read", read, shape)),
    ...boundSource(source, message, signature("bound", ["message: ", shape], "number")),
    ...writerSource(
      source,
      message,
      signature("write", ["message: ", shape, ", buffer: Uint8Array, at: number"], "number"),
    ),
  ];
  if (isExported) {
    const schema = file.importSchema(message);
    lines.push(
      file.jsDoc(`The schema of ${message.typeName}, with a codec.`),
      [
        [file.export("const", schema.name), ": typeof ", schema, " = /*@__PURE__*/ ", source.runtime("withCodec")],
        ["(", schema, ", ", codecSource(source, message), ");"],
      ],
    );
  }
  return lines;
}

function codecSource({ codecFunction }: Source, message: DescMessage): Printable {
  return [
    ["{ read: ", codecFunction("read", message), ", bound: ", codecFunction("bound", message)],
    [", write: ", codecFunction("write", message), " }"],
  ];
}
