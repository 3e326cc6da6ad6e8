/** The File service through its generated client, without sockets, on a memory store. */
import { type Client, Code, ConnectError, createClient, type ServiceImpl } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { File } from "../../gen/edgewire/v1/file_pb.ts";
import { Hash, HashAlgorithm } from "../../gen/edgewire/v1/hash_pb.ts";
import { createInProcessTransport } from "../../src/rpc/mod.ts";
import {
  type AnnouncedFile,
  MAX_WRITE_BYTES,
  MemoryStore,
  type ServiceOptions,
  type StoreCaller,
  type Upload,
  type UploadOptions,
} from "../../src/services/mod.ts";
import { each, sampleBytes, sha256, split } from "../support/bytes.ts";
import { assertConnectError } from "../support/connect_error.ts";
import { testServices } from "../support/services.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function fileClient(options: Partial<ServiceOptions> = {}): Client<typeof File> {
  return createClient(File, createInProcessTransport(testServices(options)));
}

/** A Hash service of the test's own. */
function hashClient(implementation: Partial<ServiceImpl<typeof Hash>>): Client<typeof Hash> {
  return createClient(Hash, createInProcessTransport((router) => router.service(Hash, implementation)));
}

interface Header {
  readonly name?: string;
  readonly size?: bigint;
  readonly digest?: { algorithm?: HashAlgorithm; hex: string };
}

async function* uploadMessages(header: Header, chunks: Iterable<Uint8Array>) {
  yield { part: { case: "header" as const, value: header } };
  for (const value of chunks) {
    yield { part: { case: "chunk" as const, value } };
  }
}

async function put(file: Client<typeof File>, name: string, content: Uint8Array): Promise<void> {
  await file.upload(uploadMessages({ name }, [content]));
}

async function get(
  file: Client<typeof File>,
  request: { name: string; offset?: bigint; length?: bigint },
): Promise<Uint8Array> {
  const content: number[] = [];
  for await (const { part } of file.download(request)) {
    if (part.case === "chunk") {
      content.push(...part.value);
    }
  }
  return new Uint8Array(content);
}

async function names(file: Client<typeof File>): Promise<string[]> {
  return (await file.list({})).files.map(({ name }) => name);
}

Deno.test("Upload stores what was announced, and describes it", async () => {
  const file = fileClient();
  const content = sampleBytes(200_000);
  const header = { name: "a", size: 200_000n, digest: { hex: sha256(content).toUpperCase() } };
  const { file: info } = await file.upload(uploadMessages(header, split(content, 7000)));
  assert.equal(info?.name, "a");
  assert.equal(info?.size, 200_000n);
  assert.deepEqual((await file.stat({ name: "a" })).file, info);
  assert.deepEqual(await get(file, { name: "a" }), content);
});

Deno.test("Upload refuses what was announced wrongly, and the store is as before", async () => {
  const file = fileClient();
  await put(file, "a", bytes("old"));
  const wrong = "0".repeat(64);
  const cases: [Header, string, Code, string | RegExp][] = [
    [{ size: 2n }, "abc", Code.OutOfRange, "chunk: ends at 3, past the announced size, 2"],
    [{ size: 4n }, "abc", Code.FailedPrecondition, "size: announced 4 bytes, received 3"],
    [{ size: -1n }, "abc", Code.InvalidArgument, "size: must not be negative, is -1"],
    [{ size: 2n ** 53n }, "abc", Code.InvalidArgument, "size: is 9007199254740992, the limit is 9007199254740991"],
    [
      { digest: { hex: wrong } },
      "abc",
      Code.InvalidArgument,
      /^digest: announced 0{64}, received ba7816bf[0-9a-f]{56}$/,
    ],
    [{ digest: { hex: "ab" } }, "abc", Code.InvalidArgument, "digest.hex: must be 64 hexadecimal digits"],
    [{ digest: { hex: "g".repeat(64) } }, "abc", Code.InvalidArgument, "digest.hex: must be 64 hexadecimal digits"],
    [{ digest: { algorithm: HashAlgorithm.MD5, hex: wrong } }, "", Code.InvalidArgument, /must be 32 hexadecimal/],
    [
      { digest: { algorithm: 99 as HashAlgorithm, hex: wrong } },
      "",
      Code.InvalidArgument,
      "digest.algorithm: unknown value 99",
    ],
    [{ name: "../a" }, "abc", Code.InvalidArgument, 'name: must not contain "/"'],
    [{ name: "" }, "abc", Code.InvalidArgument, "name: must not be empty"],
  ];
  for (const [header, content, code, message] of cases) {
    const upload = () => file.upload(uploadMessages({ name: "a", ...header }, [bytes(content)]));
    await assertConnectError(upload, code, message);
    assert.deepEqual(await names(file), ["a"]);
    assert.deepEqual(await get(file, { name: "a" }), bytes("old"));
  }
});

