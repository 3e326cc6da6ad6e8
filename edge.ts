/**
 * The same services for edge runtimes: `deno serve edge.ts`, and after bundling workerd, Cloudflare, Bun and Node.
 * Files are kept in memory, for as long as the isolate lives. There is no gRPC here: `fetch` has no trailers.
 */
import { createFetchHandler } from "./src/rpc/mod.ts";
import { createPortableHasher, MemoryStore, registerServices } from "./src/services/mod.ts";

const store = new MemoryStore();

export default {
  fetch: createFetchHandler({
    routes: (router) => registerServices(router, { store, createHasher: createPortableHasher }),
    fallback: (request) =>
      new URL(request.url).pathname === "/"
        ? new Response("Edgewire: Greeter, Hash and File by Connect and gRPC-Web\n")
        : new Response("Not found\n", { status: 404 }),
  }),
};
