/**
 * The server that connectconformance judges: it starts one for each combination of protocol, HTTP version and TLS, says by stdin how it has to be,
 * hears by stdout where it is, and ends it by SIGTERM.
 *
 * `connectconformance --mode server --conf tests/conformance/config.yaml -- deno run -A tests/conformance/server.ts`
 */
import { create } from "@bufbuild/protobuf";
import { createConnectRouter } from "@connectrpc/connect";
import { universalServerRequestFromFetch, universalServerResponseToFetch } from "@connectrpc/connect/protocol";
import { DelimitedWriter, readDelimited } from "./rpc/delimited.ts";
import { registry, ServerCompatRequestSchema, ServerCompatResponseSchema } from "./rpc/messages.ts";
import { conformanceRoutes } from "./rpc/service.ts";
import { compressions } from "./rpc/dev_compressions.ts";

const { value: request } = await readDelimited(Deno.stdin.readable, ServerCompatRequestSchema).next();
if (request === undefined) {
  throw new Error("Cannot serve: nothing came by stdin");
}
const router = createConnectRouter({
  readMaxBytes: request.messageReceiveLimit,
  acceptCompression: compressions,
  jsonOptions: { registry },
});
conformanceRoutes(router);
const handlers = new Map(router.handlers.map((h) => [h.requestPath, h]));
async function handle(req: Request): Promise<Response> {
  const h = handlers.get(new URL(req.url).pathname);
  if (h === undefined) return new Response(null, { status: 404 });
  return universalServerResponseToFetch(await h(universalServerRequestFromFetch(req, {})));
}

const text = new TextDecoder();
const { serverCreds } = request;
const tls = request.useTls && serverCreds !== undefined
  ? { cert: text.decode(serverCreds.cert), key: text.decode(serverCreds.key) }
  : {};
const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {}, ...tls }, handle);
Deno.addSignalListener("SIGTERM", () => Deno.exit(0));
await new DelimitedWriter(ServerCompatResponseSchema).write(create(ServerCompatResponseSchema, {
  host: server.addr.hostname,
  port: server.addr.port,
  pemCert: request.useTls ? serverCreds?.cert : undefined,
}));
