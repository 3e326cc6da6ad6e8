/** Lets one side of a call wait for the other. */

/** Counts turns. */
export class Turns {
  #count = 0;
  readonly #waiting: (readonly [count: number, resolve: () => void])[] = [];

  /** Another turn is over. */
  next(): void {
    this.#count++;
    for (const [count, resolve] of this.#waiting) {
      if (count <= this.#count) {
        resolve();
      }
    }
  }

  /** Resolves when that many turns are over. */
  reach(count: number): Promise<void> {
    return count <= this.#count ? Promise.resolve() : new Promise((resolve) => this.#waiting.push([count, resolve]));
  }
}
