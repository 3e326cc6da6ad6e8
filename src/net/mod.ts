/** The net room: the only one that touches sockets. */
export { connectHttp2, type Http2Client, type Http2ClientOptions } from "./http2_client.ts";
export type { ConnectionEnd } from "./connection_end.ts";
export { createFetchBridge, type FetchHandler } from "./fetch_bridge.ts";
export { type HttpServer, type HttpServerOptions, serveHttp, type TlsServerOptions } from "./http_server.ts";
export {
  createHttp2Client,
  type DialHttp2,
  type Http2Pool,
  type Http2PoolOptions,
  type OpenStreamOptions,
} from "./http2_pool.ts";
export { DEFAULT_HOST, DEFAULT_PORT, listen, type ListenOptions, type Server } from "./listen.ts";
export { type KeyPairPaths, readKeyPair, readText, watchKeyPair } from "./key_pair_files.ts";
export type { KeyPair } from "./tls.ts";
