/**
 * The server that the programs of others judge. It answers as `tests/support/http2_echo.ts` says, and ends gracefully on SIGTERM.
 *
 * `deno run --allow-net --allow-read tests/conformance/http2_server.ts [certificate.pem key.pem]`: with both by TLS, else by h2c.
 * It listens on a free port of 127.0.0.1, and says on which.
 */
import { serveHttp2 } from "../../src/net/mod.ts";
import { answer } from "../support/http2_echo.ts";

const [certPath, keyPath] = Deno.args;
const server = serveHttp2(answer, {
  ...certPath === undefined || keyPath === undefined
    ? {}
    : { cert: Deno.readTextFileSync(certPath), key: Deno.readTextFileSync(keyPath) },
});
Deno.addSignalListener("SIGTERM", async () => {
  await server.shutdown();
  Deno.exit(0);
});
console.log(`listening on ${server.port}`);
