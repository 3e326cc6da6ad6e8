/**
 * The services of the benchmark on Edgewire: `edgewire_server.ts PORT [CERT KEY]`, and before it `--write` for server streams that push, `--read` for
 * client streams that pull.
 */
import { createHash } from "node:crypto";
import { parseArgs } from "node:util";
import { reading, serve, writing } from "../../../mod.ts";
import { Blobs } from "../../../gen/edgewire/bench/v1/blobs_codec.ts";
import { Profiles } from "../../../gen/edgewire/bench/v1/profiles_codec.ts";
import {
  type CountRequest,
  type CountRequestSchema,
  type CountResponseSchema,
  type SayManyRequest,
  type SayManyRequestSchema,
  type SayManyResponseSchema,
  Streams,
} from "../../../gen/edgewire/bench/v1/streams_codec.ts";
import { Greeter } from "../../../gen/hello_codec.ts";

const { values: { read, write }, positionals: [port, cert, key] } = parseArgs({
  options: { read: { type: "boolean", default: false }, write: { type: "boolean", default: false } },
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

const pullAll = reading<typeof CountRequestSchema, typeof CountResponseSchema>(async (reader) => {
  let count = 0;
  while (await reader.ready()) {
    while (reader.read() !== undefined) {
      count++;
    }
  }
  return { count };
});

async function iterateAll(requests: AsyncIterable<CountRequest>) {
  let count = 0;
  for await (const _ of requests) {
    count++;
  }
  return { count };
}

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
      count: read ? pullAll : iterateAll,
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
