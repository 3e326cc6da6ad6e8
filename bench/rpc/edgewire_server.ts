/** The Greeter and Streams on Edgewire: `edgewire_server.ts PORT`. */
import { serve } from "../../mod.ts";
import { Streams } from "../../gen/edgewire/bench/v1/streams_pb.ts";
import { Greeter } from "../../gen/hello_pb.ts";

await serve({
  hostname: "127.0.0.1",
  port: Number(Deno.args[0]),
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
console.log("ready");
