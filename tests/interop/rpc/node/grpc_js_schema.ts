/** `echo.proto` as grpc-js has it: loaded from the file itself, messages as JSON. */
import { Buffer } from "node:buffer";
import type { JsonObject } from "@bufbuild/protobuf";
import { Metadata } from "@grpc/grpc-js";
import { loadSync, type MethodDefinition, type PackageDefinition } from "@grpc/proto-loader";

/** How grpc-js sends and reads the messages of a method. */
export type JsonMethod = MethodDefinition<object, object, JsonObject, JsonObject>;

/** What callers and services need to know of `echo.proto`. */
export interface GrpcJsSchema {
  readonly methods: Readonly<Record<string, JsonMethod>>;
  /** The value of `grpc-status-details-bin` of an error. */
  encodeDetail(code: number, message: string, detail: JsonObject): Buffer;
  /** The details of such a value that are a `FailRequest`. */
  decodeDetails(value: Buffer): JsonObject[];
}

const PACKAGE = "edgewire.test.v1";
const DETAIL_URL = `type.googleapis.com/${PACKAGE}.FailRequest`;

/** @param path Where `echo.proto` is. */
export function loadGrpcJsSchema(path: string): GrpcJsSchema {
  const definitions = loadSync(path, { bytes: String, enums: String });
  const status = messageOf(definitions, `${PACKAGE}.Status`);
  const detailType = messageOf(definitions, `${PACKAGE}.FailRequest`);
  return {
    // With these options all messages are JSON.
    methods: definitions[`${PACKAGE}.EchoService`] as Record<string, JsonMethod>,
    encodeDetail: (code, message, detail) => {
      const value = detailType.serialize(detail).toString("base64");
      return status.serialize({ code, message, details: [{ type_url: DETAIL_URL, value }] });
    },
    decodeDetails: (value) =>
      status.deserialize(value).details
        .filter((any) => any.type_url === DETAIL_URL)
        .map((any) => detailType.deserialize(Buffer.from(any.value, "base64"))),
  };
}

interface MessageCodec {
  serialize(message: object): Buffer;
  deserialize(
    octets: Buffer,
  ): JsonObject & { readonly details: { readonly type_url: string; readonly value: string }[] };
}

function messageOf(definitions: PackageDefinition, name: string): MessageCodec {
  return definitions[name] as unknown as MessageCodec;
}

/** Metadata as text: of binary values the base64. */
export function toRecord(metadata: Metadata): Record<string, string> {
  return Object.fromEntries(Object.keys(metadata.getMap()).map((name) => [name, toText(metadata, name)]));
}

function toText(metadata: Metadata, name: string): string {
  return metadata.get(name).map((value) => typeof value === "string" ? value : value.toString("base64")).join(", ");
}

/** Metadata of text. */
export function toMetadata(values: readonly (readonly [name: string, value: string])[]): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of values) {
    metadata.add(name, name.endsWith("-bin") ? Buffer.from(value, "base64") : value);
  }
  return metadata;
}
