/**
 * The streams of a connection: which are there, which may still come, and which are gone (RFC 9113 §5.1.1). Only those that are there
 * take memory, and the last few that were reset. This module performs no I/O.
 */
import { MAX_STREAM_ID } from "./constants.ts";
import type { Http2Stream } from "./stream.ts";
import { StreamTable } from "./stream_table.ts";

/**
 * How many streams that were reset are remembered. On those that we reset the peer may still be sending, and is not at fault. What comes for a
 * stream that is forgotten is dropped, too: too lax for a few frames, but no honest peer is ever accused.
 */
const REMEMBERED_RESETS = 256;

/** See the top of the file. */
export class StreamRegistry {
  readonly #streams = new StreamTable();
  /** Made with the first one: an empty Map has 212 octets. */
  #resets: Map<number, "local" | "peer"> | undefined;
  /** Streams up to this one may have been reset and forgotten. */
  #forgottenReset = 0;
  readonly #localParity: number;
  #nextLocalId: number;
  #highestPeerId = 0;
  #localCount = 0;

  constructor(role: "client" | "server") {
    this.#nextLocalId = role === "client" ? 1 : 2;
    this.#localParity = this.#nextLocalId & 1;
  }

  /** All that are not closed. */
  get size(): number {
    return this.#streams.size;
  }

  /** Those that we opened. */
  get localCount(): number {
    return this.#localCount;
  }

  /** Those that the peer opened. */
  get peerCount(): number {
    return this.#streams.size - this.#localCount;
  }

  /** The last stream that the peer opened, also if it was refused; 0 when there is none. */
  get highestPeerId(): number {
    return this.#highestPeerId;
  }

  /** Whether we can open no more: the numbers are used up (RFC 9113 §5.1.1). */
  get isExhausted(): boolean {
    return this.#nextLocalId > MAX_STREAM_ID;
  }

  get(id: number): Http2Stream | undefined {
    return this.#streams.get(id);
  }

  /** In the order of their numbers. */
  values(): Http2Stream[] {
    return this.#streams.values();
  }

  /** Whether we are the one who opens streams of this number. */
  isLocal(id: number): boolean {
    return (id & 1) === this.#localParity;
  }

  /** Whether a stream is yet to be opened. */
  isIdle(id: number): boolean {
    return this.isLocal(id) ? id >= this.#nextLocalId : id > this.#highestPeerId;
  }

  /** Whether what arrives for a closed stream may have been sent before the peer knew that we reset it. */
  wasReset(id: number): boolean {
    return id <= this.#forgottenReset || this.#resets?.get(id) === "local";
  }

  /** Whether the server reset a stream, and it is remembered. */
  wasResetByPeer(id: number): boolean {
    return this.#resets?.get(id) === "peer";
  }

  /** The number of the stream that we open next. */
  takeLocalId(): number {
    const id = this.#nextLocalId;
    this.#nextLocalId += 2;
    return id;
  }

  /** Says that the peer opened a stream. Idle ones below it are closed with that. */
  openedByPeer(id: number): void {
    this.#highestPeerId = id;
  }

  add(stream: Http2Stream): void {
    this.#streams.add(stream);
    if (this.isLocal(stream.id)) {
      this.#localCount++;
    }
  }

  /** False when it was removed before. */
  remove(stream: Http2Stream): boolean {
    const isRemoved = this.#streams.delete(stream);
    if (isRemoved && this.isLocal(stream.id)) {
      this.#localCount--;
    }
    return isRemoved;
  }

  /** Says that a stream was reset: by us while the peer may still be sending on it, or by the server. */
  rememberReset(id: number, origin: "local" | "peer"): void {
    const resets = this.#resets ??= new Map();
    resets.set(id, origin);
    if (resets.size > REMEMBERED_RESETS) {
      const oldest = resets.keys().next().value!;
      resets.delete(oldest);
      this.#forgottenReset = Math.max(this.#forgottenReset, oldest);
    }
  }
}
