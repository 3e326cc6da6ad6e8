/** How many files are open for reading: each holds memory, and what it reads of, as long as its client takes. */
import { Code, ConnectError } from "@connectrpc/connect";

/** Options of {@linkcode ReaderLimits}. */
export interface ReaderLimitOptions {
  /**
   * Open files at a time. Stops many peers from filling the memory with downloads that they do not take: each holds a chunk of 64 KiB.
   *
   * @default 2048
   */
  readonly maxReaders?: number | undefined;
  /** The same for each peer, so that one does not take the room of all. As many as four connections have streams. @default 512 */
  readonly maxReadersPerPeer?: number | undefined;
}

/** See the top of the file. */
export class ReaderLimits {
  readonly #max: number;
  readonly #maxPerPeer: number;
  readonly #byPeer = new Map<string | undefined, number>();
  #count = 0;

  constructor({ maxReaders = 2048, maxReadersPerPeer = 512 }: ReaderLimitOptions = {}) {
    this.#max = maxReaders;
    this.#maxPerPeer = maxReadersPerPeer;
  }

  /** Whether a peer has as many as it may. */
  isPeerFull(peer: string | undefined): boolean {
    return (this.#byPeer.get(peer) ?? 0) >= this.#maxPerPeer;
  }

  get isFull(): boolean {
    return this.#count >= this.#max;
  }

  /** A file is opened. @throws {ConnectError} `resource_exhausted`: too many are open. */
  take(peer: string | undefined): void {
    if (this.isPeerFull(peer)) {
      throw new ConnectError(`files: the limit is ${this.#maxPerPeer} open for each peer`, Code.ResourceExhausted);
    }
    if (this.isFull) {
      throw new ConnectError(`files: the limit is ${this.#max} open`, Code.ResourceExhausted);
    }
    this.#byPeer.set(peer, (this.#byPeer.get(peer) ?? 0) + 1);
    this.#count++;
  }

  release(peer: string | undefined): void {
    const own = this.#byPeer.get(peer)! - 1;
    own === 0 ? this.#byPeer.delete(peer) : this.#byPeer.set(peer, own);
    this.#count--;
  }
}
