/**
 * The messages of connectconformance, as far as our programs use them. Their protos come with the runner's Go module, so nothing is generated from
 * them: the descriptors are read from the image that `protos.ts` has Buf build, and only the types are written down here.
 */
import { createFileRegistry, fromBinary, type Message } from "@bufbuild/protobuf";
import type { GenMessage, GenService } from "@bufbuild/protobuf/codegenv2";
import { type Any, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { IMAGE_PATH } from "./protos.ts";

const PACKAGE = "connectrpc.conformance.v1";

/** All types there are: `Any` in JSON needs those of the messages in it. */
export const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, Deno.readFileSync(IMAGE_PATH)));

/** A message type of the package, or one within another: `Outer.Inner`. */
type Named<Name extends string> = Message<`${typeof PACKAGE}.${Name}`>;

function schemaOf<Shape extends Message>(typeName: Shape["$typeName"]): GenMessage<Shape> {
  const schema = registry.getMessage(typeName);
  if (schema === undefined) {
    throw new Error(`Cannot find ${typeName} in ${IMAGE_PATH}`);
  }
  return schema as GenMessage<Shape>;
}

/** A field of HTTP and its values. */
export type Header = Named<"Header"> & { name: string; value: string[] };

/** What `google.rpc.Status` says, too. The code is one of Connect's `Code`. */
export type RpcError = Named<"Error"> & { code: number; message?: string; details: Any[] };

/** A certificate and its key, as PEM. */
export type TlsCreds = Named<"TLSCreds"> & { cert: Uint8Array<ArrayBuffer>; key: Uint8Array<ArrayBuffer> };

/** What the server saw of a request. */
export type RequestInfo = Named<"ConformancePayload.RequestInfo"> & {
  requestHeaders: Header[];
  timeoutMs?: bigint;
  requests: Any[];
  connectGetInfo?: ConnectGetInfo;
};
type ConnectGetInfo = Named<"ConformancePayload.ConnectGetInfo"> & { queryParams: Header[] };

/** What every response carries. */
export type Payload = Named<"ConformancePayload"> & { data: Uint8Array<ArrayBuffer>; requestInfo?: RequestInfo };

/** How to answer a call with one response. */
export type UnaryDefinition = Named<"UnaryResponseDefinition"> & {
  responseHeaders: Header[];
  response: { case: "responseData"; value: Uint8Array<ArrayBuffer> } | { case: "error"; value: RpcError } | {
    case: undefined;
    value?: undefined;
  };
  responseTrailers: Header[];
  responseDelayMs: number;
};

/** How to answer a call with many. */
export type StreamDefinition = Named<"StreamResponseDefinition"> & {
  responseHeaders: Header[];
  responseData: Uint8Array<ArrayBuffer>[];
  responseDelayMs: number;
  error?: RpcError;
  responseTrailers: Header[];
};

type Request<Name extends string, Definition> = Named<Name> & {
  responseDefinition?: Definition;
  requestData: Uint8Array<ArrayBuffer>;
};
type Response<Name extends string> = Named<Name> & { payload?: Payload };

/** How a client that answers to the runner is to call. */
export type ClientCompatRequest = Named<"ClientCompatRequest"> & {
  testName: string;
  httpVersion: number;
  protocol: number;
  codec: number;
  compression: number;
  host: string;
  port: number;
  serverTlsCert: Uint8Array<ArrayBuffer>;
  clientTlsCreds?: TlsCreds;
  messageReceiveLimit: number;
  method?: string;
  streamType: number;
  useGetHttpMethod: boolean;
  requestHeaders: Header[];
  requestMessages: Any[];
  timeoutMs?: number;
  requestDelayMs: number;
  cancel?: Named<"ClientCompatRequest.Cancel"> & {
    cancelTiming:
      | { case: "beforeCloseSend"; value: Message }
      | { case: "afterCloseSendMs"; value: number }
      | { case: "afterNumResponses"; value: number }
      | { case: undefined; value?: undefined };
  };
};

