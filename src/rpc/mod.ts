/** The rpc room: Connect, gRPC and gRPC-Web, as a server and as a client. Knows no socket. */
export { codeName } from "./code.ts";
export { connectionKey } from "./connection_key.ts";
export { type Compression, createWebCompressions } from "./compression.ts";
export { createFetchClient, type FetchClientOptions } from "./client/fetch_client.ts";
export { createInProcessTransport, type InProcessTransportOptions } from "./client/in_process_transport.ts";
export { createTransport, type Protocol, type TransportOptions } from "./client/transport.ts";
export { withCors } from "./cors.ts";
export { createFetchHandler, type FetchHandler, type FetchHandlerOptions } from "./fetch_handler.ts";
export { type InheritedCall, inheritedCallKey } from "./inherited_call.ts";
export type { BinaryOptions, JsonOptions } from "./message_codec.ts";
export { DEFAULT_MAX_MESSAGE_BYTES } from "./message_limits.ts";
export type { CallObserver, CallWatch, EndedCall, ObservedCall } from "./server/call_observer.ts";
export { createRpcHandler, type RpcHandler } from "./server/handler.ts";
export { type MessageReader, reading, type ReadingImpl } from "./server/message_reader.ts";
export { type MessageWriter, writing, type WritingImpl } from "./server/message_writer.ts";
export { DEFAULT_MAX_ABANDONED_CALLS, type RpcOptions } from "./server/options.ts";
