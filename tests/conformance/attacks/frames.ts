/**
 * A writer of HTTP/2 frames and HPACK that says anything, also what no engine would: it shares no code with the server that it attacks.
 */

export const FrameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const END_STREAM = 0x1;
export const ACK = 0x1;
export const END_HEADERS = 0x4;
export const PADDED = 0x8;

export const Setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

const encoder = new TextEncoder();

/** The bytes of a text, one for each character. */
export function latin1(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) {
    bytes[index] = text.charCodeAt(index);
  }
  return bytes;
}

export const PREFACE = latin1("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** Puts byte arrays one after the other. */
export function join(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return joinAll(parts);
}

/** As {@linkcode join}, for more of them than a function has arguments. */
export function joinAll(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** Repeats a byte array `count` times. */
export function repeat(part: Uint8Array, count: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(part.length * count);
  for (let index = 0; index < count; index++) {
    bytes.set(part, index * part.length);
  }
  return bytes;
}

export function uint32(value: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array([value >>> 24, value >>> 16, value >>> 8, value]);
}

/** A frame; its announced length is that of the payload, unless `length` says something else. */
export function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array = new Uint8Array(0),
  length: number = payload.length,
): Uint8Array<ArrayBuffer> {
  return join(new Uint8Array([length >>> 16, length >>> 8, length, type, flags]), uint32(streamId), payload);
}

/** Adds to the stream identifiers of frames, in place, so that they can be sent again. In PRIORITY also to the stream that it depends on. */
export function renumber(frames: Uint8Array<ArrayBuffer>, increment: number): Uint8Array<ArrayBuffer> {
  const view = new DataView(frames.buffer);
  for (let offset = 0; offset < frames.length;) {
    view.setUint32(offset + 5, view.getUint32(offset + 5) + increment);
    if (frames[offset + 3] === FrameType.priority && frames[offset + 2] === 5) {
      view.setUint32(offset + 9, view.getUint32(offset + 9) + increment);
    }
    offset += 9 + (view.getUint32(offset) >>> 8);
  }
  return frames;
}

export function settings(...entries: readonly (readonly [number, number])[]): Uint8Array<ArrayBuffer> {
  const parts = entries.map(([id, value]) => join(new Uint8Array([id >>> 8, id]), uint32(value)));
  return frame(FrameType.settings, 0, 0, join(...parts));
}

export const SETTINGS_ACK = frame(FrameType.settings, ACK, 0);

export function windowUpdate(streamId: number, increment: number): Uint8Array<ArrayBuffer> {
  return frame(FrameType.windowUpdate, 0, streamId, uint32(increment));
}

export function rstStream(streamId: number, code = 8): Uint8Array<ArrayBuffer> {
  return frame(FrameType.rstStream, 0, streamId, uint32(code));
}

export function ping(flags = 0, text = "attacker"): Uint8Array<ArrayBuffer> {
  return frame(FrameType.ping, flags, 0, latin1(text));
}

export function goaway(lastStreamId = 0, code = 0, debug = ""): Uint8Array<ArrayBuffer> {
  return frame(FrameType.goaway, 0, 0, join(uint32(lastStreamId), uint32(code), latin1(debug)));
}

export function data(streamId: number, payload: Uint8Array, endStream = false): Uint8Array<ArrayBuffer> {
  return frame(FrameType.data, endStream ? END_STREAM : 0, streamId, payload);
}

/** A message as DATA frames of 16 KiB, the last of which may end the stream. */
export function dataFrames(streamId: number, content: Uint8Array, endStream: boolean): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  for (let offset = 0; offset === 0 || offset < content.length; offset += 16384) {
    const isLast = offset + 16384 >= content.length;
    parts.push(data(streamId, content.subarray(offset, offset + 16384), isLast && endStream));
  }
  return join(...parts);
}

export function headers(
  streamId: number,
  block: Uint8Array,
  { endStream = false, endHeaders = true }: { readonly endStream?: boolean; readonly endHeaders?: boolean } = {},
): Uint8Array<ArrayBuffer> {
  const flags = (endStream ? END_STREAM : 0) | (endHeaders ? END_HEADERS : 0);
  return frame(FrameType.headers, flags, streamId, block);
}

