/** Attacks by what is in a message: a few bytes that are many objects, or long work. */
import type { Attack, AttackGroup, Target } from "../attack.ts";
import { callAgain, callJsonAgain } from "../calls.ts";
import { callBlock, dataFrames, headers, join, latin1, repeat } from "../frames.ts";
import {
  ALMOST_4_MIB,
  EMPTY,
  envelope,
  FILE,
  GREETER,
  gzipEnvelope,
  HASH,
  lengthDelimited,
  LOAD,
  MIB,
  number,
  unknownFields,
  varint,
} from "../messages.ts";
import { Http2Wire } from "../sockets.ts";

/** Keeps 30 requests at their handlers. */
async function hoard(target: Target, message: Uint8Array) {
  return await callAgain(target, `${LOAD}/Hold`, gzipEnvelope(message), { atOnce: 30 });
}

const SAY_HELLO = `${GREETER}/SayHello`;

export const messages: AttackGroup = {
  name: "messages",
  attacks: [
    {
      name: "unknown-fields-held",
      title: "Two million unknown fields in 4 KB, kept by 30 handlers (A.4)",
      server: "user",
      run: (target) => hoard(target, unknownFields(ALMOST_4_MIB)),
    },
    {
      name: "unknown-fields",
      title: "Two million unknown fields in 4 KB, again and again: 313 ms each (A.4, B.9)",
      run: (target) => callAgain(target, SAY_HELLO, gzipEnvelope(unknownFields(ALMOST_4_MIB))),
    },
    {
      name: "unknown-fields-declined",
      title: "The same with a known field of a wrong wire type: protobuf-es does it (A.4)",
      run: (target) => callAgain(target, SAY_HELLO, gzipEnvelope(join(number(1, 7), unknownFields(ALMOST_4_MIB - 64)))),
    },
    {
      name: "unknown-groups",
      title: "A million groups that no message has, and ones that do not end (A.4)",
      run: (target) =>
        callAgain(target, SAY_HELLO, [
          gzipEnvelope(repeat(new Uint8Array([15 << 3 | 3, 15 << 3 | 4]), ALMOST_4_MIB / 2)),
          gzipEnvelope(repeat(new Uint8Array([15 << 3 | 3]), ALMOST_4_MIB)),
        ]),
    },
    {
      name: "empty-messages",
      title: "Two million empty messages of a repeated field, kept by 30 handlers (A.4)",
      server: "user",
      run: (target) => hoard(target, repeat(lengthDelimited(2, EMPTY), ALMOST_4_MIB / 2)),
    },
    {
      name: "map-entries",
      title: "A map of 450,000 keys, kept by 30 handlers (A.4)",
      server: "user",
      run: (target) => {
        const entries = repeat(lengthDelimited(3, lengthDelimited(1, "0000")), 450_000);
        for (let index = 0; index < 450_000; index++) {
          entries.set(latin1(index.toString(36).padStart(4, "0")), 8 * index + 4);
        }
        return hoard(target, entries);
      },
    },
    {
      name: "empty-map-entries",
      title: "Two million map entries without a key (A.4)",
      server: "user",
      run: (target) =>
        callAgain(target, `${LOAD}/Do`, gzipEnvelope(repeat(lengthDelimited(3, EMPTY), ALMOST_4_MIB / 2))),
    },
    {
      name: "empty-strings",
      title: "Two million empty strings, kept by 30 handlers (A.4)",
      server: "user",
      run: (target) => hoard(target, repeat(lengthDelimited(5, EMPTY), ALMOST_4_MIB / 2)),
    },
    {
      name: "packed-varints",
      title: "Four million packed numbers, kept by 30 handlers (A.4)",
      server: "user",
      run: (target) => hoard(target, lengthDelimited(4, new Uint8Array(ALMOST_4_MIB - 64).fill(1))),
    },
    {
      name: "deep-messages",
      title: "Messages within messages, 10,000 deep and 90 deep in numbers",
      server: "user",
      run: (target) => {
        let [deep, nested] = [EMPTY as Uint8Array, EMPTY as Uint8Array];
        for (let depth = 0; depth < 10_000; depth++) {
          deep = join(varint(2 << 3 | 2), varint(deep.length), deep);
        }
        for (let depth = 0; depth < 90; depth++) {
          nested = lengthDelimited(2, nested);
        }
        const many = repeat(nested, Math.floor(ALMOST_4_MIB / nested.length));
        return callAgain(target, `${LOAD}/Do`, [gzipEnvelope(deep), gzipEnvelope(many)]);
      },
    },
    {
      name: "long-varints",
      title: "Varints of eleven bytes, and a message that is one of them (B.9)",
      server: "user",
      run: (target) =>
        callAgain(target, `${LOAD}/Do`, [
          gzipEnvelope(
            repeat(join(new Uint8Array([6 << 3]), new Uint8Array(9).fill(0xff), new Uint8Array([1])), 380_000),
          ),
          gzipEnvelope(new Uint8Array(ALMOST_4_MIB).fill(0xff)),
        ]),
    },
    {
      name: "not-utf8",
      title: "4 MB that are not UTF-8, in a string",
      run: (target) =>
        callAgain(target, SAY_HELLO, gzipEnvelope(lengthDelimited(1, new Uint8Array(ALMOST_4_MIB).fill(0xff)))),
    },
    {
      name: "long-error",
      title: "4 KB that are a name of 4 MB: the error quotes it, in 531 CONTINUATION frames (A.5)",
      run: (target) =>
        callAgain(target, `${FILE}/GetUpload`, gzipEnvelope(lengthDelimited(1, "\u00e9".repeat(ALMOST_4_MIB / 2)))),
    },
    {
      name: "long-error-connect",
      title: "The same by Connect, in JSON: an enum, a field name, a token of 4 MB (A.5)",
      run: async (target) => {
        const third = (target.endMs - performance.now()) / 3;
        const text = "\u00e9".repeat(2_000_000);
        await callJsonAgain({ ...target, endMs: target.endMs - 2 * third }, `${HASH}/Sha`, `{"algorithm":"${text}"}`);
        await callJsonAgain({ ...target, endMs: target.endMs - third }, SAY_HELLO, `{"${text}":1}`);
        return await callJsonAgain(target, `${FILE}/List`, `{"pageToken":"${text}"}`);
      },
    },
    {
      name: "long-error-small-list",
      title: "Errors for a peer that takes header lists of 1,000 bytes: it gets no longer one (A.5)",
      durationMs: 400,
      run: async (target) => {
        const http2 = await Http2Wire.connect(target, { settings: [[6, 1000]] });
        const id = await http2.call(`${FILE}/GetUpload`, envelope(lengthDelimited(1, "x".repeat(60_000))));
        const ended = await http2.answered(id);
        const bytes = http2.wire.receivedBytes;
        http2.close();
        return { faults: ended && bytes < 2000 ? [] : [`${bytes} bytes came back; ${ended ? "ended" : "not ended"}`] };
      },
    },
    {
      name: "reflection",
      title: "Reflection asked for everything it has, 100,000 times on one stream",
      run: async (target) => {
        const http2 = await Http2Wire.connect(target);
        const id = http2.takeStreamId();
        await http2.wire.send(headers(id, callBlock("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")));
        const question = envelope(lengthDelimited(4, "edgewire.v1.File"));
        await http2.wire.flood(target, dataFrames(id, repeat(question, 700), false));
        return { notes: [`${(http2.dataBytes / MIB).toFixed(1)} MiB came back`] };
      },
    },
  ] satisfies readonly Attack[],
};