Deno.test("Upload refuses a stream that is not a header, then chunks", async () => {
  const file = fileClient();
  const header = { part: { case: "header" as const, value: { name: "a" } } };
  const chunk = { part: { case: "chunk" as const, value: new Uint8Array(1) } };
  const cases = [
    { messages: [], message: "header: must come first in the stream" },
    { messages: [chunk], message: "header: must come first in the stream" },
    { messages: [header, chunk, header], message: "chunk: expected, but the message has header" },
  ];
  for (const { messages, message } of cases) {
    await assertConnectError(file.upload(each(messages)), Code.InvalidArgument, message);
    assert.deepEqual(await names(file), []);
  }
});

Deno.test("Upload leaves nothing behind when its caller goes away", async () => {
  const store = new MemoryStore({ maxBytes: 4096 });
  const file = fileClient({ store });
  const abort = new AbortController();
  const upload = file.upload(
    (async function* () {
      yield* uploadMessages({ name: "a" }, [new Uint8Array(2000)]);
      abort.abort();
      yield* uploadMessages({ name: "a" }, []);
    })(),
    { signal: abort.signal },
  );
  await assertConnectError(upload, Code.Canceled, /abort/);
  assert.deepEqual(await names(file), []);
  // Both the bytes and the entry are free again.
  await put(file, "b", new Uint8Array(3072));
});

Deno.test("a full store is said to be full, and the file that was to be replaced stays", async () => {
  const file = fileClient({ store: new MemoryStore({ maxBytes: 4096 }) });
  await put(file, "a", bytes("old"));
  const full = "store: full, the limit is 4096 bytes";
  await assertConnectError(put(file, "a", new Uint8Array(4096)), Code.ResourceExhausted, full);
  assert.deepEqual(await get(file, { name: "a" }), bytes("old"));
});

Deno.test("Download sends the range that was asked for", async () => {
  const file = fileClient();
  await put(file, "a", bytes("0123456789"));
  const ranges: [{ offset?: bigint; length?: bigint }, string][] = [
    [{}, "0123456789"],
    [{ offset: 3n }, "3456789"],
    [{ offset: 3n, length: 4n }, "3456"],
    [{ length: 0n }, ""],
    [{ offset: 10n }, ""],
    [{ offset: 8n, length: 100n }, "89"],
  ];
  for (const [range, expected] of ranges) {
    assert.deepEqual(await get(file, { name: "a", ...range }), bytes(expected));
  }
  const first = await Array.fromAsync(file.download({ name: "a", length: 1n }));
  assert.deepEqual(first.map(({ part }) => part.case), ["file", "chunk"]);
  assert.equal(first[0]?.part.case === "file" && first[0].part.value.size, 10n);
});

Deno.test("Download refuses what is not in the file", async () => {
  const file = fileClient();
  await put(file, "a", bytes("0123456789"));
  const cases: [{ name?: string; offset?: bigint; length?: bigint }, Code, string][] = [
    [{ offset: 11n }, Code.OutOfRange, "offset: 11 is past the end of the file, 10"],
    [{ offset: -1n }, Code.InvalidArgument, "offset: must not be negative, is -1"],
    [{ length: -1n }, Code.InvalidArgument, "length: must not be negative, is -1"],
    [{ name: "b" }, Code.NotFound, 'name: no file "b"'],
    [{ name: "a/b" }, Code.InvalidArgument, 'name: must not contain "/"'],
  ];
  for (const [request, code, message] of cases) {
    await assertConnectError(get(file, { name: "a", ...request }), code, message);
  }
});

