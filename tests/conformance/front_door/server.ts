/**
 * The server that is put under load. `/wait/200` is answered after 200 ms with what was sent, `/connections` with how many there are, all else at
 * once. SIGTERM shuts it down, and it exits with 0 when that is done.
 *
 * `deno run --allow-net tests/conformance/front_door/server.ts '{ ...options of serveHttp }'`
 * It listens on a free port of 127.0.0.1, and says on which.
 */
import { createFetchBridge, serveHttp } from "../../../src/net/mod.ts";

const server = await serveHttp(
  createFetchBridge(async (request) => {
    const { pathname } = new URL(request.url);
    const [, what, waitMs] = pathname.split("/");
    const content = await request.bytes();
    if (what === "wait") {
      await new Promise((resolve) => setTimeout(resolve, Number(waitMs)));
    }
    return new Response(what === "connections" ? `${server.connectionCount}` : content);
  }, (error) => console.error(error)),
  JSON.parse(Deno.args[0] ?? "{}"),
);

addEventListener("unhandledrejection", (event) => {
  console.error(event.reason);
  Deno.exit(3);
});

Deno.addSignalListener("SIGTERM", async () => {
  await server.shutdown();
  Deno.exit(server.connectionCount === 0 ? 0 : 4);
});
console.log(`listening on ${server.addresses[0]!.port}`);
