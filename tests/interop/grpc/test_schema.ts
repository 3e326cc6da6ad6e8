/** gRPC's test service at run time. No stubs are generated: messages are protobuf JSON. */
import {
  createFileRegistry,
  type DescMessage,
  type DescMethodStreaming,
  type DescMethodUnary,
  type DescService,
  fromBinary,
  fromJson,
  type JsonObject,
  type Message,
  toJson,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

/** Where the protos are. */
export const TEST_PROTOS = new URL("proto", import.meta.url).pathname;

export const TEST_SERVICE = "grpc.testing.TestService";
export const UNIMPLEMENTED_SERVICE = "grpc.testing.UnimplementedService";
export const ORCA_SERVICE = "xds.service.orca.v3.OpenRcaService";

/** The trailer with a report of one call's costs. */
export const REPORT_TRAILER = "endpoint-load-metrics-bin";

/** A method as one of its kind, which the library's type of all methods does not say. */
export type Method = DescMethodUnary<DescMessage, DescMessage> | DescMethodStreaming;

/** What the service and its callers need to know. */
export interface TestSchema {
  /** @param path As in `grpc.testing.TestService/EmptyCall`. */
  method(path: string): Method;
  service(name: string): DescService;
  /** `xds.data.orca.v3.OrcaLoadReport`. */
  readonly report: DescMessage;
}

/** @param descriptors A `FileDescriptorSet`, as `buf build` makes it. */
export function readTestSchema(descriptors: Uint8Array): TestSchema {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors));
  const report = registry.getMessage("xds.data.orca.v3.OrcaLoadReport");
  if (report === undefined) {
    throw new Error("Cannot use the descriptors: they are not those of gRPC's test service");
  }
  const service = (name: string) => {
    const service = registry.getService(name);
    if (service === undefined) {
      throw new Error(`Cannot use ${name}: the protos have no such service`);
    }
    return service;
  };
  return {
    report,
    service,
    method: (path) => {
      const [serviceName = "", name] = path.split("/");
      const method = service(serviceName).methods.find((method) => method.name === name);
      if (method === undefined) {
        throw new Error(`Cannot call ${path}: the protos have no such method`);
      }
      return method as Method;
    },
  };
}

/** A message as JSON. All messages of these protos are objects in JSON. */
export function toJsonObject(schema: DescMessage, message: Message): JsonObject {
  const json = toJson(schema, message);
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new TypeError(`Cannot use ${schema.typeName}: its JSON is no object`);
  }
  return json;
}

/** A report as ORCA has it, of one as the test service has it. */
export function toReport(schema: TestSchema, report: JsonObject): Message {
  const { memoryUtilization = 0, ...rest } = report;
  return fromJson(schema.report, { ...rest, memUtilization: memoryUtilization });
}

/** A payload of so many zeros. */
export function zeros(size: number): JsonObject {
  return { body: zerosAsBase64(size) };
}

const encodedZeros = new Map<number, string>();

/** Kept, as the cases have few sizes and a soak has many calls. */
function zerosAsBase64(size: number): string {
  const encoded = encodedZeros.get(size) ?? new Uint8Array(size).toBase64();
  encodedZeros.set(size, encoded);
  return encoded;
}

/** How many octets the payload of a message has. */
export function payloadSize(message: JsonObject): number {
  const { payload } = message;
  const body = isObject(payload) ? payload["body"] ?? "" : "";
  return Uint8Array.fromBase64(String(body)).length;
}

/** Whether a field is a message that is set. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
