/**
 * How much work a connection may do before the driver serves the other connections. This bounds every flood that the protocol allows.
 *
 * A socket is always readable while its peer keeps sending, and Deno completes such reads at once: without an end to its turn, one connection keeps the
 * thread for as long as its peer sends. Everything that a peer sends costs its connection work. The weights were measured: 500 units take about one
 * microsecond. This module performs no I/O and knows no clock.
 */

/** The work of one turn: 1 to 4 ms. */
export const WORK_PER_TURN: number = 1 << 20;

/** What things cost, in units of which a turn has {@linkcode WORK_PER_TURN}. */
export const Work = {
  /** A read, however few bytes it returned: 128 in a turn. */
  INPUT: 8192,
  /** A request: 1024 in a turn. A handler that costs more than a call adds it by `HttpExchange.spendWork`. */
  REQUEST: 1024,
  /** A stream that ends early, and a frame that touches all streams: 256 in a turn. */
  RESET: 4096,
  /** A request that is refused, or a call that fails: the server writes a text for it. */
  FAILURE: 8192,
  /** A request to a `fetch` handler, and each of its fields. */
  FETCH: 131_072,
  FETCH_FIELD: 2048,
  /** A byte of a head that the connection has not seen before: 64 KiB in a turn. */
  HEAD_BYTE: 16,
} as const;

/** A frame of HTTP/2, and a piece of a body of HTTP/1.1, whatever it says: 4096 in a turn. */
const FRAME = 256;

/** The turn of one connection. */
export class Turn {
  readonly #work: number;
  #left: number;

  /** @param work The work of one turn. */
  constructor(work: number = WORK_PER_TURN) {
    this.#work = work;
    this.#left = work;
  }

  /** Whether the driver should serve other connections now. */
  get isOver(): boolean {
    return this.#left <= 0;
  }

  /** Continues the turn or, if it is over, begins the next one. */
  enter(): void {
    if (this.#left <= 0) {
      this.#left = this.#work;
    }
  }

  /** Counts work. */
  spend(work: number): void {
    this.#left -= work;
  }

  /**
   * Counts bytes that the owner of a request keeps for it, of which 1 MiB ends a turn. To handle them takes time and leaves garbage, which V8 collects
   * between turns only: 128 compressed requests of 4 KB that become 4 MB each are not handled in one turn.
   */
  spendKept(bytes: number): void {
    this.#left -= bytes;
  }

  /** Counts a frame, or a piece of a body, of `length` bytes: 4 MiB of bytes in a turn. */
  spendFrame(length: number): void {
    this.#left -= FRAME + (length >> 2);
  }
}
