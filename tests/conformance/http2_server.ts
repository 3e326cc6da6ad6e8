/**
 * The server that the programs of others judge. It answers as `tests/support/http2_echo.ts` says, and ends gracefully on SIGTERM
 * and when `/goaway` is requested.
 *
 * `deno run --allow-net --allow-read tests/conformance/http2_server.ts [certificate.pem key.pem]`: with both by TLS, else by h2c.
 * It listens on a free port of 127.0.0.1, and says on which.
 */
import { serveHttp } from "../../src/net/mod.ts";
import { answer } from "../support/http2_echo.ts";

const [certPath, keyPath] = Deno.args;
const server = await serveHttp((stream, head, endStream) => {
  if (head.path === "/goaway") {
    shutdown(); // The request is still answered.
  }
  answer(stream, head, endStream);
}, {
  ...certPath === undefined || keyPath === undefined
    ? {}
    : { tls: { cert: Deno.readTextFileSync(certPath), key: Deno.readTextFileSync(keyPath) } },
});

async function shutdown(): Promise<void> {
  await server.shutdown();
  Deno.exit(0);
}

Deno.addSignalListener("SIGTERM", shutdown);
console.log(`listening on ${server.addresses[0]!.port}`);
