/**
 * The queue of connections whose turn is over (`http/turn.ts`).
 *
 * The queue resumes one connection each time the runtime has polled the system for ready sockets, so that a connection with little to do is never
 * behind more than one turn. Neither a read nor `setImmediate` has this effect. Deno completes the read of a readable socket at once, up to 128 times in a
 * row; and while its event loop always has something to do, as with `setImmediate`, it polls only once in 61 rounds, which is 120 ms at 2 ms a turn.
 * So the queue owns a pair of connected sockets: it starts a read on one and then writes to the other, and only a poll can complete that read.
 */
import { setImmediate } from "node:timers";
import { closeQuietly } from "./sockets.ts";

/** Gives connections their turns. */
export interface Turns {
  /** Resolves when the caller's next turn begins. */
  next(): Promise<void>;
}

/** A turn in each round of the event loop: for clients, which choose their servers. */
export const EVENT_LOOP_TURNS: Turns = {
  next: () => new Promise((resolve) => setImmediate(resolve)),
};

const BYTE = new Uint8Array(1);

/** Gives turns in the order of the requests for them. See the top of the file. */
export class TurnQueue implements Turns {
  /** Undefined where the process may not open sockets on loopback. */
  readonly #pair: readonly [Deno.Conn, Deno.Conn] | undefined;
  readonly #buffer = new Uint8Array(1);
  readonly #waiting: (() => void)[] = [];
  #isResuming = false;

  private constructor(pair: readonly [Deno.Conn, Deno.Conn] | undefined) {
    this.#pair = pair;
  }

  /** Opens a queue, which its owner must close. */
  static async open(): Promise<TurnQueue> {
    return new TurnQueue(await connectPair());
  }

  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (!this.#isResuming) {
        this.#resumeAll();
      }
    });
  }

  close(): void {
    this.#pair?.forEach(closeQuietly);
  }

  async #resumeAll(): Promise<void> {
    this.#isResuming = true;
    while (this.#waiting.length > 0) {
      await this.#poll();
      this.#waiting.shift()!();
    }
    this.#isResuming = false;
  }

  /** Resolves when the runtime has polled the system for ready sockets. */
  async #poll(): Promise<void> {
    if (this.#pair !== undefined) {
      const [near, far] = this.#pair;
      try {
        // In this order: a read of a byte that is already there would need no poll.
        const [length] = await Promise.all([near.read(this.#buffer), far.write(BYTE)]);
        if (length !== null) {
          return;
        }
      } catch {
        // The server closed the queue.
      }
    }
    await new Promise((resolve) => setTimeout(resolve)); // A timer needs a poll, too, but takes at least a millisecond.
  }
}

/** Connects two sockets to each other. Undefined where that is not permitted, or no descriptors are left. */
async function connectPair(): Promise<readonly [Deno.Conn, Deno.Conn] | undefined> {
  const hostname = "127.0.0.1";
  if ((await Deno.permissions.query({ name: "net", host: hostname })).state !== "granted") {
    return undefined; // `listen` would prompt the user.
  }
  try {
    using listener = Deno.listen({ hostname, port: 0 });
    const { port } = listener.addr as Deno.NetAddr;
    const near = await Deno.connect({ hostname, port });
    const far = await listener.accept();
    if ((far.remoteAddr as Deno.NetAddr).port === (near.localAddr as Deno.NetAddr).port) {
      far.setNoDelay?.();
      return [near, far];
    }
    [near, far].forEach(closeQuietly); // Another process connected first.
  } catch {
    // No descriptors.
  }
  return undefined;
}
