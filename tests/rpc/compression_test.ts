/** Compression of messages by `node:zlib` and by the web's streams: what is damaged, what is too large, and what others compressed. */
import { Code } from "@connectrpc/connect";
import assert from "node:assert/strict";
import * as zlib from "node:zlib";
import {
  chooseCompression,
  type Compression,
  createWebCompressions,
  isCompressible,
} from "../../src/rpc/compression.ts";
import { nodeCompressions } from "../../src/rpc/node/mod.ts";
import { sampleBytes } from "../support/bytes.ts";
import { assertConnectError } from "../support/connect_error.ts";

const KINDS: readonly (readonly [kind: string, compression: Compression])[] = [
  ...nodeCompressions.map((compression) => [`node ${compression.name}`, compression] as const),
  ...createWebCompressions().map((compression) => [`web ${compression.name}`, compression] as const),
];

const MIB = 1 << 20;

/** A test for each algorithm and platform. */
function test(name: string, action: (compression: Compression) => Promise<void>): void {
  for (const [kind, compression] of KINDS) {
    Deno.test(`${kind}: ${name}`, () => action(compression));
  }
}

function compressionOf(name: string): Compression {
  return nodeCompressions.find((compression) => compression.name === name)!;
}

/** Half of it random, half zeros. */
function message(length: number): Uint8Array {
  const octets = sampleBytes(length);
  octets.fill(0, length >> 1);
  return octets;
}

async function assertDamaged(compression: Compression, data: Uint8Array, maxBytes = MIB): Promise<void> {
  const call = async () => await compression.decompress(data, maxBytes);
  await assertConnectError(call, Code.InvalidArgument, `message is not valid ${compression.name}`);
}

async function assertTooLarge(compression: Compression, data: Uint8Array, maxBytes: number): Promise<void> {
  const call = async () => await compression.decompress(data, maxBytes);
  await assertConnectError(
    call,
    Code.ResourceExhausted,
    `message is larger than ${maxBytes} bytes after decompression`,
  );
}

test("messages of many lengths come back", async (compression) => {
  for (const length of [0, 1, 10, 1000, 16_383, 16_384, 16_385, 65_536, 65_537, 100_000, 131_073, 3_000_000]) {
    const octets = message(length);
    const compressed = await compression.compress(octets);
    assert.deepEqual(await compression.decompress(compressed, Math.max(1, length)), octets, `${length} bytes`);
  }
});

test("nothing is an empty message", async (compression) => {
  assert.equal((await compression.decompress(new Uint8Array(0), 0)).length, 0);
});

test("it reads its own part of a buffer and changes nothing", async (compression) => {
  const compressed = await compression.compress(message(500));
  const buffer = new Uint8Array(compressed.length + 20).fill(0xee);
  buffer.set(compressed, 10);
  const before = buffer.slice();
  const part = buffer.subarray(10, 10 + compressed.length);
  assert.deepEqual(await compression.decompress(part, 500), message(500));
  assert.deepEqual(buffer, before);
  assert.deepEqual(await compression.decompress(await compression.compress(part), MIB), compressed);
});

test("what comes of it is no Buffer, whose slices are no copies", async (compression) => {
  const compressed = await compression.compress(message(500));
  for (const octets of [compressed, await compression.decompress(compressed, 500)]) {
    assert.equal(Object.getPrototypeOf(octets), Uint8Array.prototype);
  }
});

test("a message at the limit is taken, one of a byte more is not", async (compression) => {
  for (const limit of [0, 1, 1000, 16_384, 100_000, 4 * MIB]) {
    const within = await compression.compress(message(limit));
    assert.deepEqual(await compression.decompress(within, limit), message(limit));
    await assertTooLarge(compression, await compression.compress(message(limit + 1)), limit);
  }
});

test("attack 22: of a bomb no more is made than the limit allows, and little more", async (compression) => {
  const bomb = await compression.compress(new Uint8Array(256 * MIB));
  const before = Deno.memoryUsage().rss;
  await assertTooLarge(compression, bomb, 4 * MIB);
  const grown = Deno.memoryUsage().rss - before;
  assert.ok(grown < 64 * MIB, `${grown >> 20} MiB`);
});