Deno.test("a resumable upload goes on from where it got to", async () => {
  const file = fileClient();
  const content = sampleBytes(2_500_000);
  const size = BigInt(content.length);
  const { uploadId, expires } = await file.startUpload({ name: "a", size, digest: { hex: sha256(content) } });
  assert(expires !== undefined);
  const first = content.subarray(0, MAX_WRITE_BYTES);
  const write = (offset: number, chunk: Uint8Array) => file.writeUpload({ uploadId, offset: BigInt(offset), chunk });
  assert.equal((await write(0, first)).nextOffset, BigInt(MAX_WRITE_BYTES));
  assert.equal((await write(0, first)).nextOffset, BigInt(MAX_WRITE_BYTES));
  const state = await file.getUpload({ uploadId });
  assert.deepEqual([state.name, state.size, state.nextOffset, state.file], [
    "a",
    size,
    BigInt(MAX_WRITE_BYTES),
    undefined,
  ]);
  for (let offset = Number(state.nextOffset); offset < content.length;) {
    offset = Number((await write(offset, content.subarray(offset, offset + MAX_WRITE_BYTES))).nextOffset);
  }
  assert.deepEqual(await names(file), []);
  const finished = await file.finishUpload({ uploadId });
  assert.equal(finished.file?.size, size);
  assert.deepEqual((await file.finishUpload({ uploadId })).file, finished.file);
  assert.deepEqual((await file.getUpload({ uploadId })).file, finished.file);
  assert.deepEqual(await get(file, { name: "a" }), content);
});

Deno.test("the calls of a resumable upload refuse what does not fit", async () => {
  const file = fileClient();
  const { uploadId } = await file.startUpload({ name: "a", size: 3_000_000n });
  const write = (offset: bigint, length: number) =>
    file.writeUpload({ uploadId, offset, chunk: new Uint8Array(length) });
  await write(0n, MAX_WRITE_BYTES);
  await assertConnectError(
    write(1_048_576n, MAX_WRITE_BYTES + 1),
    Code.InvalidArgument,
    "chunk: has 1048577 bytes, the limit is 1048576",
  );
  await assertConnectError(write(-1n, 1), Code.InvalidArgument, "offset: must not be negative, is -1");
  await assertConnectError(write(1_048_577n, 1), Code.OutOfRange, "offset: 1048577 is past the next offset, 1048576");
  await assertConnectError(
    file.finishUpload({ uploadId }),
    Code.FailedPrecondition,
    "size: announced 3000000 bytes, received 1048576",
  );
  assert.equal((await file.getUpload({ uploadId })).nextOffset, 1_048_576n);

  await file.abortUpload({ uploadId });
  await file.abortUpload({ uploadId });
  const gone = `upload_id: no upload "${uploadId}": it expired, was aborted, or never was`;
  await assertConnectError(write(0n, 1), Code.NotFound, gone);
  await assertConnectError(file.getUpload({ uploadId }), Code.NotFound, gone);
  await assertConnectError(file.finishUpload({ uploadId }), Code.NotFound, gone);
});

Deno.test("FinishUpload refuses another digest than was announced, and throws the upload away", async () => {
  const file = fileClient();
  const { uploadId } = await file.startUpload({ name: "a", size: 3n, digest: { hex: sha256(bytes("abd")) } });
  await file.writeUpload({ uploadId, chunk: bytes("abc") });
  await assertConnectError(file.finishUpload({ uploadId }), Code.InvalidArgument, /^digest: announced a52d15/);
  await assertConnectError(file.getUpload({ uploadId }), Code.NotFound, /upload_id/);
  assert.deepEqual(await names(file), []);
});

Deno.test("HashFile and HashFileWithProgress give the digest of the file", async () => {
  const file = fileClient();
  const content = sampleBytes(20 * 1024 * 1024);
  await file.upload(uploadMessages({ name: "a" }, split(content, 1024 * 1024)));
  const response = await file.hashFile({ name: "a" });
  assert.deepEqual(response.digest?.hex, sha256(content));
  assert.equal(response.digest?.algorithm, HashAlgorithm.SHA256);
  assert.equal(response.byteCount, BigInt(content.length));

  const events = (await Array.fromAsync(file.hashFileWithProgress({ name: "a" }))).map(({ event }) => event);
  const last = events.pop();
  assert(last?.case === "result");
  assert.deepEqual(last.value, response);
  const hashed = events.map((event) => {
    assert(event.case === "progress");
    assert.equal(event.value.totalBytes, BigInt(content.length));
    return Number(event.value.hashedBytes);
  });
  assert.equal(hashed[0], 0);
  assert(hashed.length >= 2, "there is progress between the beginning and the end");
  assert.deepEqual(hashed, hashed.toSorted((a, b) => a - b));
});

