/**
 * The server that connectconformance judges: it starts one for each combination of protocol, HTTP version and TLS, says by stdin how it has to be,
 * hears by stdout where it is, and ends it by SIGTERM. With `--fetch` it is the fetch handler on `Deno.serve`.
 *
 * `connectconformance --mode server --conf tests/conformance/config.yaml -- deno run -A tests/conformance/server.ts [--fetch]`
 */
import { create } from "@bufbuild/protobuf";
import { serveHttp } from "../../src/net/mod.ts";
import { createFetchHandler, createRpcHandler, DEFAULT_MAX_MESSAGE_BYTES } from "../../src/rpc/mod.ts";
import { nodeCompressions } from "../../src/rpc/node/mod.ts";
import { DelimitedWriter, readDelimited } from "./rpc/delimited.ts";
import { registry, ServerCompatRequestSchema, ServerCompatResponseSchema } from "./rpc/messages.ts";
import { conformanceRoutes } from "./rpc/service.ts";

const { value: request } = await readDelimited(Deno.stdin.readable, ServerCompatRequestSchema).next();
if (request === undefined) {
  throw new Error("Cannot serve: nothing was said by stdin");
}
const text = new TextDecoder();
const creds = request.useTls ? request.serverCreds : undefined;
const pair = creds === undefined ? undefined : { cert: text.decode(creds.cert), key: text.decode(creds.key) };
const options = {
  routes: conformanceRoutes,
  maxMessageBytes: request.messageReceiveLimit,
  maxResponseBytes: DEFAULT_MAX_MESSAGE_BYTES, // They have the requests in them.
  compressions: nodeCompressions,
  compressMinBytes: 0,
  jsonOptions: { registry },
};

async function listen(): Promise<{ readonly hostname: string; readonly port: number }> {
  const hostname = "127.0.0.1";
  if (Deno.args.includes("--fetch")) {
    return Deno.serve({ hostname, port: 0, onListen: () => {}, ...pair }, createFetchHandler(options)).addr;
  }
  const clientCa = request!.clientTlsCert.length > 0 ? text.decode(request!.clientTlsCert) : undefined;
  const server = await serveHttp(createRpcHandler(options).serve, {
    hostnames: [hostname],
    tls: pair === undefined ? undefined : { ...pair, clientCa },
  });
  return server.addresses[0]!;
}

Deno.addSignalListener("SIGTERM", () => Deno.exit(0));
const { hostname: host, port } = await listen();
const response = create(ServerCompatResponseSchema, {
  host,
  port,
  ...creds === undefined ? {} : { pemCert: creds.cert },
});
await new DelimitedWriter(ServerCompatResponseSchema).write(response);