test("attack 22: a bomb in a bomb is a message like others", async (compression) => {
  const inner = await compression.compress(new Uint8Array(64 * MIB));
  const outer = await compression.compress(inner);
  assert.deepEqual(await compression.decompress(outer, inner.length), inner);
});

test("what was cut short is damaged, wherever", async (compression) => {
  for (const length of [0, 10, 300]) {
    const compressed = await compression.compress(message(length));
    for (let end = 1; end < compressed.length; end++) {
      await assertDamaged(compression, compressed.slice(0, end));
    }
  }
  const long = await compression.compress(message(200_000));
  for (const missing of [1000, 10_000, 100_000]) {
    await assertDamaged(compression, long.slice(0, -missing));
  }
});

test("what is something else is damaged", async (compression) => {
  for (
    const data of [new Uint8Array(1000).fill(0xff), new TextEncoder().encode('{"name":"World"}')]
  ) {
    await assertDamaged(compression, data);
  }
  for (const other of nodeCompressions) {
    if (other.name !== compression.name) {
      await assertDamaged(compression, await other.compress(message(100)));
    }
  }
});

Deno.test("br and zstd: what goes on after the end is damaged", async () => {
  for (const compression of [compressionOf("br"), compressionOf("zstd")]) {
    const compressed = await compression.compress(message(300));
    await assertDamaged(compression, Uint8Array.of(...compressed, 0));
    await assertDamaged(compression, Uint8Array.of(...compressed, 1, 2, 3, 4, 5, 6, 7, 8, 9));
  }
});

Deno.test("deflate is the format of zlib, not the bare one", async () => {
  const compressed = await compressionOf("deflate").compress(message(100));
  assert.deepEqual(new Uint8Array(zlib.inflateSync(compressed)), message(100));
  await assertDamaged(compressionOf("deflate"), zlib.deflateRawSync(message(100)));
});

const HELLO = new TextEncoder().encode("hello");

Deno.test("zstd: frames that the program zstd made", async () => {
  const zstd = compressionOf("zstd");
  const frames: readonly (readonly [hex: string, text: string])[] = [
    ["28b52ffd045829000068656c6c6fa36d9f88", "hello"], // With a checksum and a window
    ["28b52ffd240001000099e9d851", ""], // One segment with its size
  ];
  for (const [hex, text] of frames) {
    const frame = Uint8Array.fromHex(hex);
    assert.equal(new TextDecoder().decode(await zstd.decompress(frame, 5)), text);
    for (let end = 1; end < frame.length; end++) {
      await assertDamaged(zstd, frame.slice(0, end));
    }
  }
});

Deno.test("zstd: every kind of header that a frame can have", async () => {
  const zstd = compressionOf("zstd");
  for (const length of [0, 1, 255, 256, 70_000]) {
    for (const checksumFlag of [0, 1]) {
      for (const contentSizeFlag of [0, 1]) {
        const params = {
          [zlib.constants.ZSTD_c_checksumFlag]: checksumFlag,
          [zlib.constants.ZSTD_c_contentSizeFlag]: contentSizeFlag,
        };
        for (const pledgedSrcSize of [undefined, length]) {
          const options = pledgedSrcSize === undefined ? { params } : { params, pledgedSrcSize };
          const frame = zlib.zstdCompressSync(message(length), options);
          assert.deepEqual(await zstd.decompress(frame, Math.max(1, length)), message(length));
        }
      }
    }
  }
});

Deno.test("zstd: a few frames are one message, many are not taken", async () => {
  const zstd = compressionOf("zstd");
  const frame = [...await zstd.compress(HELLO)];
  const repeated = (count: number) => Uint8Array.from(Array.from({ length: count }, () => frame).flat());
  for (const count of [2, 8]) {
    const text = new TextDecoder().decode(await zstd.decompress(repeated(count), 5 * count));
    assert.equal(text, "hello".repeat(count));
    await assertTooLarge(zstd, repeated(count), 5 * count - 1);
    await assertTooLarge(zstd, repeated(count), 5 * count - 5);
  }
  await assertDamaged(zstd, repeated(9));
});

