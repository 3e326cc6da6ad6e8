/** Attacks on the File service: its slots, its disk, its readers. */
import type { Attack, AttackGroup, Outcome, Target } from "../attack.ts";
import { callAgain } from "../calls.ts";
import { callBlock, data, headers, join, repeat, Setting, windowUpdate } from "../frames.ts";
import { envelope, FILE, HASH, lengthDelimited, MIB, number } from "../messages.ts";
import { atRate, callJson, Http2Wire, isOver, onEach, sleep, waitForEnd } from "../sockets.ts";

/** A message whose field 1 is a file's name. */
const named = (name: string, ...more: readonly Uint8Array[]) => envelope(join(lengthDelimited(1, name), ...more));

/** Opens 128 Downloads on each of some connections, of which nothing is taken. */
export async function hoardDownloads(target: Target, connections: number, name: string): Promise<Outcome> {
  const open: Http2Wire[] = [];
  await onEach(connections, async () => {
    const http2 = await Http2Wire.connect(target, {
      takesResponses: false,
      settings: [[Setting.initialWindowSize, 0]],
    });
    open.push(http2);
    for (let stream = 0; stream < 128; stream++) {
      await http2.call(`${FILE}/Download`, named(name));
    }
  });
  await waitForEnd(target);
  return { notes: [`${open.length} connections, ${open.reduce((sum, { ended }) => sum + ended.size, 0)} calls ended`] };
}

/** Calls a method 128 times at once, and again as calls end. */
async function saturate(target: Target, path: string, message: Uint8Array, streams = 128): Promise<Outcome> {
  return await callAgain(target, path, message, { fields: [], atOnce: streams });
}

const ELSEWHERE = { isFromElsewhere: true };

/** Stores a file as an honest client with another address does. Returns what went wrong. */
async function uploadHonestly(target: Target, name: string): Promise<string[]> {
  const content = "honest";
  const started = await callJson(target, `${FILE}/StartUpload`, { name, size: content.length }, ELSEWHERE);
  if (started.status !== 200) {
    return [`an honest StartUpload was answered with ${started.status}: ${started.text.slice(-150)}`];
  }
  const uploadId = /"uploadId":"([^"]+)"/.exec(started.text)?.[1];
  const written = await callJson(
    target,
    `${FILE}/WriteUpload`,
    { uploadId, offset: 0, chunk: btoa(content) },
    ELSEWHERE,
  );
  const finished = await callJson(target, `${FILE}/FinishUpload`, { uploadId }, ELSEWHERE);
  return [written, finished].flatMap(({ status, text }) =>
    status === 200 ? [] : [`an honest upload was answered with ${status}: ${text.slice(-150)}`]
  );
}

