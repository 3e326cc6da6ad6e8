import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Downloads, type DownloadSink } from "../../web/downloads.ts";
import type { FileInfo } from "../../gen/edgewire/v1/file_pb.ts";
import { FileServer, unavailable } from "./file_server.ts";

/** Keeps what it is given, and how it ended. */
class KeepingSink implements DownloadSink {
  readonly chunks: Uint8Array<ArrayBuffer>[] = [];
  end: "closed" | "aborted" | undefined;
  /** Called after each chunk. */
  onWrite: () => Promise<void> | void = () => {};

  async write(chunk: Uint8Array<ArrayBuffer>): Promise<void> {
    this.chunks.push(chunk);
    await this.onWrite();
  }

  close(): Promise<void> {
    this.end = "closed";
    return Promise.resolve();
  }

  abort(): Promise<void> {
    this.end = "aborted";
    return Promise.resolve();
  }

  async content(): Promise<Uint8Array> {
    return new Uint8Array(await new Blob(this.chunks).arrayBuffer());
  }
}

const content = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, index) => index * 31 + (index >> 8)));

/** A server with one file, and the downloads of a page into `sink`. */
async function makeScene() {
  const server = new FileServer();
  await server.put("a.bin", content);
  const sink = new KeepingSink();
  const saved: string[] = [];
  const downloads = new Downloads({
    files: server.files,
    wait: (_delayMs, signal) => {
      signal.throwIfAborted();
      return Promise.resolve();
    },
    openSink: () => Promise.resolve(sink),
    onSaved: ({ name }) => saved.push(name),
  });
  const { file } = await server.files.stat({ name: "a.bin" });
  return { server, sink, downloads, saved, file: file! };
}

/** Has the stream of the first download break off before its third chunk, and does something then. */
function breakOnce(server: FileServer, then: () => Promise<void> = () => Promise.resolve()): void {
  const { download } = server.files;
  let isBroken = false;
  server.files.download = async function* (request, options) {
    let chunks = 0;
    for await (const message of download(request, options)) {
      if (!isBroken && message.part.case === "chunk" && ++chunks === 3) {
        isBroken = true;
        await then();
        throw unavailable();
      }
      yield message;
    }
  };
}

Deno.test("a download is saved whole, and gone from the list", async () => {
  const { sink, downloads, saved, file } = await makeScene();
  await downloads.start(file);
  assert.ok(content.equals(await sink.content()));
  assert.equal(sink.end, "closed");
  assert.deepEqual(saved, ["a.bin"]);
  assert.equal(downloads.byName.value.size, 0);
});

Deno.test("a download whose connection breaks goes on where it was", async () => {
  const { server, sink, downloads, file } = await makeScene();
  breakOnce(server);
  await downloads.start(file);
  assert.equal(server.count("Download"), 2);
  assert.ok(content.equals(await sink.content()));
});

Deno.test("a file that is replaced while its download is interrupted is not mixed with the old one", async () => {
  const { server, sink, downloads, file } = await makeScene();
  breakOnce(server, () => server.put("a.bin", content.subarray(1)));
  await downloads.start(file);
  const state = downloads.byName.value.get("a.bin")?.state.value;
  assert.equal(
    state?.kind === "failed" && state.problem.why,
    "Something went wrong that should not: the file was replaced on the server in the middle of the download.",
  );
  assert.equal(sink.end, "aborted");
});

Deno.test("a file that is no longer there fails in words, until that is closed", async () => {
  const { server, sink, downloads, saved, file } = await makeScene();
  await server.store.delete("a.bin");
  await downloads.start(file);
  const state = downloads.byName.value.get("a.bin")?.state.value;
  assert.deepEqual(state?.kind === "failed" && state.problem, {
    what: "Cannot download “a.bin”",
    why: 'The server does not have it: name: no file "a.bin".',
    advice: "It was deleted or has expired. Refresh the list to see what is there.",
  });
  assert.equal(sink.end, "aborted");
  assert.deepEqual(saved, []);
  downloads.cancel("a.bin");
  assert.equal(downloads.byName.value.size, 0);
});

Deno.test("a cancelled download stops, and leaves nothing", async () => {
  const { sink, downloads, saved, file } = await makeScene();
  sink.onWrite = () => downloads.cancel("a.bin");
  await downloads.start(file);
  assert.equal(sink.end, "aborted");
  assert.deepEqual(saved, []);
  assert.equal(downloads.byName.value.size, 0);
});

Deno.test("nothing is downloaded when the user closes the file picker", async () => {
  const { server, file } = await makeScene();
  const downloads = new Downloads({
    files: server.files,
    wait: () => Promise.resolve(),
    openSink: () => Promise.resolve(undefined),
  });
  await downloads.start(file as FileInfo);
  assert.equal(server.count("Download"), 0);
  assert.equal(downloads.byName.value.size, 0);
});
