/** What frames look like, type by type (RFC 9113 §4.1, §6). This module performs no I/O. */
import { FrameFlag, FrameType } from "./constants.ts";

/** Whether frames of a type are about the connection, on stream 0, rather than about one of its streams. WINDOW_UPDATE is either. */
export function isAboutConnection(type: number): boolean {
  return type === FrameType.SETTINGS || type === FrameType.PING || type === FrameType.GOAWAY;
}

/** Whether the payload has the size that its type and flags ask for (RFC 9113 §4.2, §6). */
export function hasValidSize(length: number, type: number, flags: number): boolean {
  switch (type) {
    case FrameType.DATA:
      return length > 0 || (flags & FrameFlag.PADDED) === 0;
    case FrameType.HEADERS:
      return length >= ((flags & FrameFlag.PADDED) !== 0 ? 1 : 0) + ((flags & FrameFlag.PRIORITY) !== 0 ? 5 : 0);
    case FrameType.PRIORITY:
      return length === 5;
    case FrameType.SETTINGS:
      return (flags & FrameFlag.ACK) !== 0 ? length === 0 : length % 6 === 0;
    case FrameType.PUSH_PROMISE:
      return length >= ((flags & FrameFlag.PADDED) !== 0 ? 5 : 4);
    case FrameType.PING:
      return length === 8;
    case FrameType.GOAWAY:
      return length >= 8;
    default: // RST_STREAM, WINDOW_UPDATE
      return length === 4;
  }
}

const FRAME_NAMES: readonly string[] = Object.keys(FrameType);

/** The name of a frame type, for messages; of an unknown one its number. */
export function frameName(type: number): string {
  return FRAME_NAMES[type] ?? `Frame of type 0x${type.toString(16)}`;
}

/** Four octets from `offset` on as a number, the highest first. */
export function readUint32(buffer: Uint8Array, offset: number): number {
  return readUint31(buffer, offset) + (buffer[offset]! >= 0x80 ? 0x8000_0000 : 0);
}

/** As {@linkcode readUint32}, without the highest bit, which is reserved or an exclusive flag. */
export function readUint31(buffer: Uint8Array, offset: number): number {
  return (buffer[offset]! & 0x7f) << 24 | buffer[offset + 1]! << 16 | buffer[offset + 2]! << 8 | buffer[offset + 3]!;
}

/** Writes a number as four octets from `offset` on, the highest first. */
export function writeUint32(buffer: Uint8Array, offset: number, value: number): void {
  buffer[offset] = value >>> 24;
  buffer[offset + 1] = value >>> 16;
  buffer[offset + 2] = value >>> 8;
  buffer[offset + 3] = value;
}
