/** The Greeter and Streams on connect-node, by HTTP/2 without TLS: `node connect_node_server.mjs PORT`. */
import { createServer } from "node:http2";
import { connectNodeAdapter } from "@connectrpc/connect-node";

// The stubs are generated when the benchmark runs.
const stubs = (name) => import(new URL(`gen/${name}`, import.meta.url).href);
const { Streams } = await stubs("edgewire/bench/v1/streams_pb.js");
const { Greeter } = await stubs("hello_pb.js");

const handler = connectNodeAdapter({
  routes(router) {
    router.service(Greeter, { sayHello: ({ name }) => ({ message: `Hello, ${name}!` }) });
    router.service(Streams, {
      async *sayMany({ name, count }) {
        for (let index = 0; index < count; index++) {
          yield { message: `Hello, ${name}!` };
        }
      },
    });
  },
});
createServer(handler).listen(Number(process.argv[2]), "127.0.0.1", () => console.log("ready"));
