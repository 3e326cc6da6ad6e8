/** What attackers put into messages. */
import { brotliCompressSync, constants, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { join, latin1, repeat, uint32 } from "./frames.ts";

export const MIB = 1024 * 1024;

/** The largest message that a server takes by default, less what surrounds it. */
export const ALMOST_4_MIB = 4 * MIB - 64;

export const GREETER = "/edgewire.v1.Greeter";
export const HASH = "/edgewire.v1.Hash";
export const FILE = "/edgewire.v1.File";
/** The service of `user_program.ts`. */
export const LOAD = "/attacks.v1.Load";

export const EMPTY = new Uint8Array(0);

/** Bytes of a text in UTF-8. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** An integer of protobuf. */
export function varint(value: number): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  for (; value >= 128; value = Math.floor(value / 128)) {
    bytes.push(value % 128 | 0x80);
  }
  return new Uint8Array([...bytes, value]);
}

/** A field of wire type 2: bytes, a text, a message. */
export function lengthDelimited(number: number, content: Uint8Array | string): Uint8Array<ArrayBuffer> {
  const bytes = typeof content === "string" ? utf8(content) : content;
  return join(varint(number << 3 | 2), varint(bytes.length), bytes);
}

/** A field of wire type 0. */
export function number(fieldNumber: number, value: number): Uint8Array<ArrayBuffer> {
  return join(varint(fieldNumber << 3), varint(value));
}

/** The five bytes before a message, and the message. */
export function envelope(message: Uint8Array, flags = 0, length = message.length): Uint8Array<ArrayBuffer> {
  return join(new Uint8Array([flags]), uint32(length), message);
}

/** An envelope whose message is compressed. */
export function gzipEnvelope(message: Uint8Array): Uint8Array<ArrayBuffer> {
  return envelope(gzip(message), 1);
}

export function gzip(content: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(gzipSync(content, { level: 9 }));
}

/** `bytes` zeros in the encoding of that name. */
export function bomb(encoding: "gzip" | "br" | "zstd" | "deflate", bytes: number): Uint8Array<ArrayBuffer> {
  const zeros = new Uint8Array(bytes);
  switch (encoding) {
    case "gzip":
      return gzip(zeros);
    case "br":
      return new Uint8Array(brotliCompressSync(zeros, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }));
    case "zstd":
      return new Uint8Array(zstdCompressSync(zeros));
    case "deflate":
      return new Uint8Array(deflateSync(zeros, { level: 9 }));
  }
}

/** `count` fields of two bytes that no message has: number 15, a varint. */
export function unknownFields(bytes: number): Uint8Array<ArrayBuffer> {
  return repeat(new Uint8Array([15 << 3, 1]), bytes / 2);
}

/** `{"a":{"a":...}}` or `[[...]]`, `depth` deep. */
export function deepJson(open: string, close: string, depth: number): Uint8Array<ArrayBuffer> {
  return latin1(open.repeat(depth) + close.repeat(depth));
}

/** The head of a POST of HTTP/1.1 on a connection that is kept. */
export function postHead(path: string, contentType: string, length: number, more = ""): string {
  return `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: ${contentType}\r\n${more}content-length: ${length}\r\n\r\n`;
}
