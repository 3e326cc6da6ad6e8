/** The RPC room: server handlers and client transports for Connect and gRPC-Web over `fetch`. */
export { connectionKey } from "./connection_key.ts";
export { createFetchHandler, type FetchHandler, type FetchHandlerOptions } from "./fetch_handler.ts";
export { createTransport, type FetchProtocol, type TransportOptions } from "./fetch_transport.ts";
export { DEFAULT_MAX_MESSAGE_BYTES } from "./message_limit.ts";
