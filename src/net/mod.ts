/** The net room: the only one that touches sockets. */
export { createHttp2Fetch } from "./http2_fetch.ts";
export { DEFAULT_HOST, DEFAULT_PORT, serve, type ServeOptions, type Server } from "./serve.ts";
