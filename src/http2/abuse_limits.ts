/**
 * What a peer may do that the protocol allows and nobody needs much of: budgets, each of which names the attack it stops in
 * `limits.ts`. They count and say no; closing the connection with ENHANCE_YOUR_CALM is the connection's business.
 *
 * There is none for small DATA frames on purpose: a stream of a million small messages is what gRPC is for, and a budget for them has
 * broken real clients of others. Whoever keeps such frames has to keep them compactly.
 *
 * This module performs no I/O, and the time is its caller's.
 */
import type { Http2Limits } from "./limits.ts";

/** So many WINDOW_UPDATE frames are free: a peer widens the connection's window when it begins. As in Envoy. */
const FREE_WINDOW_UPDATES = 5;

/** A window of the stream's, and one of the connection's. */
const WINDOWS_OF_A_STREAM = 2;

/** Frames of overhead that a stream allows: browsers and proxies send PRIORITY_UPDATE, clients that measure the round trip a PING. */
const OVERHEAD_OF_A_STREAM = 10;

/** Tokens that come back with time, up to a number. */
export class TokenBucket {
  readonly #burst: number;
  readonly #perSecond: number;
  #tokens: number;
  /** When tokens came back last, in milliseconds; -Infinity before the first use. */
  #filledAtMs = -Infinity;

  /** A full bucket of `burst` tokens, of which `perSecond` come back. */
  constructor(burst: number, perSecond: number) {
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#tokens = burst;
  }

  /** Takes a token; false when there is none. A clock that goes back gives none and takes none. */
  spend(nowMs: number): boolean {
    if (this.#filledAtMs === -Infinity) {
      this.#filledAtMs = nowMs;
    }
    if (nowMs > this.#filledAtMs) {
      const returned = (nowMs - this.#filledAtMs) * this.#perSecond / 1000;
      this.#tokens = Math.min(this.#burst, this.#tokens + returned);
      this.#filledAtMs = nowMs;
    }
    if (this.#tokens < 1) {
      return false;
    }
    this.#tokens--;
    return true;
  }

  /** Puts tokens back. */
  restore(tokens: number): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + tokens);
  }
}

/** The budgets of one connection. Each `spend` is false when the peer has gone too far. */
export class AbuseLimits {
  readonly #limits: Http2Limits;
  readonly #resets: TokenBucket;
  readonly #streamErrors: TokenBucket;
  readonly #overhead: TokenBucket;
  /** Frames of overhead that streams and DATA have allowed since the last one was counted. */
  #overheadEarned = 0;
  #emptyFrames = 0;
  #unsentControlFrames = 0;
  #priorityFramesLeft: number;
  #windowUpdatesLeft: number = FREE_WINDOW_UPDATES;

  constructor(limits: Http2Limits) {
    this.#limits = limits;
    this.#resets = new TokenBucket(limits.resetBurst, limits.resetsPerSecond);
    this.#streamErrors = new TokenBucket(limits.streamErrorBurst, limits.streamErrorsPerSecond);
    this.#overhead = new TokenBucket(limits.overheadBurst, limits.overheadPerSecond);
    this.#priorityFramesLeft = limits.maxPriorityFramesPerStream;
  }

  /**
   * Counts a RST_STREAM from the peer, whether or not the stream is still open: when a deadline passes, the client's RST_STREAM and the server's
   * DEADLINE_EXCEEDED cross on the wire.
   */
  spendReset(nowMs: number): boolean {
    return this.#resets.spend(nowMs);
  }

  /**
   * Counts a stream error: a RST_STREAM that the peer's fault makes us send. Does not count a reset of our own accord, such as NO_ERROR after an early
   * response, nor the frames that an honest peer still sends on that stream before it knows.
   */
  spendStreamError(nowMs: number): boolean {
    return this.#streamErrors.spend(nowMs);
  }

  /**
   * Counts a frame that carries no message: PING and its acknowledgement, SETTINGS, GOAWAY, interim responses, unknown types, field blocks of streams
   * that are gone. Streams and DATA allow some of these frames, since honest peers send them between messages.
   */
  spendOverhead(nowMs: number): boolean {
    this.#overhead.restore(this.#overheadEarned);
    this.#overheadEarned = 0;
    return this.#overhead.spend(nowMs);
  }

  /** Counts a DATA, HEADERS or CONTINUATION frame without content that does not end its stream. */
  spendEmptyFrame(): boolean {
    return ++this.#emptyFrames <= this.#limits.maxEmptyFrames;
  }

  /** Notes a DATA frame with content: empty frames count from the beginning again, as a flush here and there is no flood. */
  receiveContent(): void {
    this.#emptyFrames = 0;
    this.#overheadEarned++;
  }

  /** Counts a PRIORITY frame. */
  spendPriority(): boolean {
    return --this.#priorityFramesLeft >= 0;
  }

  /** Counts a WINDOW_UPDATE frame, of a stream or the connection. */
  spendWindowUpdate(): boolean {
    return --this.#windowUpdatesLeft >= 0;
  }

  /** Notes a stream that was opened, by either side: the peer may say something about it. */
  openStream(): void {
    this.#priorityFramesLeft += this.#limits.maxPriorityFramesPerStream;
    this.#windowUpdatesLeft += WINDOWS_OF_A_STREAM;
    this.#overheadEarned += OVERHEAD_OF_A_STREAM;
  }

  /**
   * Notes a DATA frame that was sent: the peer may give back what it took. Without an upper bound, because a peer may read a million
   * small frames before its first WINDOW_UPDATE is read here.
   */
  sendData(): void {
    this.#windowUpdatesLeft += WINDOWS_OF_A_STREAM * this.#limits.maxWindowUpdatesPerData;
    this.#overheadEarned++;
  }

  /** Counts a frame that answers one of the peer's: PING and SETTINGS with ACK, RST_STREAM. */
  spendControlFrame(): boolean {
    return ++this.#unsentControlFrames <= this.#limits.maxUnsentControlFrames;
  }

  /** Whether so many answers wait that nothing more should be read until {@linkcode releaseControlFrames}. */
  get isReadingPaused(): boolean {
    return this.#unsentControlFrames >= this.#limits.pauseAtUnsentControlFrames;
  }

  /** Notes that all answers so far are sent: written to the socket, not only taken from the connection. */
  releaseControlFrames(): void {
    this.#unsentControlFrames = 0;
  }
}
