/**
 * The client that h2specd judges: one GET, then it stays as long as the server lets it.
 *
 * `deno run --allow-net --allow-read tests/conformance/http2_client.ts [certificate.pem] http://127.0.0.1:30000/`
 */
import { connectHttp2 } from "../../src/net/mod.ts";

const url = new URL(Deno.args.at(-1)!);
const certificate = Deno.args.length > 1 ? Deno.readTextFileSync(Deno.args[0]!) : undefined;
const client = await connectHttp2({
  hostname: url.hostname,
  port: Number(url.port),
  tls: url.protocol === "https:",
  caCerts: certificate === undefined ? undefined : [certificate],
});
const stream = client.connection.openStream(
  [
    { name: ":method", value: "GET" },
    { name: ":scheme", value: url.protocol.slice(0, -1) },
    { name: ":authority", value: url.host },
    { name: ":path", value: url.pathname },
  ],
  {
    onData: (stream, _buffer, start, end) => stream.release(end - start),
    onTrailers: () => {},
    onWritable: () => {},
    onReset: () => {},
  },
  true,
);
await client.closed;
Deno.exit(stream.isClosed ? 0 : 1);
