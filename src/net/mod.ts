/** The net room: the only one that touches sockets. */
export { MAX_TIMEOUT_MS, type RefusalError, type RefusalReason } from "../http/mod.ts";
export { DEFAULT_HTTP2_LIMITS } from "../http2/mod.ts";
export { checkAllowedHosts, type RefuseHost } from "./allowed_hosts.ts";
export { Backoff, type BackoffOptions } from "./backoff.ts";
export {
  type BufferLimits,
  defaultMaxBufferedBytes,
  defaultMaxOpenCalls,
  MIN_BUFFERED_BYTES,
  withRoomFor,
} from "./buffer_limits.ts";
export { watchGarbage } from "./garbage_watch.ts";
export { connectHttp2, type Http2Client, type Http2ClientOptions } from "./http2_client.ts";
export type { ConnectionEnd } from "./connection_end.ts";
export { limitConnections, limitFiles, prepareForShortage, threadShortage } from "./descriptors.ts";
export { createFetchBridge, type FetchHandler } from "./fetch_bridge.ts";
export { DEFAULT_MAX_CONNECTIONS, type HttpServer, type HttpServerOptions, serveHttp } from "./http_server.ts";
export { createHttp2Client, type Http2Pool, type Http2PoolOptions } from "./http2_pool.ts";
export { DEFAULT_HOST, DEFAULT_PORT, listen, type Server } from "./listen.ts";
export type { ListenOptions } from "./listen_options.ts";
export { assertCertificates, type KeyPair, type TlsServerOptions } from "./tls.ts";
export { TlsFiles, type TlsPaths } from "./tls_files.ts";
