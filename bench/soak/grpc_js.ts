/**
 * Calls of grpc-js under Node, of each kind, at a rate: `grpc_js.mjs ADDRESS RATE SECONDS`. With SIGTERM it waits for the calls under way, and writes
 * how many there were by kind and what did not end as it has to; it ends with 1 if there is any of that.
 */
import { Buffer } from "node:buffer";
import type { EventEmitter } from "node:events";
import process from "node:process";
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Client, credentials, status, type StatusObject } from "@grpc/grpc-js";
import {
  ConverseRequestSchema,
  ConverseResponseSchema,
  HelloReplySchema,
  HelloRequestSchema,
} from "../../gen/edgewire/v1/greeter_pb.ts";
import {
  DownloadRequestSchema,
  DownloadResponseSchema,
  StatRequestSchema,
  StatResponseSchema,
} from "../../gen/edgewire/v1/file_pb.ts";
import { ShaStreamRequestSchema, ShaStreamResponseSchema } from "../../gen/edgewire/v1/hash_pb.ts";

const [address = "", rate, seconds] = process.argv.slice(2) as [string, string, string];

/** After how many calls there is a new connection. */
const CALLS_OF_CLIENT = 500;

const PATIENCE_MS = 60_000;

let client = new Client(address, credentials.createInsecure());
const counts: Record<string, number> = {};
const unexpected: string[] = [];

function codecs<I extends DescMessage, O extends DescMessage>(input: I, output: O) {
  return [
    (message: MessageInitShape<I>) => Buffer.from(toBinary(input, create(input, message))),
    (octets: Buffer): MessageShape<O> => fromBinary(output, octets),
  ] as const;
}

function deadline(ms = PATIENCE_MS): { deadline: number } {
  return { deadline: Date.now() + ms };
}

/** What a call ended with, after all its answers. */
async function statusOf(call: EventEmitter): Promise<number> {
  call.on("error", () => {}); // The status says it, too.
  return (await new Promise<StatusObject>((resolve) => call.on("status", resolve))).code;
}

function expect(codes: readonly number[], code: number): void {
  if (!codes.includes(code)) {
    throw new Error(`ended with ${status[code]}`);
  }
}

const HELLO = "/edgewire.v1.Greeter/SayHello";
const CONVERSE = "/edgewire.v1.Greeter/Converse";
const DOWNLOAD = "/edgewire.v1.File/Download";

async function sayHello(length: number): Promise<void> {
  const name = "x".repeat(length);
  let answer = "";
  const [serialize, deserialize] = codecs(HelloRequestSchema, HelloReplySchema);
  const call = client.makeUnaryRequest(HELLO, serialize, deserialize, { name }, deadline(), (_, reply) => {
    answer = reply?.message ?? "";
  });
  expect([status.OK], await statusOf(call));
  if (answer !== `Hello, ${name}!`) {
    throw new Error(`Wrong answer to ${length}: ${answer.length}`);
  }
}

async function stat(): Promise<void> {
  const [serialize, deserialize] = codecs(StatRequestSchema, StatResponseSchema);
  const call = client.makeUnaryRequest(
    "/edgewire.v1.File/Stat",
    serialize,
    deserialize,
    { name: "no" },
    deadline(),
    () => {},
  );
  expect([status.NOT_FOUND], await statusOf(call));
}

async function hashStream(): Promise<void> {
  let byteCount = 0n;
  const [serialize, deserialize] = codecs(ShaStreamRequestSchema, ShaStreamResponseSchema);
  const call = client.makeClientStreamRequest(
    "/edgewire.v1.Hash/ShaStream",
    serialize,
    deserialize,
    deadline(),
    (_, answer) => byteCount = answer?.byteCount ?? 0n,
  );
  call.write({ part: { case: "options", value: {} } });
  for (let index = 0; index < 10; index++) {
    call.write({ part: { case: "chunk", value: new Uint8Array(10_000) } });
  }
  call.end();
  expect([status.OK], await statusOf(call));
  if (byteCount !== 100_000n) {
    throw new Error(`Hashed ${byteCount} octets`);
  }
}

async function download(cancelAfter = Infinity): Promise<void> {
  let messages = 0;
  const [serialize, deserialize] = codecs(DownloadRequestSchema, DownloadResponseSchema);
  const call = client.makeServerStreamRequest(DOWNLOAD, serialize, deserialize, { name: "kept-200000" }, deadline());
  call.on("data", () => {
    if (++messages === cancelAfter) {
      call.cancel();
    }
  });
  expect(cancelAfter === Infinity ? [status.OK] : [status.OK, status.CANCELLED], await statusOf(call));
}

async function converse(timeoutMs?: number): Promise<void> {
  let turns = 0;
  const [serialize, deserialize] = codecs(ConverseRequestSchema, ConverseResponseSchema);
  const call = client.makeBidiStreamRequest(CONVERSE, serialize, deserialize, deadline(timeoutMs));
  call.on("data", () => {
    if (++turns < 10) {
      call.write({ name: `${turns}` });
    } else if (timeoutMs === undefined) {
      call.end();
    }
  });
  call.write({ name: "0" });
  expect([timeoutMs === undefined ? status.OK : status.DEADLINE_EXCEEDED], await statusOf(call));
}

const KINDS: readonly [name: string, make: () => Promise<void>][] = [
  ["unary, small", () => sayHello(10)],
  ["unary, small", () => sayHello(100)],
  ["unary, 100 kB", () => sayHello(100_000)],
  ["unary, not found", stat],
  ["client stream", hashStream],
  ["server stream", () => download()],
  ["cancelled server stream", () => download(1 + Math.floor(Math.random() * 4))],
  ["bidi", () => converse()],
  ["deadline of bidi", () => converse(10 + Math.random() * 200)],
];

const underWay = new Set<Promise<void>>();

async function finish(): Promise<never> {
  await Promise.all(underWay);
  client.close();
  console.log(JSON.stringify({ calls: counts, unexpected }, undefined, 1));
  process.exit(unexpected.length === 0 ? 0 : 1);
}

process.on("SIGTERM", finish);
console.log("ready");
const endMs = performance.now() + Number(seconds) * 1000;
for (let made = 1; performance.now() < endMs; made++) {
  const [name, make] = KINDS[made % KINDS.length]!;
  const call = make().catch((error) => void unexpected.push(`${new Date().toISOString()} ${name}: ${error}`)).then(
    () => {
      counts[name] = (counts[name] ?? 0) + 1;
      underWay.delete(call);
    },
  );
  underWay.add(call);
  if (made % CALLS_OF_CLIENT === 0) {
    const old = client; // Calls that it has not sent yet would fail.
    Promise.all(underWay).then(() => old.close());
    client = new Client(address, credentials.createInsecure());
  }
  await new Promise((resolve) => setTimeout(resolve, 1000 / Number(rate)));
}
await Promise.all(underWay);
client.close();
setInterval(() => {}, 2 ** 30); // Until SIGTERM.
