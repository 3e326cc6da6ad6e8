/** The net room: the only one that touches sockets. */
export { DEFAULT_HOST, DEFAULT_PORT, serve, type ServeOptions, type Server } from "./serve.ts";
