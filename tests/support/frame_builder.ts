/**
 * Builds HTTP/2 frames octet by octet from RFC 9113 §4.1 and §6, also such as no peer may send.
 * It shares nothing with the engine, so that a mistake there is not repeated here.
 */
import { Buffer } from "node:buffer";

/** The client's connection preface. */
export const PREFACE = ascii("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** What frames may have beside their content. */
export interface FrameOptions {
  readonly endStream?: boolean;
  /** @default true */
  readonly endHeaders?: boolean;
  readonly ack?: boolean;
  /** Octets of padding; with 0 there is only the pad length. */
  readonly padding?: number;
  /** Stream dependency, exclusive flag and weight - 1. */
  readonly priority?: { readonly dependency: number; readonly exclusive?: boolean; readonly weight?: number };
  /** More flags. */
  readonly flags?: number;
}

/** Text as octets, one for each character. */
export function ascii(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Octets put together. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat(parts));
}

/** A number as four octets, the highest first. */
export function uint32(value: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array([value >>> 24, value >>> 16, value >>> 8, value]);
}

/** Any frame; `length` is what the header says, when that is not the truth. */
export function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array = new Uint8Array(0),
  length = payload.length,
): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array([length >> 16, length >> 8, length, type, flags, 0, 0, 0, 0]);
  header.set(uint32(streamId), 5);
  return concat(header, payload);
}

export function data(
  streamId: number,
  content: Uint8Array | string,
  options: FrameOptions = {},
): Uint8Array<ArrayBuffer> {
  return frame(0, flagsOf(options), streamId, padded(octets(content), options));
}

export function headers(
  streamId: number,
  block: Uint8Array | string,
  options: FrameOptions = {},
): Uint8Array<ArrayBuffer> {
  const { priority, endHeaders = true } = options;
  const before = priority === undefined ? [] : [
    uint32((priority.exclusive ? 0x80000000 : 0) + priority.dependency),
    new Uint8Array([priority.weight ?? 15]),
  ];
  const flags = flagsOf(options) | (endHeaders ? 4 : 0) | (priority === undefined ? 0 : 0x20);
  return frame(1, flags, streamId, padded(concat(...before, octets(block)), options));
}

export function priority(streamId: number, dependency: number, weight = 15): Uint8Array<ArrayBuffer> {
  return frame(2, 0, streamId, concat(uint32(dependency), new Uint8Array([weight])));
}

export function resetStream(streamId: number, code: number): Uint8Array<ArrayBuffer> {
  return frame(3, 0, streamId, uint32(code));
}

/** Entries are identifiers and values. */
export function settings(...entries: readonly (readonly [id: number, value: number])[]): Uint8Array<ArrayBuffer> {
  return frame(4, 0, 0, concat(...entries.map(([id, value]) => concat(new Uint8Array([id >> 8, id]), uint32(value)))));
}

export function settingsAck(): Uint8Array<ArrayBuffer> {
  return frame(4, 1, 0);
}

export function pushPromise(
  streamId: number,
  promisedStreamId: number,
  block: Uint8Array | string,
  options: FrameOptions = {},
): Uint8Array<ArrayBuffer> {
  const flags = flagsOf(options) | (options.endHeaders ?? true ? 4 : 0);
  return frame(5, flags, streamId, padded(concat(uint32(promisedStreamId), octets(block)), options));
}

export function ping(content: Uint8Array | string, options: FrameOptions = {}): Uint8Array<ArrayBuffer> {
  return frame(6, flagsOf(options), 0, octets(content));
}

export function goaway(lastStreamId: number, code: number, debugData = ""): Uint8Array<ArrayBuffer> {
  return frame(7, 0, 0, concat(uint32(lastStreamId), uint32(code), ascii(debugData)));
}

export function windowUpdate(streamId: number, increment: number): Uint8Array<ArrayBuffer> {
  return frame(8, 0, streamId, uint32(increment));
}

export function continuation(
  streamId: number,
  block: Uint8Array | string,
  options: FrameOptions = {},
): Uint8Array<ArrayBuffer> {
  return frame(9, flagsOf(options) | (options.endHeaders ?? true ? 4 : 0), streamId, octets(block));
}

/** A frame taken apart; padding and priority are left in the payload. */
export interface ParsedFrame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Uint8Array;
}

/** Takes whole frames apart. It throws when the last one is not whole. */
export function parseFrames(bytes: Uint8Array): ParsedFrame[] {
  const frames: ParsedFrame[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let offset = 0; offset < bytes.length;) {
    const length = view.getUint32(offset) >>> 8;
    const end = offset + 9 + length;
    if (end > bytes.length) {
      throw new RangeError(`A frame ends at ${end}, after the end of the octets, ${bytes.length}`);
    }
    frames.push({
      type: view.getUint8(offset + 3),
      flags: view.getUint8(offset + 4),
      streamId: view.getUint32(offset + 5),
      payload: bytes.slice(offset + 9, end),
    });
    offset = end;
  }
  return frames;
}

/** How many octets the whole frames have that bytes begin with. */
export function wholeFramesLength(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let whole = 0;
  for (let end = 0; end <= bytes.length;) {
    whole = end;
    end += end + 9 <= bytes.length ? 9 + (view.getUint32(end) >>> 8) : Infinity;
  }
  return whole;
}

function octets(content: Uint8Array | string): Uint8Array {
  return typeof content === "string" ? ascii(content) : content;
}

function flagsOf(options: FrameOptions): number {
  return (options.flags ?? 0) | (options.endStream || options.ack ? 1 : 0) | (options.padding === undefined ? 0 : 8);
}

function padded(content: Uint8Array, { padding }: FrameOptions): Uint8Array {
  return padding === undefined ? content : concat(new Uint8Array([padding]), content, new Uint8Array(padding));
}