export const files: AttackGroup = {
  name: "files",
  attacks: [
    {
      name: "upload-slots",
      title: "1,500 StartUploads that receive nothing; then an honest upload (B.7)",
      fresh: true,
      run: async (target) => {
        const http2 = await Http2Wire.connect(target);
        let index = 0;
        await atRate({ ...target, endMs: target.endMs + 3000 }, 500, async () => {
          if (index < 1500) {
            await http2.call(`${FILE}/StartUpload`, named(`slot-${index++}`, number(2, 1_000_000)));
          } else {
            await sleep(100);
          }
        });
        return { faults: await uploadHonestly(target, "honest.txt") };
      },
    },
    {
      name: "upload-slots-one-byte",
      title: "1,500 StartUploads that receive one byte each; then an honest upload (B.7)",
      fresh: true,
      durationMs: 4000,
      run: async (target) => {
        const http2 = await Http2Wire.connect(target);
        await atRate(target, 400, async () => {
          const id = http2.takeStreamId();
          http2.keep(id);
          const start = named(`byte-${id}`, number(2, 1_000_000));
          await http2.wire.send(join(headers(id, callBlock(`${FILE}/StartUpload`)), data(id, start, true)));
          http2.answered(id).then(async () => {
            const content = new Uint8Array(http2.contents.get(id) ?? []);
            const uploadId = content.subarray(7, 7 + (content[6] ?? 0));
            const write = envelope(join(lengthDelimited(1, uploadId), lengthDelimited(3, "x")));
            await http2.call(`${FILE}/WriteUpload`, write);
          });
        });
        return { faults: await uploadHonestly(target, "honest.txt") };
      },
    },
    {
      name: "uploads-without-end",
      title: "128 Upload streams on 8 connections that begin and stop",
      fresh: true,
      run: async (target) => {
        await onEach(8, async (connection) => {
          const http2 = await Http2Wire.connect(target);
          for (let stream = 0; stream < 128; stream++) {
            const id = http2.takeStreamId();
            const header = envelope(lengthDelimited(1, lengthDelimited(1, `begun-${connection}-${stream}`)));
            const chunk = envelope(lengthDelimited(2, "x".repeat(1000)));
            await http2.wire.send(join(headers(id, callBlock(`${FILE}/Upload`)), data(id, join(header, chunk))));
          }
        });
        await waitForEnd(target);
        return { faults: await uploadHonestly(target, "honest.txt") };
      },
    },
    {
      name: "hash-large-files",
      title: "128 HashFile of 32 MB: a SayHello beside them waits 0.64 s (B.8)",
      server: "files",
      run: (target) => saturate(target, `${FILE}/HashFile`, named("large.bin")),
    },
    {
      name: "hash-large-files-blake3",
      title: "The same with BLAKE3, which is WebAssembly (B.8)",
      server: "files",
      run: (target) => saturate(target, `${FILE}/HashFile`, named("large.bin", number(2, 5))),
    },
    {
      name: "hash-progress-not-taken",
      title: "128 HashFileWithProgress of 32 MB whose news are not taken (B.8)",
      server: "files",
      run: async (target) => {
        const http2 = await Http2Wire.connect(target, {
          takesResponses: false,
          settings: [[Setting.initialWindowSize, 0]],
        });
        for (let stream = 0; stream < 128; stream++) {
          await http2.call(`${FILE}/HashFileWithProgress`, named("large.bin"));
        }
        await waitForEnd(target);
      },
    },
    {
      name: "hash-and-leave",
      title: "HashFile of 32 MB whose callers go away at once (B.8)",
      server: "files",
      run: async (target) => {
        await atRate(target, 20, async () => {
          const http2 = await Http2Wire.connect(target).catch(() => undefined);
          for (let stream = 0; stream < 32 && http2 !== undefined; stream++) {
            await http2.call(`${FILE}/HashFile`, named("large.bin"));
          }
          http2?.close();
        });
      },
    },
    {
      name: "finish-again",
      title: "FinishUpload of 32 MB with a digest that is wrong, 32 at a time: each hashes all of it (B.8)",
      server: "files",
      durationMs: 3000,
      run: async (target) => {
        const size = 32 * MIB;
        const digest = { algorithm: "HASH_ALGORITHM_SHA256", hex: "0".repeat(64) };
        const { text } = await callJson(target, `${FILE}/StartUpload`, { name: "wrong.bin", size, digest });
        const uploadId = /"uploadId":"([^"]+)"/.exec(text)?.[1] ?? "";
        const piece = new Uint8Array(512 * 1024);
        for (let offset = 0; offset < size; offset += piece.length) {
          await callJson(target, `${FILE}/WriteUpload`, { uploadId, offset, chunk: piece.toBase64() });
        }
        return await saturate(
          { ...target, endMs: performance.now() + 1500, maxBytes: 64 * MIB },
          `${FILE}/FinishUpload`,
          named(uploadId),
          32,
        );
      },
      maxBytes: 64 * MIB,
    },
    {
      name: "blake3-streams",
      title:
        "ShaStream with BLAKE3 on 128 streams of 20 connections: each has a WebAssembly instance with memory of its own",
      run: async (target) => {
        const options = envelope(lengthDelimited(1, number(1, 5)));
        await onEach(20, async () => {
          const http2 = await Http2Wire.connect(target);
          const open = Array.from({ length: 128 }, () => {
            const id = http2.takeStreamId();
            return join(headers(id, callBlock(`${HASH}/ShaStream`)), data(id, options));
          });
          await http2.wire.send(join(...open));
        });
        await waitForEnd(target);
        const { status, text } = await callJson(target, `${HASH}/Sha`, {
          input: "x",
          algorithm: "HASH_ALGORITHM_BLAKE3",
        });
        return { faults: status === 200 ? [] : [`an honest Sha was answered with ${status}: ${text.slice(-120)}`] };
      },
    },
    {
      name: "workers-downloads",
      title: "256 Downloads by workers, whose store is another thread's, of which nothing is taken (B.6)",
      server: "workers",
      run: (target) => {
        return hoardDownloads(target, 2, "medium.bin");
      },
    },
    {
      name: "workers-hash",
      title: "128 HashFile by workers, whose bytes come from another thread (B.8)",
      server: "workers",
      run: (target) => saturate(target, `${FILE}/HashFile`, named("large.bin")),
    },
    {
      name: "list-many-files",
      title: "List of 20,000 files, whose directory is read and sorted for each call (B.10)",
      server: "files",
      run: (target) => saturate(target, `${FILE}/List`, envelope(number(1, 1)), 16),
    },
    {
      name: "list-long-pages",
      title: "List with pages of 1,000 files, 32 at a time (B.10)",
      server: "files",
      run: (target) => saturate(target, `${FILE}/List`, envelope(number(1, 1000)), 32),
    },
    {
      name: "downloads-not-taken",
      title: "128 Downloads of 32 MB on each of 8 connections, of which nothing is taken (A.3, B.6)",
      server: "files",
      run: (target) => hoardDownloads(target, 8, "large.bin"),
    },
    {
      name: "downloads-taken",
      title: "32 Downloads of 32 MB at once, as fast as they come: others get their turn",
      server: "files",
      run: (target) => saturate(target, `${FILE}/Download`, named("large.bin"), 32),
    },
    {
      name: "downloads-dripped",
      title: "128 Downloads with one byte of window at a time (B.6, CVE-2019-9511)",
      server: "files",
      run: async (target) => {
        const http2 = await Http2Wire.connect(target, {
          takesResponses: false,
          settings: [[Setting.initialWindowSize, 1]],
        });
        const ids: number[] = [];
        for (let stream = 0; stream < 128; stream++) {
          ids.push(await http2.call(`${FILE}/Download`, named("large.bin")));
        }
        const drip = join(...ids.map((id) => windowUpdate(id, 1)));
        await atRate(target, 30, () => http2.wire.send(drip));
      },
    },
    {
      name: "one-byte-downloads",
      title: "Downloads of one byte, 64 at a time: each opens and closes the file",
      server: "files",
      run: (target) => saturate(target, `${FILE}/Download`, named("large.bin", number(2, 1_000_000), number(3, 1)), 64),
    },
    {
      name: "stream-to-hash",
      title: "ShaStream with chunks of 1 MiB and BLAKE3 on 16 streams: what is sent is hashed on the thread",
      maxBytes: 512 * MIB,
      run: async (target) => {
        const http2 = await Http2Wire.connect(target);
        const ids = Array.from({ length: 16 }, () => http2.takeStreamId());
        const options = envelope(lengthDelimited(1, number(1, 5)));
        await http2.wire.send(
          join(...ids.map((id) => join(headers(id, callBlock(`${HASH}/ShaStream`)), data(id, options)))),
        );
        const chunks = repeat(envelope(lengthDelimited(2, new Uint8Array(MIB))), 30);
        await Promise.all(ids.map((id) => http2.sendData(target, id, chunks)));
      },
    },
    {
      name: "start-and-abort",
      title: "StartUpload and AbortUpload in turns, and FinishUpload of nothing: the disk is left as it was",
      run: async (target) => {
        const before = [...Deno.readDirSync(`${target.dataDir}/uploads`)].length;
        await atRate(target, 50, () => {
          callJson(target, `${FILE}/StartUpload`, { name: "churn", size: 0 }).then(async ({ text }) => {
            const uploadId = /"uploadId":"([^"]+)"/.exec(text)?.[1];
            await callJson(target, `${FILE}/AbortUpload`, { uploadId });
          }, () => {});
        });
        await sleep(500);
        const after = [...Deno.readDirSync(`${target.dataDir}/uploads`)].length;
        return { faults: after > before + 4 ? [`${after} files are in uploads/, ${before} were`] : [] };
      },
    },
    {
      name: "file-names",
      title: "Names that lead out of the directory, that are long, or that hide what they are",
      durationMs: 400,
      run: async (target) => {
        const names = [
          "../x",
          "..",
          ".",
          "/etc/passwd",
          "a/b",
          "a\\b",
          "a\0b",
          "x".repeat(256),
          "",
          "\r\nx",
          "..\u2215etc",
        ];
        const faults: string[] = [];
        let index = 0;
        await atRate(target, 100, () => {
          const name = names[index++ % names.length]!;
          for (const method of ["Stat", "Delete", "HashFile"]) {
            callJson(target, `${FILE}/${method}`, { name }).then(({ status }) => {
              if (status === 200) {
                faults.push(`${method} of ${JSON.stringify(name)} was answered`);
              }
            }, () => {});
          }
        });
        return { faults: [...new Set(faults)] };
      },
    },
    {
      name: "links-in-the-store",
      title: "A link in the store that leads out of it is no file",
      fresh: true,
      durationMs: 400,
      run: async (target) => {
        Deno.symlinkSync("/etc/passwd", `${target.dataDir}/files/link`);
        const responses = await Promise.all([
          callJson(target, `${FILE}/HashFile`, { name: "link" }),
          callJson(target, `${FILE}/Stat`, { name: "link" }),
        ]);
        await waitForEnd(target);
        return { notes: [responses.map(({ status }) => status).join(", ")] };
      },
    },
    {
      name: "upload-to-one-name",
      title: "64 Uploads to one name that end at once, and a Download beside each",
      run: async (target) => {
        const http2 = await Http2Wire.connect(target);
        while (!isOver(target) && !http2.isClosed) {
          const before = http2.ended.size;
          for (let stream = 0; stream < 64; stream++) {
            const header = envelope(lengthDelimited(1, lengthDelimited(1, "one-name.bin")));
            const chunk = envelope(lengthDelimited(2, new Uint8Array(10_000).fill(stream)));
            await http2.call(`${FILE}/Upload`, join(header, chunk));
            await http2.call(`${FILE}/Download`, named("one-name.bin"));
          }
          while (http2.ended.size < before + 128 && performance.now() < target.endMs && !http2.isClosed) {
            await sleep(5);
          }
        }
        return { notes: [`${http2.ended.size} ended`] };
      },
    },
  ] satisfies readonly Attack[],
};