Deno.test("attack 22: zstd: a window of more than 8 MiB is refused", async () => {
  const zstd = compressionOf("zstd");
  // 3000 zeros by `zstd --long=27`: the window is 128 MiB.
  await assertDamaged(zstd, Uint8Array.fromHex("28b52ffd00886500001000000200a1bbe9030f6001"));
  for (const [windowLog, isTaken] of [[23, true], [24, false]] as const) {
    const params = {
      [zlib.constants.ZSTD_c_windowLog]: windowLog,
      [zlib.constants.ZSTD_c_contentSizeFlag]: 0,
    };
    const chunks: Uint8Array[] = [];
    const stream = zlib.createZstdCompress({ params });
    stream.on("data", (chunk: Uint8Array) => chunks.push(chunk));
    stream.end(message(1000));
    await new Promise((resolve) => stream.once("end", resolve));
    const frame = new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer());
    assert.equal(frame[5], windowLog - 10 << 3, "the window that the frame has");
    if (isTaken) {
      assert.deepEqual(await zstd.decompress(frame, 1000), message(1000));
    } else {
      await assertDamaged(zstd, frame);
    }
  }
});

Deno.test("what the web compressed Node can read, and the other way", async () => {
  for (const web of createWebCompressions()) {
    const node = compressionOf(web.name);
    assert.deepEqual(await node.decompress(await web.compress(message(5000)), 5000), message(5000));
    assert.deepEqual(await web.decompress(await node.compress(message(5000)), 5000), message(5000));
  }
});

Deno.test("the first of the peer's list that we have is chosen", () => {
  const cases: readonly (readonly [accepted: string | undefined, name: string | undefined])[] = [
    [undefined, undefined],
    ["", undefined],
    [",,", undefined],
    ["identity", undefined],
    ["snappy, lz4", undefined],
    ["gzip", "gzip"],
    ["identity,gzip", "gzip"],
    ["snappy,zstd,gzip", "zstd"],
    ["gzip, deflate, br, zstd", "gzip"],
    ["br;q=1.0, gzip;q=0.8", "br"],
    ["br;q=0, gzip", "gzip"],
    ["br; q=0.000 , gzip", "gzip"],
    ["br;q=0.001", "br"],
    [" GZip ", "gzip"],
    ["*", undefined],
    ["gzipx, xgzip, gzip2", undefined],
  ];
  for (const [accepted, name] of cases) {
    assert.equal(chooseCompression(nodeCompressions, accepted)?.name, name, `${accepted}`);
  }
  assert.equal(chooseCompression([], "gzip"), undefined);
});

Deno.test("the platforms have what they say", () => {
  assert.deepEqual(nodeCompressions.map(({ name }) => name), ["gzip", "br", "zstd", "deflate"]);
  assert.deepEqual(createWebCompressions().map(({ name }) => name), ["gzip"]);
});

/** How each algorithm does its work: as it usually does, and in the fastest way. */
const WAYS: Readonly<Record<string, readonly [usual: zlib.ZlibOptions, fast: zlib.ZlibOptions]>> = {
  gzip: [{}, { level: 1 }],
  deflate: [{}, { level: 1 }],
};

for (const [name, [usual, fast]] of Object.entries(WAYS)) {
  const compress = name === "gzip" ? zlib.gzipSync : zlib.deflateSync;
  for (const [bytes, options] of [[256 * 1024, usual], [256 * 1024 + 1, fast]] as const) {
    Deno.test(`node ${name}: compresses ${bytes} bytes at level ${options.level ?? 6}`, async () => {
      const data = message(bytes);
      const expected = new Uint8Array(compress(data, options));
      assert.notDeepEqual(expected, new Uint8Array(compress(data, options === usual ? fast : usual)));
      assert.deepEqual(await compressionOf(name).compress(data), expected);
    });
  }
}

for (const [name, limit] of [["gzip", 2 * MIB], ["br", 2 * MIB], ["deflate", 2 * MIB], ["zstd", 8 * MIB]] as const) {
  Deno.test(`node ${name}: a server compresses responses of at most ${limit} bytes`, () => {
    assert.equal(isCompressible(compressionOf(name), limit, 1024), true);
    assert.equal(isCompressible(compressionOf(name), limit + 1, 1024), false);
  });
}

Deno.test("web gzip: a server compresses responses of any length from the smallest on", () => {
  const [gzip] = createWebCompressions();
  assert.equal(isCompressible(gzip!, 100 * MIB, 1024), true);
  assert.equal(isCompressible(gzip!, 1023, 1024), false);
});