Deno.test("HashFile asks the Hash service it was given, with the file's bytes and most of the caller's time", async () => {
  const chunks: Uint8Array[] = [];
  const timeouts: (number | undefined)[] = [];
  const hash = hashClient({
    async shaStream(requests, context) {
      timeouts.push(context.timeoutMs());
      for await (const { part } of requests) {
        if (part.case === "chunk") {
          chunks.push(part.value);
        }
      }
      return { digest: { algorithm: HashAlgorithm.MD5, hex: "00" }, byteCount: 3n };
    },
  });
  const file = fileClient({ hash });
  await put(file, "a", bytes("abc"));
  const { digest } = await file.hashFile({ name: "a", algorithm: HashAlgorithm.MD5 });
  assert.equal(digest?.hex, "00");
  assert.deepEqual(chunks, [bytes("abc")]);
  // Of its time the caller keeps a tenth, and no more than 100 ms, to hear which server was slow.
  await file.hashFile({ name: "a", algorithm: HashAlgorithm.MD5 }, { timeoutMs: 60_000 });
  await Array.fromAsync(
    file.hashFileWithProgress({ name: "a", algorithm: HashAlgorithm.MD5 }, { timeoutMs: 600 }),
  );
  const [none, long, short] = timeouts;
  assert.equal(none, undefined);
  assert(long !== undefined && long > 600 && long <= 59_900);
  assert(short !== undefined && short > 0 && short <= 540);
});

Deno.test("HashFile says what the Hash service answered, with a code that is true of HashFile", async () => {
  const failing = (code: Code) => hashClient({ shaStream: () => Promise.reject(new ConnectError("went wrong", code)) });
  const cases: [Client<typeof Hash>, Code, string][] = [
    [failing(Code.Unavailable), Code.Unavailable, "hash service: went wrong"],
    [failing(Code.DeadlineExceeded), Code.DeadlineExceeded, "hash service: went wrong"],
    [failing(Code.NotFound), Code.Internal, "hash service: went wrong"],
    [failing(Code.InvalidArgument), Code.Internal, "hash service: went wrong"],
    [hashClient({}), Code.Internal, "hash service: edgewire.v1.Hash.ShaStream is not implemented"],
    [
      hashClient({ shaStream: () => Promise.resolve({}) }),
      Code.Internal,
      "hash service: answered without the digest that was asked for",
    ],
  ];
  for (const [hash, code, message] of cases) {
    const file = fileClient({ hash });
    await put(file, "a", bytes("abc"));
    await assertConnectError(file.hashFile({ name: "a" }), code, message);
    await assertConnectError(Array.fromAsync(file.hashFileWithProgress({ name: "a" })), code, message);
  }
});

Deno.test("HashFileWithProgress ends the call to Hash when its caller stops listening", async () => {
  const ended = Promise.withResolvers<void>();
  const hash = hashClient({
    async shaStream(requests, context) {
      context.signal.addEventListener("abort", () => ended.resolve());
      for await (const _ of requests) {
        await new Promise(() => {}); // It never answers.
      }
      return {};
    },
  });
  const file = fileClient({ hash });
  await put(file, "a", bytes("abc"));
  const abort = new AbortController();
  const call = async () => {
    for await (const _ of file.hashFileWithProgress({ name: "a" }, { signal: abort.signal })) {
      abort.abort();
    }
  };
  await assertConnectError(call, Code.Canceled, /abort/);
  await ended.promise;
});

Deno.test("HashFile, Stat and Delete refuse names that are none or not there", async () => {
  const file = fileClient();
  for (const call of [file.hashFile, file.stat, file.delete]) {
    await assertConnectError(call({ name: "a" }), Code.NotFound, 'name: no file "a"');
    await assertConnectError(call({ name: ".." }), Code.InvalidArgument, 'name: must not be ".."');
    await assertConnectError(call({ name: "a\0" }), Code.InvalidArgument, 'name: must not contain "\\u0000"');
  }
  await assertConnectError(
    file.hashFile({ name: "a", algorithm: 42 as HashAlgorithm }),
    Code.InvalidArgument,
    "algorithm: unknown value 42",
  );
});

Deno.test("Delete removes a file", async () => {
  const file = fileClient();
  await put(file, "a", bytes("abc"));
  await file.delete({ name: "a" });
  assert.deepEqual(await names(file), []);
});

