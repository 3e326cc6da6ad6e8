/** The calls of a soak, which clients make by any protocol, and what each has to end with. */
import { Code } from "@connectrpc/connect";
import { createHash } from "node:crypto";
import type { Random } from "../../tests/support/random.ts";
import type { ServiceClients } from "./clients.ts";
import { endsOrEndsWith, endsWith, PATIENCE_MS, same } from "./outcome.ts";

/** What calls are made with. */
export interface Scene {
  readonly random: Random;
  /** Content of messages and files. */
  readonly octets: Uint8Array<ArrayBuffer>;
}

/** A kind of call. */
export interface CallKind {
  readonly name: string;
  /** How often it is made: this much of the sum of all. */
  readonly share: number;
  /** Makes one, or some that belong together. @throws {Error} It did not end as it has to. */
  readonly make: (clients: ServiceClients, scene: Scene) => Promise<void>;
  /** Whether the carrier must take answers while requests go on. */
  readonly isFullDuplex?: boolean;
}

const MIB = 1024 * 1024;

/** Files that are stored before the soak, and only read in it: their sizes. */
const KEPT_FILES = [0, 1, 65_536, 200_000, 3 * MIB] as const;

/** Files that uploads replace. */
const CHANGING_FILES = 50;

const patient = { timeoutMs: PATIENCE_MS };

export const CALL_KINDS: readonly CallKind[] = [
  { name: "unary, small", share: 300, make: (clients, { random }) => greet(clients, "x".repeat(random.below(100))) },
  { name: "unary, 1-50 kB", share: 80, make: (clients, { random }) => greet(clients, text(random, 50_000)) },
  { name: "unary, 1 MB", share: 8, make: (clients, { random }) => greet(clients, text(random, 1_000_000, 1_000_000)) },
  { name: "unary, too large", share: 2, make: greetTooMuch },
  { name: "unary hash", share: 60, make: hashText },
  { name: "client stream", share: 50, make: hashStream },
  { name: "client stream, upload", share: 20, make: upload },
  { name: "client stream, wrong digest", share: 10, make: uploadWrong },
  { name: "server stream, download", share: 40, make: download },
  { name: "server stream, slow reader", share: 6, make: (clients, scene) => download(clients, scene, 10) },
  { name: "server stream, left early", share: 15, make: leaveDownload },
  { name: "server stream, progress", share: 15, make: hashWithProgress },
  { name: "unary, file to Hash", share: 15, make: hashFile },
  { name: "bidi, all at once", share: 50, make: converse },
  { name: "bidi, in turns", share: 60, isFullDuplex: true, make: converseInTurns },
  { name: "resumable upload", share: 10, make: uploadInParts },
  { name: "stat and list", share: 40, make: statAndList },
  {
    name: "unary, not found",
    share: 30,
    make: ({ file }) => endsWith(Code.NotFound, file.stat({ name: "no" }, patient)),
  },
  {
    name: "unary, bad name",
    share: 30,
    make: ({ file }) => endsWith(Code.InvalidArgument, file.stat({ name: "/" }, patient)),
  },
  {
    name: "stream, not found",
    share: 15,
    make: ({ file }) => endsWith(Code.NotFound, drain(file.download({ name: "no" }, patient))),
  },
  { name: "cancelled unary", share: 30, make: cancelHashFile },
  { name: "cancelled download", share: 20, make: cancelDownload },
  { name: "cancelled upload", share: 20, make: cancelUpload },
  { name: "cancelled bidi", share: 30, isFullDuplex: true, make: cancelConverse },
  { name: "cancelled watch", share: 10, make: cancelWatch },
  {
    name: "deadline of unary",
    share: 20,
    make: ({ file }, scene) =>
      endsOrEndsWith(
        Code.DeadlineExceeded,
        file.hashFile({ name: keptFile(3 * MIB) }, { timeoutMs: 1 + scene.random.below(15) }),
      ),
  },
  { name: "deadline of client stream", share: 15, make: outlastUpload },
  { name: "deadline of bidi", share: 20, isFullDuplex: true, make: outlastConverse },
];

/** Stores the files that are only read. */
export async function storeKeptFiles({ file }: ServiceClients, { octets }: Scene): Promise<void> {
  for (const size of KEPT_FILES) {
    await file.upload(uploadOf(keptFile(size), octets.subarray(0, size)), patient);
  }
}

function keptFile(size: number): string {
  return `kept-${size}`;
}

function text(random: Random, most: number, least = 1000): string {
  const word = random.uint32().toString(36);
  return word.repeat(Math.ceil((least + random.below(most - least + 1)) / word.length));
}

function sha256(content: Uint8Array | string): string {
  return createHash("sha256").update(content).digest("hex");
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}

