/** The Greeter and Streams on connect-node, by HTTP/2 without TLS: `node connect_node_server.mjs PORT`. */
import { createServer } from "node:http2";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { Streams } from "./gen/edgewire/bench/v1/streams_pb.js";
import { Greeter } from "./gen/hello_pb.js";

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
