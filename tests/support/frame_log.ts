/** A sink of frames that writes down what it gets, and readers that feed it. */
import { Buffer } from "node:buffer";
import { errorName } from "../../src/http2/constants.ts";
import { Turn } from "../../src/http/mod.ts";
import { FrameReader, type FrameReaderLimits } from "../../src/http2/frame_reader.ts";
import type { FrameSink } from "../../src/http2/frame_sink.ts";

const text = (buffer: Uint8Array, start: number, end: number) =>
  Buffer.from(buffer.subarray(start, end)).toString("latin1");

/** Every call as one line. */
export class FrameLog implements FrameSink {
  readonly lines: string[] = [];
  /** Called with every line, as from within a callback. */
  onLine: (line: string) => void = () => {};

  onData(
    id: number,
    buffer: Uint8Array,
    start: number,
    end: number,
    frameLength: number,
    padding: number,
    endStream: boolean,
  ): void {
    const padded = padding > 0 ? ` padding ${padding}` : "";
    this.#add(`DATA ${id} "${text(buffer, start, end)}" flow ${frameLength}${padded}${endStream ? " end" : ""}`);
  }
  onHeaders(
    id: number,
    buffer: Uint8Array,
    start: number,
    end: number,
    endStream: boolean,
    selfDependent: boolean,
  ): void {
    const flags = `${endStream ? " end" : ""}${selfDependent ? " self-dependent" : ""}`;
    this.#add(`HEADERS ${id} "${text(buffer, start, end)}"${flags}`);
  }
  onPushPromise(id: number, promisedId: number, buffer: Uint8Array, start: number, end: number): void {
    this.#add(`PUSH_PROMISE ${id} ${promisedId} "${text(buffer, start, end)}"`);
  }
  onPriority(id: number, selfDependent: boolean): void {
    this.#add(`PRIORITY ${id}${selfDependent ? " self-dependent" : ""}`);
  }
  onResetStream(id: number, code: number): void {
    this.#add(`RST_STREAM ${id} ${errorName(code)}`);
  }
  onSettings(buffer: Uint8Array, start: number, end: number): void {
    this.#add(`SETTINGS ${Buffer.from(buffer.subarray(start, end)).toString("hex")}`);
  }
  onSettingsAck(): void {
    this.#add("SETTINGS ack");
  }
  onPing(buffer: Uint8Array, start: number): void {
    this.#add(`PING "${text(buffer, start, start + 8)}"`);
  }
  onPingAck(buffer: Uint8Array, start: number): void {
    this.#add(`PING "${text(buffer, start, start + 8)}" ack`);
  }
  onGoaway(lastStreamId: number, code: number, buffer: Uint8Array, start: number, end: number): void {
    this.#add(`GOAWAY ${lastStreamId} ${errorName(code)} "${text(buffer, start, end)}"`);
  }
  onWindowUpdate(id: number, increment: number): void {
    this.#add(`WINDOW_UPDATE ${id} ${increment}`);
  }
  onUnknown(): void {} // Dropped.
  onStreamError(id: number, code: number, message: string): void {
    this.#add(`stream error ${id} ${errorName(code)}: ${message}`);
  }
  onConnectionError(code: number, message: string): void {
    this.#add(`connection error ${errorName(code)}: ${message}`);
  }

  /** The lines with the pieces of DATA frames put together, which is what does not depend on the chunks. */
  get frames(): string[] {
    const frames: string[] = [];
    for (const line of this.lines) {
      const piece = /^(DATA \d+) "([^]*)" flow (\d+(?: padding \d+)?)( end)?$/.exec(line);
      const previous = /^(DATA \d+) "([^]*)" flow (\d+(?: padding \d+)?)$/.exec(frames.at(-1) ?? "");
      if (piece !== null && previous !== null && piece[1] === previous[1] && piece[3] === "0" && piece[2] !== "") {
        frames[frames.length - 1] = `${piece[1]} "${previous[2]}${piece[2]}" flow ${previous[3]}${piece[4] ?? ""}`;
      } else {
        frames.push(line);
      }
    }
    return frames;
  }

  #add(line: string): void {
    this.lines.push(line);
    this.onLine(line);
  }
}

/** How {@linkcode frameReader} makes one. */
export interface ReaderOptions extends FrameReaderLimits {
  readonly role: "client" | "server";
}

/** Limits that tests reach with few octets. */
export const READER_OPTIONS: ReaderOptions = {
  role: "server",
  maxFrameSize: 16_384,
  maxContinuations: 8,
  maxHeaderBlockSize: 65_536,
};

/** A reader with other options than those, if they are given. */
export function frameReader(
  sink: FrameSink,
  options: Partial<ReaderOptions> = {},
  turn: Turn = new Turn(Infinity),
): FrameReader {
  const { role, ...limits } = { ...READER_OPTIONS, ...options };
  return new FrameReader(sink, role, limits, turn);
}

/** Feeds a new reader all at once and, to another one, octet by octet, each in a buffer that is then overwritten. */
export function readBothWays(bytes: Uint8Array, options: Partial<ReaderOptions> = {}): [FrameLog, FrameLog] {
  const whole = new FrameLog();
  frameReader(whole, options).push(bytes);
  const single = new FrameLog();
  const reader = frameReader(single, options);
  const buffer = new Uint8Array(1);
  for (const octet of bytes) {
    buffer[0] = octet;
    reader.push(buffer);
    buffer[0] = 0xee;
  }
  return [whole, single];
}
