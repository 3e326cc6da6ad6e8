/**
 * Streams that wait for the peer: responses that it does not take, and requests of which it does not send the rest. Whether it does so too slowly is
 * looked at once in each `stalledStreamTimeoutMs`, by the rates of the limits (`http/min_rate.ts`); a stream is judged when it was found waiting
 * before. No time is kept of what a stream moves: commands come at any time, of which the connection learns with the next call only.
 *
 * This module performs no I/O.
 */
import { beginPeriods, minBytesOf, usePeriod } from "../http/mod.ts";
import type { Role } from "./connection.ts";
import type { Http2Limits } from "./limits.ts";
import type { Receiver } from "./receiver.ts";
import type { Sender } from "./sender.ts";
import type { Http2Stream } from "./stream.ts";
import type { StreamRegistry } from "./stream_registry.ts";

/** What comes of it. */
export interface StallHost {
  /** Bytes that the peer has to take of a response in each piece of time. */
  readonly minWriteBytes: number;
  /** The peer takes too little of what a stream has queued. */
  failStalledStream(stream: Http2Stream): void;
  /** The peer sends too little of a request. */
  failSlowRequest(stream: Http2Stream): void;
}

/** See the top of the file. */
export class StallWatch {
  readonly #host: StallHost;
  readonly #role: Role;
  readonly #limits: Http2Limits;
  readonly #sender: Sender;
  readonly #receiver: Receiver;
  readonly #streams: StreamRegistry;
  /** Bytes sent on the connection that are used up; -1 when streams are not known to wait for its window. */
  #used = -1;

  constructor(
    host: StallHost,
    role: Role,
    limits: Http2Limits,
    sender: Sender,
    receiver: Receiver,
    streams: StreamRegistry,
  ) {
    this.#host = host;
    this.#role = role;
    this.#limits = limits;
    this.#sender = sender;
    this.#receiver = receiver;
    this.#streams = streams;
  }

  /** Whether there may be something to look at. */
  get isNeeded(): boolean {
    return this.#sender.waiting.size > 0 || this.#role === "server" && this.#streams.size > 0;
  }

  /** Looks at all streams, and fails those that are too slow. */
  check(): void {
    if (this.#sender.waiting.size > 0) {
      this.#checkResponses();
    }
    if (this.#role === "server") {
      this.#checkRequests();
    }
  }

  /** Those that wait for the socket are not looked at: who drives the connection sees what is written. */
  #checkResponses(): void {
    const minBytes = this.#host.minWriteBytes;
    const isConnectionSlow = this.#isConnectionSlow(minBytes);
    for (const stream of [...this.#sender.waiting]) {
      if (stream.isClosed || stream.queue === undefined) {
        continue; // By what a handler did when it heard of another one.
      }
      if (stream.usedResponse < 0) {
        stream.usedResponse = beginPeriods(stream.sendWindow.taken, minBytes);
      } else if (stream.sendWindow.available <= 0) {
        stream.usedResponse = usePeriod(stream.usedResponse, stream.sendWindow.taken, minBytes);
        if (stream.usedResponse < 0) {
          this.#host.failStalledStream(stream);
        }
      } else if (isConnectionSlow) {
        this.#host.failStalledStream(stream);
      }
    }
  }

  /** Whether the peer takes too little of all streams that share the connection's window. */
  #isConnectionSlow(minBytes: number): boolean {
    const { window } = this.#sender;
    if (window.available > 0) {
      this.#used = -1;
    } else if (this.#used < 0) {
      this.#used = beginPeriods(window.taken, minBytes);
    } else {
      this.#used = usePeriod(this.#used, window.taken, minBytes);
      return this.#used < 0;
    }
    return false;
  }

  #checkRequests(): void {
    const { minBodyRate, stalledStreamTimeoutMs, maxFrameSize } = this.#limits;
    const minBytes = minBytesOf(minBodyRate, stalledStreamTimeoutMs);
    // Of others that are not read it may be so full that the peer waits for us.
    const isBlocked = this.#receiver.window.available < maxFrameSize;
    for (const stream of this.#streams.values()) {
      if (stream.isClosed || stream.isRemotelyClosed) {
        continue;
      }
      const isAwaited = stream.awaitsRequest && stream.held === 0 && !isBlocked;
      if (!isAwaited) {
        stream.usedRequest = -1;
      } else if (stream.usedRequest < 0) {
        stream.usedRequest = beginPeriods(stream.receivedLength, minBytes);
      } else {
        stream.usedRequest = usePeriod(stream.usedRequest, stream.receivedLength, minBytes);
        if (stream.usedRequest < 0) {
          this.#host.failSlowRequest(stream);
        }
      }
    }
  }
}
