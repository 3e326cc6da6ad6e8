/** What a frame reader hands on. This module performs no I/O. */
import type { ErrorCode } from "./constants.ts";

/**
 * Who takes the frames, in the order in which they arrive.
 *
 * Ranges of octets (`buffer`, `start`, `end`) belong to the reader or to who called it: they are valid during the call only,
 * what must stay is to be copied. A callback may pause or stop the reader, but not push into it.
 */
export interface FrameSink {
  /**
   * A DATA frame or, when it does not arrive at once, the next piece of one.
   *
   * @param frameLength What the whole frame takes from the windows, padding included: with its first piece; 0 with the others.
   * @param padding What of that is padding, with the octet that says how much: with the first piece; 0 with the others.
   * @param endStream Whether the stream ends here: with the last piece only. So a call without octets and without this is an empty frame.
   */
  onData(
    streamId: number,
    buffer: Uint8Array,
    start: number,
    end: number,
    frameLength: number,
    padding: number,
    endStream: boolean,
  ): void;
  /**
   * A whole field block: HEADERS with its CONTINUATION frames. It must be decoded whatever becomes of the stream (RFC 9113 §4.3).
   *
   * @param selfDependent Whether its priority names the stream itself: a stream error by RFC 7540 §5.3.1, nothing by RFC 9113.
   */
  onHeaders(
    streamId: number,
    buffer: Uint8Array,
    start: number,
    end: number,
    endStream: boolean,
    selfDependent: boolean,
  ): void;
  /** A whole field block of a promised request. Only clients get it; a server's peer must not promise (RFC 9113 §8.4). */
  onPushPromise(streamId: number, promisedStreamId: number, buffer: Uint8Array, start: number, end: number): void;
  /** PRIORITY, which means nothing any more (RFC 9113 §5.3.2); about a stream in any state. */
  onPriority(streamId: number, selfDependent: boolean): void;
  onResetStream(streamId: number, code: number): void;
  /** Entries of six octets each, whole ones. */
  onSettings(buffer: Uint8Array, start: number, end: number): void;
  onSettingsAck(): void;
  /** Eight octets from `start` on. */
  onPing(buffer: Uint8Array, start: number): void;
  /** Eight octets from `start` on. */
  onPingAck(buffer: Uint8Array, start: number): void;
  /** The range is debug data, of any content. */
  onGoaway(lastStreamId: number, code: number, buffer: Uint8Array, start: number, end: number): void;
  /** The increment is 1 to 2^31-1. Stream 0 is the connection. */
  onWindowUpdate(streamId: number, increment: number): void;
  /** A frame of a type that RFC 9113 does not define, on any stream. The reader drops it. */
  onUnknown(type: number): void;
  /** The frame is dropped and reading goes on. The stream may be in any state: on an idle one this is the connection's error. */
  onStreamError(streamId: number, code: ErrorCode, message: string): void;
  /** The connection is to be closed. Nothing follows this. */
  onConnectionError(code: ErrorCode, message: string): void;
}