/** Aborts at a random point of the next so many milliseconds. */
function soon({ random }: Scene, withinMs: number): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), random.below(withinMs + 1));
  return controller.signal;
}

/** Never gives anything, until the signal aborts. */
function silence(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) =>
    signal.aborted ? resolve() : signal.addEventListener("abort", () => resolve(), { once: true })
  );
}

async function greet({ greeter }: ServiceClients, name: string): Promise<void> {
  const { message } = await greeter.sayHello({ name }, patient);
  if (message !== `Hello, ${name}!`) {
    throw new Error(`Wrong answer to ${name.length} characters: ${message.length}, ${message.slice(0, 40)}`);
  }
}

function greetTooMuch({ greeter }: ServiceClients): Promise<void> {
  return endsWith(Code.ResourceExhausted, greeter.sayHello({ name: "x".repeat(4 * MIB + 1) }, patient));
}

async function hashText({ hash }: ServiceClients, { random }: Scene): Promise<void> {
  const input = text(random, random.below(20) === 0 ? MIB : 5000, 1);
  same((await hash.sha({ input }, patient)).digest, sha256(input));
}

function* chunksOf(content: Uint8Array, random: Random): Generator<Uint8Array> {
  for (let start = 0; start < content.length;) {
    const end = Math.min(content.length, start + 1 + random.below(random.below(4) === 0 ? 1_000_000 : 40_000));
    yield content.subarray(start, end);
    start = end;
  }
}

async function hashStream({ hash }: ServiceClients, { random, octets }: Scene): Promise<void> {
  const content = octets.subarray(0, random.below(random.below(10) === 0 ? 2 * MIB : 100_000));
  async function* requests() {
    yield { part: { case: "options", value: {} } } as const;
    for (const value of chunksOf(content, random)) {
      yield { part: { case: "chunk", value } } as const;
    }
  }
  const { digest, byteCount } = await hash.shaStream(requests(), patient);
  same([digest?.hex, byteCount], [sha256(content), BigInt(content.length)]);
}

async function* uploadOf(name: string, content: Uint8Array, hex = sha256(content)) {
  yield { part: { case: "header", value: { name, digest: { hex } } } } as const;
  for (let start = 0; start < content.length; start += 100_000) {
    yield { part: { case: "chunk", value: content.subarray(start, start + 100_000) } } as const;
  }
}

function changingFile({ random, octets }: Scene): [name: string, content: Uint8Array] {
  const size = random.below(random.below(8) === 0 ? 2 * MIB : 50_000);
  return [`changing-${random.below(CHANGING_FILES)}`, octets.subarray(0, size)];
}

async function upload({ file }: ServiceClients, scene: Scene): Promise<void> {
  const [name, content] = changingFile(scene);
  const answer = await file.upload(uploadOf(name, content), patient);
  same([answer.file?.name, answer.file?.size], [name, BigInt(content.length)]);
}

async function uploadWrong({ file }: ServiceClients, scene: Scene): Promise<void> {
  const [name, content] = changingFile(scene);
  await endsWith(Code.InvalidArgument, file.upload(uploadOf(name, content, sha256(`${name}?`)), patient));
}

async function uploadInParts({ file }: ServiceClients, scene: Scene): Promise<void> {
  const [name, content] = changingFile(scene);
  const { uploadId } = await file.startUpload({ name, size: BigInt(content.length) }, patient);
  for (let start = 0; start < content.length; start += MIB) {
    const chunk = content.subarray(start, start + MIB);
    const { nextOffset } = await file.writeUpload({ uploadId, offset: BigInt(start), chunk }, patient);
    same(nextOffset, BigInt(start + chunk.length));
  }
  if (scene.random.below(2) === 0) {
    same((await file.finishUpload({ uploadId }, patient)).file?.size, BigInt(content.length));
  }
  await file.abortUpload({ uploadId }, patient);
}

async function download({ file }: ServiceClients, { random, octets }: Scene, pauseMs?: number): Promise<void> {
  const size = random.pick(KEPT_FILES);
  const offset = random.below(size + 1);
  const request = { name: keptFile(size), offset: BigInt(offset) };
  const hash = createHash("sha256");
  for await (const { part } of file.download(request, patient)) {
    if (part.case === "chunk") {
      hash.update(part.value);
    }
    if (pauseMs !== undefined) {
      await pause(random.below(pauseMs));
    }
  }
  same(hash.digest("hex"), sha256(octets.subarray(offset, size)));
}

/** Takes some messages and no more. Clients of connect-es do not cancel when their caller breaks out of a loop: a signal does. */
async function leaveDownload({ file }: ServiceClients, { random }: Scene): Promise<void> {
  const controller = new AbortController();
  let left = random.below(10);
  for await (const _ of file.download({ name: keptFile(3 * MIB) }, { ...patient, signal: controller.signal })) {
    if (left-- === 0) {
      break;
    }
  }
  controller.abort();
}

