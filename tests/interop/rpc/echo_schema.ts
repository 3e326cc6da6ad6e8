/** `echo.proto` at run time. No stubs are generated: the messages are JSON to all but the libraries under test. */
import {
  createFileRegistry,
  type DescMessage,
  type DescMethodStreaming,
  type DescMethodUnary,
  fromBinary,
  type JsonObject,
  type Message,
  toJson,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

/** What callers and services need to know of `echo.proto`. */
export interface EchoSchema {
  readonly methods: ReadonlyMap<string, Method>;
  /** The detail that errors have. */
  readonly detail: DescMessage;
}

/** @param descriptors A `FileDescriptorSet`, as `buf build` makes it. */
export function readEchoSchema(descriptors: Uint8Array): EchoSchema {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors));
  const service = registry.getService("edgewire.test.v1.EchoService");
  const detail = registry.getMessage("edgewire.test.v1.FailRequest");
  if (service === undefined || detail === undefined) {
    throw new Error("Cannot use the descriptors: they are not those of echo.proto");
  }
  // Each is of one of the kinds, which the type of the library does not say.
  const methods = service.methods.map((method) => [method.name, method as Method] as const);
  return { methods: new Map(methods), detail };
}

/** A method as one of its kind. */
export type Method = DescMethodUnary<DescMessage, DescMessage> | DescMethodStreaming;

/** A message as JSON. All messages of `echo.proto` are objects in JSON. */
export function toJsonObject(schema: DescMessage, message: Message): JsonObject {
  const json = toJson(schema, message);
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new TypeError(`Cannot use ${schema.typeName}: its JSON is no object`);
  }
  return json;
}
