/** The Greeter on connect-node, without TLS: `node connect_node_server.mjs http1|http2 PORT`. */
import * as http1 from "node:http";
import * as http2 from "node:http2";
import { connectNodeAdapter } from "@connectrpc/connect-node";

const [version, port] = process.argv.slice(2);
// The stubs are generated when the benchmark runs.
const { Greeter } = await import(new URL("gen/hello_pb.js", import.meta.url).href);

const handler = connectNodeAdapter({
  routes: (router) => router.service(Greeter, { sayHello: ({ name }) => ({ message: `Hello, ${name}!` }) }),
});
const server = version === "http1" ? http1.createServer(handler) : http2.createServer(handler);
server.listen(Number(port), "127.0.0.1", () => console.log("ready"));
