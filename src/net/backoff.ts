/**
 * How long to leave a server alone that could not be reached: gRPC's connection backoff
 * (https://github.com/grpc/grpc/blob/master/doc/connection-backoff.md).
 */

/** Options of {@linkcode Backoff}. */
export interface BackoffOptions {
  /** Between the beginnings of the first two attempts, in milliseconds. @default 1000 */
  readonly initialMs?: number | undefined;
  /** At most, in milliseconds, without jitter. @default 120000 */
  readonly maxMs?: number | undefined;
  /** How many times longer each one is than the one before. @default 1.6 */
  readonly factor?: number | undefined;
  /** How far it is off, as a fraction, so that clients that failed together do not come again together. @default 0.2 */
  readonly jitter?: number | undefined;
}

/** See the top of the file. */
export class Backoff {
  readonly #initialMs: number;
  readonly #maxMs: number;
  readonly #factor: number;
  readonly #jitter: number;
  readonly #random: () => number;
  #nextMs: number;

  /**
   * @param random From 0 to below 1.
   * @throws {RangeError} An option is negative, not a number, or makes delays shorter each time.
   */
  constructor(options: BackoffOptions = {}, random: () => number = Math.random) {
    this.#initialMs = inRange("initialMs", options.initialMs ?? 1000, 0, Infinity);
    this.#maxMs = inRange("maxMs", options.maxMs ?? 120_000, this.#initialMs, Infinity);
    this.#factor = inRange("factor", options.factor ?? 1.6, 1, Infinity);
    this.#jitter = inRange("jitter", options.jitter ?? 0.2, 0, 1);
    this.#random = random;
    this.#nextMs = this.#initialMs;
  }

  /**
   * Says that an attempt failed.
   *
   * @returns After how many milliseconds the next one may begin, counted from where this one began.
   */
  next(): number {
    const delayMs = this.#nextMs;
    this.#nextMs = Math.min(delayMs * this.#factor, this.#maxMs);
    return delayMs * (1 + this.#jitter * (2 * this.#random() - 1));
  }

  /** Says that an attempt succeeded. */
  reset(): void {
    this.#nextMs = this.#initialMs;
  }
}

function inRange(name: string, value: number, min: number, max: number): number {
  if (!(value >= min && value <= max)) {
    throw new RangeError(`Cannot set the backoff's ${name} to ${value}: it is at least ${min}, at most ${max}`);
  }
  return value;
}
