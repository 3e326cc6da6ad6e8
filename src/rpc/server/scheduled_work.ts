/** Costly work of a call, such as to decompress a large message: it waits for its turn, and the call may end before that. */
import { Code, ConnectError } from "@connectrpc/connect";
import type { HttpExchange } from "../../http/mod.ts";

/** A piece of work that waits. */
interface Waiting {
  /** Undefined when the call has ended. */
  work: (() => unknown) | undefined;
}

/** The work of one call. When the call ends, nothing of it stays in memory until its turn: a peer may have very many calls that are refused. */
export class ScheduledWork {
  readonly #exchange: HttpExchange;
  readonly #waiting = new Set<Waiting>();

  constructor(exchange: HttpExchange) {
    this.#exchange = exchange;
  }

  /**
   * Does work, as `HttpExchange.schedule`.
   *
   * @throws {ConnectError} canceled: the call ended before its turn. Where it waits, the promise rejects with that.
   */
  schedule<T>(bytes: number, work: () => T, isFurther: boolean): T | Promise<T> {
    const waiting: Waiting = { work };
    this.#waiting.add(waiting);
    return this.#exchange.schedule(bytes, () => {
      this.#waiting.delete(waiting);
      if (waiting.work === undefined) {
        throw new ConnectError("the call has ended", Code.Canceled);
      }
      return waiting.work() as T;
    }, isFurther);
  }

  /** Forgets the work that waits. */
  drop(): void {
    for (const waiting of this.#waiting) {
      waiting.work = undefined;
    }
    this.#waiting.clear();
  }
}
