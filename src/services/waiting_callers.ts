/** Callers that wait for a turn or for a descriptor. Peers are served in turn, so that a peer with many calls does not hold up one with few. */
import { Code, ConnectError } from "@connectrpc/connect";
import type { StoreCaller } from "./file_store.ts";

/** How many callers wait at a time. */
export interface WaitingLimits {
  /**
   * Stops a peer that floods the store from filling the memory. As many as eight connections have streams.
   *
   * @default 1024
   */
  readonly maxPerPeer?: number | undefined;
  /**
   * Stops many peers from doing it together: then one of the peer that has most is sent away.
   *
   * @default 8192
   */
  readonly max?: number | undefined;
}

interface Waiter<Grant> {
  readonly resolve: (grant: Grant) => void;
  readonly reject: (reason: unknown) => void;
  readonly signal: AbortSignal | undefined;
  readonly onAbort: () => void;
}

/** See the top of the file. */
export class WaitingCallers<Grant> {
  readonly #what: string;
  readonly #maxPerPeer: number;
  readonly #max: number;
  /** None of them empty. The peer that was served last is the last one. */
  readonly #byPeer = new Map<string | undefined, Waiter<Grant>[]>();
  #size = 0;

  /** @param what What they wait for, as an error says it. */
  constructor(what: string, { maxPerPeer = 1024, max = 8192 }: WaitingLimits = {}) {
    this.#what = what;
    this.#maxPerPeer = maxPerPeer;
    this.#max = max;
  }

  get size(): number {
    return this.#size;
  }

  /** How many callers of each peer wait. */
  counts(): (readonly [string | undefined, number])[] {
    return [...this.#byPeer].map(([peer, own]) => [peer, own.length]);
  }

  /**
   * Waits until {@linkcode serve} grants it.
   *
   * @throws {ConnectError} `resource_exhausted`: too many wait. Or the reason that the caller's signal aborts with.
   */
  wait({ peer, signal }: StoreCaller): Promise<Grant> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        return reject(signal.reason);
      }
      const count = this.#byPeer.get(peer)?.length ?? 0;
      if (count >= this.#maxPerPeer) {
        return reject(this.#limitError(`${this.#maxPerPeer} waiting for each peer`));
      }
      if (this.#size >= this.#max && !this.#sendAway(count + 1)) {
        return reject(this.#limitError(`${this.#max} waiting`));
      }
      const waiter: Waiter<Grant> = {
        resolve,
        reject,
        signal,
        onAbort: () => {
          this.#remove(peer, waiter);
          reject(signal!.reason);
        },
      };
      signal?.addEventListener("abort", waiter.onAbort);
      const own = this.#byPeer.get(peer);
      own === undefined ? this.#byPeer.set(peer, [waiter]) : own.push(waiter);
      this.#size++;
    });
  }

  /** Lets the next one go on. @param grant Gives what it gets; undefined where its peer has to wait. @returns Whether there was one. */
  serve(grant: (peer: string | undefined) => Grant | undefined): boolean {
    for (const [peer, own] of this.#byPeer) {
      const granted = grant(peer);
      if (granted !== undefined) {
        const waiter = own[0]!;
        this.#remove(peer, waiter);
        if (this.#byPeer.delete(peer)) {
          this.#byPeer.set(peer, own);
        }
        waiter.resolve(granted);
        return true;
      }
    }
    return false;
  }

  #remove(peer: string | undefined, waiter: Waiter<Grant>): void {
    const own = this.#byPeer.get(peer)!;
    own.splice(own.indexOf(waiter), 1);
    if (own.length === 0) {
      this.#byPeer.delete(peer);
    }
    this.#size--;
    waiter.signal?.removeEventListener("abort", waiter.onAbort);
  }

  /** Sends the newest caller away of the peer that has most. @returns False when none has more than `count`. */
  #sendAway(count: number): boolean {
    let largest: [string | undefined, Waiter<Grant>[]] | undefined;
    for (const entry of this.#byPeer) {
      if (entry[1].length > (largest?.[1].length ?? count)) {
        largest = entry;
      }
    }
    if (largest === undefined) {
      return false;
    }
    const [peer, own] = largest;
    const waiter = own.at(-1)!;
    this.#remove(peer, waiter);
    waiter.reject(this.#limitError(`${this.#max} waiting, and this peer has most`));
    return true;
  }

  #limitError(limit: string): ConnectError {
    return new ConnectError(`${this.#what}: the limit is ${limit}`, Code.ResourceExhausted);
  }
}
