/**
 * What a connection keeps for its peer, as its account knows it: requests that owners keep, large field blocks of requests, what is queued for streams,
 * output that the socket has not taken, and frames that are not complete. This module performs no I/O.
 */
import { type ByteAccount, UNCOUNTED_BYTES } from "../http/mod.ts";
import type { Sender } from "./sender.ts";
import type { Http2Stream } from "./stream.ts";
import type { StreamRegistry } from "./stream_registry.ts";

/** See the top of the file. The sender counts by itself. */
export class BufferedBytes {
  /** Undefined when nothing is counted. */
  readonly account: ByteAccount | undefined;
  /** Bytes of frames and field blocks that are not complete, as far as they are counted. */
  #unreadLength = 0;

  constructor(account: ByteAccount | undefined) {
    this.account = account;
  }

  /** Whether {@linkcode countUnread} has something to correct. */
  get hasUnread(): boolean {
    return this.#unreadLength > 0;
  }

  /** Counts what the owner of a stream keeps for its request from now on. */
  keep(stream: Http2Stream, bytes: number): void {
    const more = bytes - stream.kept;
    stream.kept = bytes;
    if (stream.isClosed) {
      this.account?.removeOrphaned(-more);
    } else {
      this.#count(more);
    }
  }

  /** Counts the field block of a request, if it is large: its fields stay for as long as the stream. */
  keepFields(stream: Http2Stream, blockLength: number): void {
    if (blockLength > UNCOUNTED_BYTES && this.account !== undefined) {
      stream.blockLength = blockLength;
      this.account.add(blockLength);
    }
  }

  /** A stream is gone. What its handler keeps may stay for as long as that goes on. */
  streamClosed(stream: Http2Stream): void {
    if (stream.blockLength > 0) {
      this.#count(-stream.blockLength);
      stream.blockLength = 0;
    }
    if (stream.kept > 0) {
      this.account?.orphan(stream.kept);
    }
  }

  /** Counts frames that are not complete. */
  countUnread(length: number): void {
    const counted = length > UNCOUNTED_BYTES ? length : 0;
    const more = counted - this.#unreadLength;
    this.#unreadLength = counted;
    this.#count(more);
  }

  /** The stream that keeps the most, of several the last one; undefined when the connection itself keeps more. */
  largestStream(streams: StreamRegistry, sender: Sender): Http2Stream | undefined {
    let largest: Http2Stream | undefined;
    let most = sender.polledLength + this.#unreadLength;
    for (const stream of streams.values()) {
      const bytes = stream.bufferedBytes;
      if (bytes > 0 && bytes >= most) {
        largest = stream;
        most = bytes;
      }
    }
    return largest;
  }

  #count(more: number): void {
    if (more > 0) {
      this.account?.add(more);
    } else if (more < 0) {
      this.account?.remove(-more);
    }
  }
}
