/**
 * What the fetch carrier adds to a handler that does the same by hand, without a network: 12 octets there and back.
 * Run by `deno task bench:micro`. The figures are for comparing within one run only.
 */
import type { ExchangeHandler, HeaderField, ServeExchange } from "../../src/http/mod.ts";
import { withCors } from "../../src/rpc/cors.ts";
import { serveFetch } from "../../src/rpc/fetch_exchange.ts";

const OK: readonly HeaderField[] = Object.freeze([
  { name: ":status", value: "200" },
  { name: "content-type", value: "application/proto" },
]);
const CONTENT = new Uint8Array(12);

const ECHO: ExchangeHandler = {
  onData(exchange, buffer, start, end) {
    exchange.respond(OK);
    const at = exchange.reserve(end - start);
    exchange.outputBuffer.set(buffer, at);
    exchange.commit(end - start);
    exchange.end();
    exchange.release(end - start);
  },
  onTrailers: () => {},
  onWritable: () => {},
  onReset: () => {},
};

const serve: ServeExchange = (exchange) => {
  exchange.handler = ECHO;
};
const serveOrigins = withCors(serve, ["*"]);

function createRequest(fields: Record<string, string> = {}): Request {
  const headers = { "content-type": "application/proto", "content-length": "12", ...fields };
  return new Request("http://bench/edgewire.v1.Greeter/SayHello", { method: "POST", body: CONTENT, headers });
}

Deno.bench("by hand", { group: "fetch carrier", baseline: true }, async () => {
  new Response(await createRequest().bytes(), { headers: { "content-type": "application/proto" } });
});

Deno.bench("carrier", { group: "fetch carrier" }, async () => {
  await serveFetch(serve, createRequest());
});

Deno.bench("carrier, CORS without an origin", { group: "fetch carrier" }, async () => {
  await serveFetch(serveOrigins, createRequest());
});

Deno.bench("carrier, CORS with an origin", { group: "fetch carrier" }, async () => {
  await serveFetch(serveOrigins, createRequest({ origin: "https://a.example" }));
});
