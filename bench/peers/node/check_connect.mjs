/**
 * Asks a server by connect-node whether its Greeter answers right: `node check_connect.mjs PORT connect|grpc-web binary|json 1.1|2`.
 */
import assert from "node:assert/strict";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";

const [port, protocol, format, httpVersion] = process.argv.slice(2);
const { Greeter } = await import(new URL("gen/hello_pb.js", import.meta.url).href);
const createTransport = protocol === "connect" ? createConnectTransport : createGrpcWebTransport;
const transport = createTransport({
  baseUrl: `http://127.0.0.1:${port}`,
  useBinaryFormat: format === "binary",
  httpVersion,
});
const { message } = await createClient(Greeter, transport).sayHello({ name: "World" });
assert.equal(message, "Hello, World!");
process.exit();
