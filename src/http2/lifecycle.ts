/**
 * The life of a connection: how it begins, what it has to do without being told, and how it ends (RFC 9113 §3.4, §6.7, §6.8).
 *
 * A server ends in two steps, so that no request that is on its way is lost: a GOAWAY that refuses nothing and a PING, and when that comes
 * back, a GOAWAY that names the last stream. A client just opens no more. This module performs no I/O.
 */
import type { ConnectionOptions, Role } from "./connection.ts";
import { ErrorCode, MAX_STREAM_ID } from "./constants.ts";
import { Deadlines } from "./deadlines.ts";
import type { FrameReader } from "./frame_reader.ts";
import type { Http2Limits } from "./limits.ts";
import type { Sender } from "./sender.ts";
import type { StallWatch } from "./stall_watch.ts";
import type { StreamRegistry } from "./stream_registry.ts";

/** Where a connection is in its life. */
const Phase = {
  OPEN: 0,
  /** The first GOAWAY of a shutdown was sent: new streams are still served. */
  DRAINING: 1,
  /** No new streams. It ends with the last one. */
  CLOSING: 2,
  CLOSED: 3,
} as const;
type Phase = (typeof Phase)[keyof typeof Phase];

/** How long an acknowledgement of SETTINGS, and of the PING of a shutdown, may take. */
const ACK_TIMEOUT_MS = 10_000;

const DEFAULT_KEEPALIVE_TIMEOUT_MS = 20_000;

/** What PING frames carry, to tell the acknowledgements apart by their first octet. */
const KEEPALIVE_PING = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0);
const SHUTDOWN_PING = Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0);

/** What comes of the life of a connection. */
export interface LifecycleHost {
  readonly nowMs: number;
  /** The peer was too late. */
  fail(code: ErrorCode, message: string): void;
  /** The last stream has ended, and no other may come. */
  endDone(): void;
}

/** See the top of the file. */
export class Lifecycle {
  /** Streams of the peer above this one are not served. */
  lastStreamId = MAX_STREAM_ID;

  readonly #host: LifecycleHost;
  readonly #role: Role;
  readonly #limits: Http2Limits;
  readonly #sender: Sender;
  readonly #streams: StreamRegistry;
  readonly #stalls: StallWatch;
  readonly #deadlines = new Deadlines();
  readonly #keepaliveIntervalMs: number;
  readonly #keepaliveTimeoutMs: number;
  #phase: Phase = Phase.OPEN;
  /** Whether the peer takes no new streams. */
  #goawayReceived = false;
  /** Which frame or field block it is that `deadlines.block` is about. */
  #begunCount = 0;

  constructor(
    host: LifecycleHost,
    options: ConnectionOptions,
    limits: Http2Limits,
    sender: Sender,
    streams: StreamRegistry,
    stalls: StallWatch,
  ) {
    this.#host = host;
    this.#role = options.role;
    this.#limits = limits;
    this.#sender = sender;
    this.#streams = streams;
    this.#stalls = stalls;
    this.#keepaliveIntervalMs = options.keepaliveIntervalMs ?? Infinity;
    this.#keepaliveTimeoutMs = options.keepaliveTimeoutMs ?? DEFAULT_KEEPALIVE_TIMEOUT_MS;
    const { nowMs } = options;
    const deadlines = this.#deadlines;
    deadlines.handshake = nowMs + limits.handshakeTimeoutMs;
    deadlines.settingsAck = nowMs + ACK_TIMEOUT_MS;
    deadlines.idle = nowMs + limits.idleTimeoutMs;
    deadlines.ping = nowMs + this.#keepaliveIntervalMs;
    deadlines.age = nowMs + (options.maxAgeMs ?? Infinity);
  }

  get isClosed(): boolean {
    return this.#phase === Phase.CLOSED;
  }

  /** Whether new streams are not wanted, or not for long. */
  get isDraining(): boolean {
    return this.#phase !== Phase.OPEN || this.#goawayReceived;
  }

  /** When {@linkcode doDue} has something to do; undefined for never. */
  pollTimeout(): number | undefined {
    if (this.#deadlines.stall === Infinity && this.#phase !== Phase.CLOSED && this.#stalls.isNeeded) {
      this.#deadlines.stall = this.#host.nowMs + this.#limits.stalledStreamTimeoutMs;
    }
    return this.#deadlines.next;
  }