export function continuation(streamId: number, block: Uint8Array, endHeaders = false): Uint8Array<ArrayBuffer> {
  return frame(FrameType.continuation, endHeaders ? END_HEADERS : 0, streamId, block);
}

/** An integer of HPACK (RFC 7541 §5.1) below the bits of `first`. */
export function hpackInteger(value: number, prefixBits: number, first = 0): Uint8Array<ArrayBuffer> {
  const most = (1 << prefixBits) - 1;
  if (value < most) {
    return new Uint8Array([first | value]);
  }
  const bytes = [first | most];
  let rest = value - most;
  for (; rest >= 128; rest = Math.floor(rest / 128)) {
    bytes.push(rest % 128 | 0x80);
  }
  return new Uint8Array([...bytes, rest]);
}

export function hpackString(text: string | Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = typeof text === "string" ? encoder.encode(text) : text;
  return join(hpackInteger(bytes.length, 7), bytes);
}

/** The characters whose Huffman code is their index in 5 bits (RFC 7541, appendix B). */
const SHORT_CODES = "012aceiost";

/** A Huffman-coded string of characters with codes of 5 bits. A string of a multiple of 8 needs no padding. */
export function huffmanString(text: string): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  let [bits, count] = [0, 0];
  for (const character of text) {
    bits = bits << 5 | SHORT_CODES.indexOf(character);
    count += 5;
    if (count >= 8) {
      count -= 8;
      bytes.push(bits >> count & 0xff);
      bits &= (1 << count) - 1;
    }
  }
  if (count > 0) {
    bytes.push(bits << 8 - count | 0xff >> count);
  }
  return join(hpackInteger(bytes.length, 7, 0x80), new Uint8Array(bytes));
}

/** A random text that {@linkcode huffmanString} can write. */
export function shortCodeText(length: number): string {
  const random = crypto.getRandomValues(new Uint8Array(length));
  return Array.from(random, (value) => SHORT_CODES[value % SHORT_CODES.length]).join("");
}

/** How a field is written: without the table (0x00), never indexed (0x10), or added to the table (0x40). */
export type Indexing = 0x00 | 0x10 | 0x40;

export function field(name: string, value: string, indexing: Indexing = 0x00): Uint8Array<ArrayBuffer> {
  return join(new Uint8Array([indexing]), hpackString(name), hpackString(value));
}

/** A field of either table by its index, which begins with 62 in the dynamic one. */
export function indexed(index: number): Uint8Array<ArrayBuffer> {
  return hpackInteger(index, 7, 0x80);
}

export function tableSize(size: number): Uint8Array<ArrayBuffer> {
  return hpackInteger(size, 5, 0x20);
}

export type Fields = readonly (readonly [string, string])[];

export function fieldBlock(fields: Fields): Uint8Array<ArrayBuffer> {
  return join(...fields.map(([name, value]) => field(name, value)));
}

/** The fields of a call: `content-type: application/grpc` is what makes it one of gRPC. */
export function callFields(path: string, contentType = "application/grpc", more: Fields = []): Fields {
  return [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    [":authority", "localhost"],
    ["content-type", contentType],
    ...contentType.startsWith("application/grpc") ? [["te", "trailers"] as const] : [],
    ...more,
  ];
}

/** Blocks of calls without more fields, which attackers send by the thousand. */
const blocks = new Map<string, Uint8Array<ArrayBuffer>>();

/** The field block of a call. */
export function callBlock(path: string, contentType?: string, more: Fields = []): Uint8Array<ArrayBuffer> {
  const key = `${path} ${contentType}`;
  const block = more.length === 0 && blocks.get(key) || fieldBlock(callFields(path, contentType, more));
  if (more.length === 0 && blocks.size < 100) {
    blocks.set(key, block);
  }
  return block;
}

/** The field block of a GET. */
export function getBlock(path: string, more: Fields = []): Uint8Array<ArrayBuffer> {
  return fieldBlock([[":method", "GET"], [":scheme", "http"], [":path", path], [":authority", "localhost"], ...more]);
}
