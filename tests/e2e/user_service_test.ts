/** A service of ten lines, `user_service.ts`, everywhere it can run, called through the public door. */
import { createClient } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { Greeter } from "../../gen/edgewire/v1/greeter_pb.ts";
import { createHttp2Client, createTransport, serve, type TransportOptions } from "../../mod.ts";
import { withWorkerd } from "../support/edge_runtime.ts";
import edge, { routes } from "../support/user_service.ts";

async function greet(options: TransportOptions): Promise<void> {
  const { message } = await createClient(Greeter, createTransport(options)).sayHello({ name: "World" });
  assert.equal(message, "Hello, World!");
}

Deno.test("the service of a user: on our server, by each protocol over HTTP/1.1 and HTTP/2", async () => {
  const server = await serve({ routes, port: 0 });
  const httpClient = createHttp2Client({ baseUrl: server.url });
  try {
    await greet({ baseUrl: server.url });
    await greet({ baseUrl: server.url, protocol: "grpc-web", useBinaryFormat: false });
    await greet({ httpClient, protocol: "grpc" });
    await greet({ httpClient, protocol: "connect", useHttpGet: true });
  } finally {
    await httpClient.close();
    await server.shutdown();
  }
});

Deno.test("the service of a user: compressions that are left open are all there are", async () => {
  const server = await serve({ routes, port: 0, compressions: undefined, compressMinBytes: 0 });
  try {
    const response = await fetch(`${server.url}/edgewire.v1.Greeter/SayHello`, {
      method: "POST",
      headers: { "content-type": "application/json", "accept-encoding": "zstd" },
      body: JSON.stringify({ name: "a".repeat(1000) }),
    });
    assert.equal(response.headers.get("content-encoding"), "zstd");
    await response.body?.cancel();
  } finally {
    await server.shutdown();
  }
});

Deno.test("the service of a user: as a fetch handler under Deno.serve", async () => {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => edge.fetch(request));
  try {
    const baseUrl = `http://127.0.0.1:${server.addr.port}`;
    await greet({ baseUrl });
    await greet({ baseUrl, protocol: "grpc-web" });
  } finally {
    await server.shutdown();
  }
});

Deno.test("the service of a user: as a fetch handler in workerd", async () => {
  await withWorkerd("tests/support/user_service.ts", async (baseUrl) => {
    await greet({ baseUrl });
    await greet({ baseUrl, protocol: "grpc-web" });
  });
});