Deno.test("List gives all files, page by page, also while files come and go", async () => {
  const file = fileClient();
  for (let number = 0; number < 7; number++) {
    await put(file, `f${number}`, bytes("x"));
  }
  const first = await file.list({ pageSize: 3 });
  assert.deepEqual(first.files.map(({ name }) => name), ["f0", "f1", "f2"]);
  await file.delete({ name: "f2" });
  await file.delete({ name: "f3" });
  const second = await file.list({ pageSize: 3, pageToken: first.nextPageToken });
  assert.deepEqual(second.files.map(({ name }) => name), ["f4", "f5", "f6"]);
  assert.equal(second.nextPageToken, "");
  assert.equal((await file.list({})).files.length, 5);
});

Deno.test("List has limits, and refuses tokens that are not its own", async () => {
  const file = fileClient();
  const size = (pageSize: number) => `page_size: is ${pageSize}, must be 0 to 1000`;
  await file.list({ pageSize: 1000 });
  for (const pageSize of [1001, -1]) {
    await assertConnectError(file.list({ pageSize }), Code.InvalidArgument, size(pageSize));
  }
  for (const pageToken of ["!", "Li4", "_w", btoa("a/b")]) {
    await assertConnectError(
      file.list({ pageToken }),
      Code.InvalidArgument,
      "page_token: not one of this server",
    );
  }
});

/** A store that keeps its callers waiting for files, and records them. */
class WaitingStore extends MemoryStore {
  readonly callers: (StoreCaller | undefined)[] = [];

  override open(_name: string, caller?: StoreCaller): Promise<never> {
    this.callers.push(caller);
    return new Promise((_, reject) => {
      caller!.signal!.addEventListener("abort", () => reject(caller!.signal!.reason));
    });
  }

  override startUpload(file: AnnouncedFile, options: UploadOptions): Promise<Upload> {
    this.callers.push(options.caller);
    return super.startUpload(file, options);
  }
}

Deno.test("a call that waits for the store ends with its caller, and counts for its peer", async () => {
  const store = new WaitingStore();
  const file = fileClient({ store, peerOf: (context) => context.requestHeader.get("peer") ?? undefined });
  const headers = { peer: "a" };
  const calls = {
    download: (signal: AbortSignal) => Array.fromAsync(file.download({ name: "a" }, { signal, headers })),
    hashFile: (signal: AbortSignal) => file.hashFile({ name: "a" }, { signal, headers }),
    hashFileWithProgress: (signal: AbortSignal) =>
      Array.fromAsync(file.hashFileWithProgress({ name: "a" }, { signal, headers })),
  };
  for (const call of Object.values(calls)) {
    const abort = new AbortController();
    const ended = assertConnectError(call(abort.signal), Code.Canceled, /abort/);
    await new Promise((resolve) => setTimeout(resolve));
    const caller = store.callers.pop();
    assert.deepEqual([caller?.peer, caller?.signal?.aborted], ["a", false]);
    abort.abort();
    await ended;
    assert.equal(caller?.signal?.aborted, true);
  }
  await file.startUpload({ name: "a" }, { headers });
  await file.upload(uploadMessages({ name: "a" }, []), { headers });
  await file.startUpload({ name: "a" });
  assert.deepEqual(store.callers.map((caller) => caller?.peer), ["a", "a", undefined]);
});

Deno.test("errors repeat no more of a request than a name may have", async () => {
  const file = fileClient();
  const long = "x".repeat(1_000_000);
  const noUpload = "it expired, was aborted, or never was";
  await assertConnectError(
    file.getUpload({ uploadId: long }),
    Code.NotFound,
    `upload_id: no such upload: ${noUpload}`,
  );
  await assertConnectError(file.getUpload({ uploadId: "x" }), Code.NotFound, `upload_id: no upload "x": ${noUpload}`);
  await assertConnectError(file.list({ pageToken: long }), Code.InvalidArgument, "page_token: not one of this server");
  await assertConnectError(
    file.stat({ name: long }),
    Code.InvalidArgument,
    "name: has 1000000 bytes, the limit is 255",
  );
});

Deno.test("List takes the token of the longest name", async () => {
  const file = fileClient();
  const longest = "\u{10ffff}".repeat(63) + "abc";
  for (const name of ["a", longest, `${longest.slice(0, -1)}d`]) {
    await put(file, name, bytes("x"));
  }
  const page = await file.list({ pageSize: 2 });
  assert.equal((await file.list({ pageToken: page.nextPageToken })).files.length, 1);
});
