/** The Greeter and Streams on Edgewire: `edgewire_server.ts PORT`, and `--write` before it for streams that push. */
import { serve, writing } from "../../mod.ts";
import {
  type SayManyRequest,
  type SayManyRequestSchema,
  type SayManyResponseSchema,
  Streams,
} from "../../gen/edgewire/bench/v1/streams_pb.ts";
import { Greeter } from "../../gen/hello_codec.ts";

const pushMany = writing<typeof SayManyRequestSchema, typeof SayManyResponseSchema>(
  async ({ name, count }, writer) => {
    for (let index = 0; index < count; index++) {
      if (!writer.write({ message: `Hello, ${name}!` })) {
        await writer.ready();
      }
    }
  },
);

async function* yieldMany({ name, count }: SayManyRequest) {
  for (let index = 0; index < count; index++) {
    yield { message: `Hello, ${name}!` };
  }
}

await serve({
  port: Number(Deno.args.at(-1)),
  routes(router) {
    router.service(Greeter, { sayHello: ({ name }) => ({ message: `Hello, ${name}!` }) });
    router.service(Streams, { sayMany: Deno.args.includes("--write") ? pushMany : yieldMany });
  },
});
console.log("ready");
