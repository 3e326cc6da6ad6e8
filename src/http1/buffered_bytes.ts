/**
 * What a connection keeps for its peer, as its account knows it: the request that its owner keeps, and, if they are not small, heads and output. This
 * module performs no I/O.
 */
import { type ByteAccount, UNCOUNTED_BYTES } from "../http/mod.ts";
import type { Http1Exchange } from "./exchange.ts";

/** See the top of the file. */
export class BufferedBytes {
  /** Undefined when nothing is counted. */
  readonly #account: ByteAccount | undefined;
  /** Bytes of heads and output, as far as they are counted. */
  #counted = 0;
  #isClosed = false;

  constructor(account: ByteAccount | undefined) {
    this.#account = account;
  }

  /** Whether {@linkcode count} has something to do when the connection has so many bytes. */
  needsCount(length: number): boolean {
    return !this.#isClosed && (this.#counted > 0 || length > UNCOUNTED_BYTES);
  }

  /** Nothing of heads and output is kept any more. */
  close(): void {
    this.count(0);
    this.#isClosed = true;
  }

  /** Counts the bytes of heads and output. */
  count(length: number): void {
    const counted = length > UNCOUNTED_BYTES ? length : 0;
    const more = counted - this.#counted;
    this.#counted = counted;
    this.#add(more);
  }

  /** Counts what the owner of an exchange keeps for its request from now on. */
  keep(exchange: Http1Exchange, bytes: number): void {
    const more = bytes - exchange.kept;
    exchange.kept = bytes;
    if (exchange.isClosed) {
      this.#account?.removeOrphaned(-more);
    } else {
      this.#add(more);
    }
  }

  /** An exchange is over. What its handler keeps may stay for as long as that goes on. */
  exchangeClosed(exchange: Http1Exchange): void {
    if (exchange.kept > 0) {
      this.#account?.orphan(exchange.kept);
    }
  }

  #add(more: number): void {
    if (more > 0) {
      this.#account?.add(more);
    } else if (more < 0) {
      this.#account?.remove(-more);
    }
  }
}