/** What came of a call. */
export type ClientResponseResult = Named<"ClientResponseResult"> & {
  responseHeaders: Header[];
  payloads: Payload[];
  error?: RpcError;
  responseTrailers: Header[];
};

/** The call could not even be made. */
export type ClientErrorResult = Named<"ClientErrorResult"> & { message: string };

/** What is said to the runner of a call. */
export type ClientCompatResponse = Named<"ClientCompatResponse"> & {
  testName: string;
  result: { case: "response"; value: ClientResponseResult } | { case: "error"; value: ClientErrorResult };
};

type ServerCompatRequest = Named<"ServerCompatRequest"> & {
  protocol: number;
  httpVersion: number;
  useTls: boolean;
  clientTlsCert: Uint8Array<ArrayBuffer>;
  messageReceiveLimit: number;
  serverCreds?: TlsCreds;
};
type ServerCompatResponse = Named<"ServerCompatResponse"> & {
  host: string;
  port: number;
  pemCert: Uint8Array<ArrayBuffer>;
};

export const HeaderSchema = schemaOf<Header>(`${PACKAGE}.Header`);
export const RpcErrorSchema = schemaOf<RpcError>(`${PACKAGE}.Error`);
export const RequestInfoSchema = schemaOf<RequestInfo>(`${PACKAGE}.ConformancePayload.RequestInfo`);
export const PayloadSchema = schemaOf<Payload>(`${PACKAGE}.ConformancePayload`);
export const ClientCompatRequestSchema = schemaOf<ClientCompatRequest>(`${PACKAGE}.ClientCompatRequest`);
export const ClientCompatResponseSchema = schemaOf<ClientCompatResponse>(`${PACKAGE}.ClientCompatResponse`);
export const ClientResponseResultSchema = schemaOf<ClientResponseResult>(`${PACKAGE}.ClientResponseResult`);
export const ClientErrorResultSchema = schemaOf<ClientErrorResult>(`${PACKAGE}.ClientErrorResult`);
export const ServerCompatRequestSchema = schemaOf<ServerCompatRequest>(`${PACKAGE}.ServerCompatRequest`);
export const ServerCompatResponseSchema = schemaOf<ServerCompatResponse>(`${PACKAGE}.ServerCompatResponse`);

interface Method<Kind extends string, Input extends Message, Output extends Message> {
  methodKind: Kind;
  input: GenMessage<Input>;
  output: GenMessage<Output>;
}

/** The service that servers under test offer, and clients under test call. */
export const ConformanceService = registry.getService(`${PACKAGE}.ConformanceService`) as GenService<{
  unary: Method<"unary", Request<"UnaryRequest", UnaryDefinition>, Response<"UnaryResponse">>;
  idempotentUnary: Method<
    "unary",
    Request<"IdempotentUnaryRequest", UnaryDefinition>,
    Response<"IdempotentUnaryResponse">
  >;
  clientStream: Method<
    "client_streaming",
    Request<"ClientStreamRequest", UnaryDefinition>,
    Response<"ClientStreamResponse">
  >;
  serverStream: Method<
    "server_streaming",
    Request<"ServerStreamRequest", StreamDefinition>,
    Response<"ServerStreamResponse">
  >;
  bidiStream: Method<
    "bidi_streaming",
    Request<"BidiStreamRequest", StreamDefinition> & { fullDuplex: boolean },
    Response<"BidiStreamResponse">
  >;
  unimplemented: Method<"unary", Named<"UnimplementedRequest">, Named<"UnimplementedResponse">>;
}>;

export const HttpVersion = { HTTP_1: 1, HTTP_2: 2 } as const;
export const Protocol = { CONNECT: 1, GRPC: 2, GRPC_WEB: 3 } as const;
export const Codec = { PROTO: 1, JSON: 2 } as const;
export const StreamType = { FULL_DUPLEX_BIDI: 5 } as const;

/** The names that HTTP has for the runner's compressions, by their number. */
export const COMPRESSION_NAMES: readonly (string | undefined)[] = [
  undefined,
  undefined,
  "gzip",
  "br",
  "zstd",
  "deflate",
];
