/**
 * The services of the benchmark on Edgewire: `edgewire_server.ts PORT [CERT KEY]`, and `--write` before it for server streams that push.
 */
import { createHash } from "node:crypto";
import { parseArgs } from "node:util";
import { serve, writing } from "../../../mod.ts";
import { Blobs } from "../../gen/edgewire/bench/v1/blobs_codec.ts";
import { Profiles } from "../../gen/edgewire/bench/v1/profiles_codec.ts";
import {
  type SayManyRequest,
  type SayManyRequestSchema,
  type SayManyResponseSchema,
  Streams,
} from "../../gen/edgewire/bench/v1/streams_codec.ts";
import { Greeter } from "../../../gen/hello_codec.ts";

const { values: { write }, positionals: [port, cert, key] } = parseArgs({
  options: { write: { type: "boolean", default: false } },
  allowPositionals: true,
});

function greeting({ name }: { readonly name: string }) {
  return { message: `Hello, ${name}!` };
}

const pushMany = writing<typeof SayManyRequestSchema, typeof SayManyResponseSchema>(
  async (request, writer) => {
    for (let index = 0; index < request.count; index++) {
      if (!writer.write(greeting(request))) {
        await writer.ready();
      }
    }
  },
);

async function* yieldMany(request: SayManyRequest) {
  for (let index = 0; index < request.count; index++) {
    yield greeting(request);
  }
}

await serve({
  port: Number(port),
  tls: cert && key ? { cert: Deno.readTextFileSync(cert), key: Deno.readTextFileSync(key) } : undefined,
  routes(router) {
    router.service(Greeter, { sayHello: greeting });
    router.service(Profiles, { echoProfile: ({ profile }) => ({ profile }) });
    router.service(Streams, {
      sayMany: write ? pushMany : yieldMany,
      async count(requests) {
        let count = 0;
        for await (const _ of requests) {
          count++;
        }
        return { count };
      },
      async *pingPong(requests) {
        for await (const request of requests) {
          yield greeting(request);
        }
      },
    });
    router.service(Blobs, {
      echoBlob: ({ data }) => ({ data }),
      async upload(requests) {
        const hash = createHash("sha256");
        for await (const { chunk } of requests) {
          hash.update(chunk);
        }
        return { sha256: hash.digest() };
      },
      async *download({ count, chunkBytes }) {
        const chunk = new Uint8Array(chunkBytes);
        for (let index = 0; index < count; index++) {
          yield { chunk };
        }
      },
    });
  },
});
console.log("ready");
