/**
 * The server that connectconformance judges: it starts one for each combination of protocol, HTTP version and TLS, says by stdin how it has to be,
 * hears by stdout where it is, and ends it by SIGTERM. With `--fetch` it is the fetch handler on `Deno.serve`.
 *
 * `connectconformance --mode server --conf tests/conformance/config.yaml -- deno run -A tests/conformance/server.ts [--fetch]`
 */
import { create } from "@bufbuild/protobuf";
import { createFetchHandler, serve } from "../../mod.ts";
import { DEFAULT_MAX_MESSAGE_BYTES } from "../../src/rpc/mod.ts";
import { nodeCompressions } from "../../src/rpc/node/mod.ts";
import { DelimitedWriter, readDelimited } from "./rpc/delimited.ts";
import { registry, ServerCompatRequestSchema, ServerCompatResponseSchema } from "./rpc/messages.ts";
import { conformanceRoutes } from "./rpc/service.ts";

const HOST = "127.0.0.1";

const { value: request } = await readDelimited(Deno.stdin.readable, ServerCompatRequestSchema).next();
if (request === undefined) {
  throw new Error("Cannot serve: nothing was said by stdin");
}
const { useTls, serverCreds, clientTlsCert, messageReceiveLimit } = request;
const text = new TextDecoder();
const pair = useTls && serverCreds !== undefined
  ? { cert: text.decode(serverCreds.cert), key: text.decode(serverCreds.key) }
  : undefined;
const options = {
  routes: conformanceRoutes,
  maxMessageBytes: messageReceiveLimit,
  maxResponseBytes: DEFAULT_MAX_MESSAGE_BYTES, // They have the requests in them.
  compressions: nodeCompressions,
  compressMinBytes: 0,
  jsonOptions: { registry },
};

async function listen(): Promise<number> {
  if (Deno.args.includes("--fetch")) {
    const server = Deno.serve({ hostname: HOST, port: 0, onListen: () => {}, ...pair }, createFetchHandler(options));
    return server.addr.port;
  }
  const clientCa = clientTlsCert.length > 0 ? text.decode(clientTlsCert) : undefined;
  const tls = pair === undefined ? undefined : { ...pair, clientCa };
  const server = await serve({ ...options, host: HOST, port: 0, tls });
  return Number(new URL(server.url).port);
}

Deno.addSignalListener("SIGTERM", () => Deno.exit(0));
const response = create(ServerCompatResponseSchema, {
  host: HOST,
  port: await listen(),
  ...pair === undefined ? {} : { pemCert: new TextEncoder().encode(pair.cert) },
});
await new DelimitedWriter(ServerCompatResponseSchema).write(response);
