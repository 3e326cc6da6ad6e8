/**
 * The same services for edge runtimes: `deno serve edge.ts`, and after bundling workerd, Cloudflare, Bun and Node.
 * Files are kept in memory, for as long as the isolate lives. There is no gRPC here: `fetch` has no trailers.
 */
import { createClient } from "@connectrpc/connect";
import { Hash } from "./gen/edgewire/v1/hash_codec.ts";
import { connectionKey, createFetchHandler, createInProcessTransport } from "./fetch.ts";
import { createPortableHasher, MemoryStore, peerKey, registerHash, registerServices } from "./src/services/mod.ts";

const createHasher = createPortableHasher;
const store = new MemoryStore();
const hash = createClient(Hash, createInProcessTransport((router) => registerHash(router, createHasher)));

export default {
  fetch: createFetchHandler({
    routes: (router) =>
      registerServices(router, {
        store,
        createHasher,
        hash,
        peerOf: ({ values }) => peerKey(values.get(connectionKey)?.peer?.hostname),
      }),
    fallback: (request) =>
      new URL(request.url).pathname === "/"
        ? new Response("Edgewire: Greeter, Hash and File by Connect and gRPC-Web\n")
        : new Response("Not found\n", { status: 404 }),
  }),
};