  /** Says that octets were received, and where the reader is with them. */
  received(nowMs: number, reader: FrameReader): void {
    const deadlines = this.#deadlines;
    if (this.#phase === Phase.CLOSED) {
      return;
    }
    deadlines.ping = nowMs + this.#keepaliveIntervalMs;
    deadlines.pong = Infinity;
    if (!reader.isWaiting) {
      deadlines.block = Infinity;
    } else if (deadlines.block === Infinity || this.#begunCount !== reader.begunCount) {
      // Of a busy connection each read may end inside of a frame, but of another one.
      deadlines.block = nowMs + this.#limits.headerBlockTimeoutMs;
      this.#begunCount = reader.begunCount;
    }
  }

  /** @returns Whether they are the first. */
  receivedSettings(): boolean {
    const isFirst = this.#deadlines.handshake !== Infinity;
    this.#deadlines.handshake = Infinity;
    return isFirst;
  }

  receivedSettingsAck(): void {
    this.#deadlines.settingsAck = Infinity;
  }

  /** @param kind The first octet of the PING. */
  receivedPingAck(kind: number): void {
    if (kind === SHUTDOWN_PING[0] && this.#phase === Phase.DRAINING) {
      this.stopServing();
    }
  }

  receivedGoaway(): void {
    this.#goawayReceived = true;
  }

  streamOpened(): void {
    this.#deadlines.idle = Infinity;
  }

  streamClosed(): void {
    if (this.#streams.size === 0 && this.#phase !== Phase.CLOSED) {
      this.#deadlines.idle = this.#host.nowMs + this.#limits.idleTimeoutMs;
      this.#endIfDone();
    }
  }

  /** Begins the end, unless it has begun. */
  shutdown(): void {
    if (this.#phase !== Phase.OPEN) {
      return;
    }
    this.#deadlines.idle = this.#deadlines.age = Infinity;
    // Nobody is there to be told yet, or streams of the peer cannot be on their way.
    if (this.#role === "client" || this.#deadlines.handshake !== Infinity) {
      this.stopServing();
      return;
    }
    this.#phase = Phase.DRAINING;
    this.#sender.control.writeGoaway(MAX_STREAM_ID, ErrorCode.NO_ERROR);
    this.#sender.control.writePing(false, SHUTDOWN_PING);
    this.#deadlines.drain = this.#host.nowMs + ACK_TIMEOUT_MS;
  }

  /** The last step of the end: the streams that are there may end, no others come. */
  stopServing(): void {
    if (this.#phase >= Phase.CLOSING) {
      return;
    }
    this.#phase = Phase.CLOSING;
    this.#deadlines.drain = this.#deadlines.idle = this.#deadlines.age = Infinity;
    this.lastStreamId = this.#streams.highestPeerId;
    this.sendGoaway(ErrorCode.NO_ERROR, "");
    this.#endIfDone();
  }

  /** Says which streams were or may have been processed. */
  sendGoaway(code: number, message: string): void {
    const lastStreamId = Math.min(this.lastStreamId, this.#streams.highestPeerId);
    this.#sender.control.writeGoaway(lastStreamId, code, message);
  }

  /** It is over. Nothing is due any more. */
  close(): void {
    this.#phase = Phase.CLOSED;
    this.#deadlines.clear();
  }

  /** Does what is due. */
  doDue(nowMs: number): void {
    const deadlines = this.#deadlines;
    const limits = this.#limits;
    if (deadlines.handshake <= nowMs) {
      return this.#host.fail(ErrorCode.PROTOCOL_ERROR, `No SETTINGS within ${limits.handshakeTimeoutMs} ms`);
    }
    if (deadlines.settingsAck <= nowMs) {
      return this.#host.fail(ErrorCode.SETTINGS_TIMEOUT, `SETTINGS not acknowledged within ${ACK_TIMEOUT_MS} ms`);
    }
    if (deadlines.block <= nowMs) {
      const message = `Frame or field block not complete within ${limits.headerBlockTimeoutMs} ms`;
      return this.#host.fail(ErrorCode.ENHANCE_YOUR_CALM, message);
    }
    if (deadlines.pong <= nowMs) {
      return this.#host.fail(ErrorCode.NO_ERROR, `No sign of life within ${this.#keepaliveTimeoutMs} ms`);
    }
    if (deadlines.ping <= nowMs) {
      this.#sender.control.writePing(false, KEEPALIVE_PING);
      deadlines.ping = Infinity;
      deadlines.pong = nowMs + this.#keepaliveTimeoutMs;
    }
    if (deadlines.stall <= nowMs) {
      this.#stalls.check();
      deadlines.stall = Infinity; // `pollTimeout` sets it anew.
    }
    if (deadlines.drain <= nowMs) {
      this.stopServing();
    }
    if (deadlines.idle <= nowMs || deadlines.age <= nowMs) {
      this.shutdown();
    }
  }

  #endIfDone(): void {
    if (this.#phase === Phase.CLOSING && this.#streams.size === 0) {
      this.#host.endDone();
    }
  }
}
