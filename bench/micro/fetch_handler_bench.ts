/**
 * What a call costs in the fetch handler, without a network: routing, protocol, codec, service.
 * Run by `deno task bench:micro`. The figures are for comparing within one run only.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import { Greeter, HelloRequestSchema } from "../../gen/edgewire/v1/greeter_codec.ts";
import { Hash, ShaStreamRequestSchema } from "../../gen/edgewire/v1/hash_codec.ts";
import { createFetchHandler } from "../../src/rpc/mod.ts";
import { createNativeHasher } from "../../src/services/deno/mod.ts";
import { testServices } from "../../tests/support/services.ts";

const handler = createFetchHandler({
  routes: testServices({ createHasher: createNativeHasher }),
});

async function call(path: string, contentType: string, body: Uint8Array<ArrayBuffer>): Promise<void> {
  const response = await handler(
    new Request(`http://bench/${path}`, { method: "POST", headers: { "content-type": contentType }, body }),
  );
  await response.arrayBuffer();
}

function envelope(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(5 + message.length);
  new DataView(bytes.buffer).setUint32(1, message.length);
  bytes.set(message, 5);
  return bytes;
}

const hello = toBinary(HelloRequestSchema, create(HelloRequestSchema, { name: "World" }));
const SAY_HELLO = `${Greeter.typeName}/SayHello`;

Deno.bench(
  "SayHello, Connect binary",
  { group: "unary", baseline: true },
  () => call(SAY_HELLO, "application/proto", hello),
);
Deno.bench(
  "SayHello, Connect JSON",
  { group: "unary" },
  () => call(SAY_HELLO, "application/json", new TextEncoder().encode('{"name":"World"}')),
);
Deno.bench(
  "SayHello, gRPC-Web binary",
  { group: "unary" },
  () => call(SAY_HELLO, "application/grpc-web+proto", envelope(hello)),
);

const MEBIBYTE = 1024 * 1024;
for (const chunkBytes of [16 * 1024, 64 * 1024, 256 * 1024]) {
  const messages = [
    create(ShaStreamRequestSchema, { part: { case: "options", value: {} } }),
    ...Array.from(
      { length: 16 * MEBIBYTE / chunkBytes },
      () => create(ShaStreamRequestSchema, { part: { case: "chunk", value: new Uint8Array(chunkBytes) } }),
    ),
  ].map((message) => envelope(toBinary(ShaStreamRequestSchema, message)));
  const body = new Uint8Array(await new Blob(messages).arrayBuffer());
  Deno.bench(
    `ShaStream of 16 MiB in chunks of ${chunkBytes / 1024} KiB`,
    { group: "stream" },
    () => call(`${Hash.typeName}/ShaStream`, "application/connect+proto", body),
  );
}