async function hashFile({ file }: ServiceClients, { random, octets }: Scene): Promise<void> {
  const size = random.pick(KEPT_FILES);
  const { digest } = await file.hashFile({ name: keptFile(size) }, patient);
  same(digest?.hex, sha256(octets.subarray(0, size)));
}

async function hashWithProgress({ file }: ServiceClients, { random, octets }: Scene): Promise<void> {
  const size = random.pick(KEPT_FILES);
  let hex: string | undefined;
  for await (const { event } of file.hashFileWithProgress({ name: keptFile(size) }, patient)) {
    hex = event.case === "result" ? event.value.digest?.hex : undefined;
  }
  same(hex, sha256(octets.subarray(0, size)));
}

async function converse({ greeter }: ServiceClients, { random }: Scene): Promise<void> {
  const names = Array.from({ length: random.below(30) }, (_, index) => `${index}`.repeat(1 + random.below(200)));
  async function* requests() {
    for (const name of names) {
      yield { name };
    }
  }
  const answers = await Array.fromAsync(greeter.converse(requests(), patient), ({ message }) => message);
  same(answers, names.map((name) => `Hello, ${name}!`));
}

async function converseInTurns({ greeter }: ServiceClients, { random }: Scene): Promise<void> {
  const turns = 1 + random.below(20);
  let answered = Promise.withResolvers<void>();
  async function* requests() {
    for (let turn = 0; turn < turns; turn++) {
      yield { name: `${turn}` };
      await answered.promise;
      answered = Promise.withResolvers<void>();
    }
  }
  let turn = 0;
  for await (const { message } of greeter.converse(requests(), patient)) {
    same(message, `Hello, ${turn++}!`);
    answered.resolve();
  }
  same(turn, turns);
}

async function statAndList({ file }: ServiceClients, { random }: Scene): Promise<void> {
  const size = random.pick(KEPT_FILES);
  same((await file.stat({ name: keptFile(size) }, patient)).file?.size, BigInt(size));
  const { files } = await file.list({ pageSize: 1 + random.below(100) }, patient);
  same(files.every(({ name }) => name.startsWith("kept-") || name.startsWith("changing-")), true);
}

function cancelHashFile({ file }: ServiceClients, scene: Scene): Promise<void> {
  const signal = soon(scene, 20);
  return endsOrEndsWith(Code.Canceled, file.hashFile({ name: keptFile(3 * MIB) }, { ...patient, signal }));
}

function cancelDownload({ file }: ServiceClients, scene: Scene): Promise<void> {
  const signal = soon(scene, 50);
  return endsOrEndsWith(Code.Canceled, drain(file.download({ name: keptFile(3 * MIB) }, { ...patient, signal })));
}

/** Content that begins and then does not go on until the signal aborts. */
async function* stalledUpload(scene: Scene, signal: AbortSignal) {
  const [name, content] = changingFile(scene);
  yield { part: { case: "header", value: { name } } } as const;
  for (const value of chunksOf(content, scene.random)) {
    yield { part: { case: "chunk", value } } as const;
  }
  await silence(signal);
  throw new Error("The upload was to be over by now");
}

function cancelUpload({ file }: ServiceClients, scene: Scene): Promise<void> {
  const signal = soon(scene, 100);
  return endsWith(Code.Canceled, file.upload(stalledUpload(scene, signal), { ...patient, signal }));
}

async function cancelConverse({ greeter }: ServiceClients, scene: Scene): Promise<void> {
  const signal = soon(scene, 200);
  async function* requests() {
    for (let turn = 0; turn < scene.random.below(10); turn++) {
      yield { name: `${turn}` };
    }
    await silence(signal);
  }
  await endsWith(Code.Canceled, drain(greeter.converse(requests(), { ...patient, signal })));
}

async function cancelWatch({ health }: ServiceClients, scene: Scene): Promise<void> {
  const signal = soon(scene, 1000);
  await endsWith(Code.Canceled, drain(health.watch({}, { ...patient, signal })));
}

async function outlastUpload({ file }: ServiceClients, scene: Scene): Promise<void> {
  const end = new AbortController();
  const timeoutMs = 10 + scene.random.below(200);
  await endsWith(Code.DeadlineExceeded, file.upload(stalledUpload(scene, end.signal), { timeoutMs }));
  end.abort();
}

async function outlastConverse({ greeter }: ServiceClients, { random }: Scene): Promise<void> {
  const end = new AbortController();
  async function* requests() {
    yield { name: "World" };
    await silence(end.signal);
  }
  const timeoutMs = 1 + random.below(300);
  await endsWith(Code.DeadlineExceeded, drain(greeter.converse(requests(), { timeoutMs })));
  end.abort();
}
