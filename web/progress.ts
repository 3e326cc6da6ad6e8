/** How far a transfer is, how fast it goes and how long it still takes. */
import { computed, type ReadonlySignal, signal } from "@preact/signals";

/** The rate is that of this long, in milliseconds: long enough to stand still, short enough to follow the network. */
const WINDOW_MS = 4000;

/** The progress of one transfer, in bytes. */
export class Progress {
  /** How many bytes there are. */
  readonly total: number;
  readonly #done = signal(0);
  readonly #bytesPerSecond = signal<number>();
  readonly #now: () => number;
  #samples: { readonly timeMs: number; readonly done: number }[] = [];

  /** Of the whole, 0 to 1. Nothing at all is done from the start. */
  readonly fraction: ReadonlySignal<number> = computed(() => this.total === 0 ? 1 : this.#done.value / this.total);

  /** In milliseconds; undefined while the rate is not known. */
  readonly remainingMs: ReadonlySignal<number | undefined> = computed(() => {
    const rate = this.#bytesPerSecond.value;
    return rate === undefined || rate === 0 ? undefined : (this.total - this.#done.value) / rate * 1000;
  });

  constructor(total: number, now: () => number = () => performance.now()) {
    this.total = total;
    this.#now = now;
  }

  get done(): ReadonlySignal<number> {
    return this.#done;
  }

  /** Undefined until enough is known. */
  get bytesPerSecond(): ReadonlySignal<number | undefined> {
    return this.#bytesPerSecond;
  }

  /** Begins to measure, at `done` bytes: what was there before says nothing about the rate. */
  start(done: number): void {
    this.#samples = [{ timeMs: this.#now(), done }];
    this.#bytesPerSecond.value = undefined;
    this.#done.value = done;
  }

  /** Notes that `done` bytes are done in all. */
  advance(done: number): void {
    const timeMs = this.#now();
    this.#samples.push({ timeMs, done });
    while (this.#samples.length > 2 && this.#samples[0]!.timeMs < timeMs - WINDOW_MS) {
      this.#samples.shift();
    }
    const first = this.#samples[0]!;
    if (timeMs > first.timeMs) {
      this.#bytesPerSecond.value = (done - first.done) / (timeMs - first.timeMs) * 1000;
    }
    this.#done.value = done;
  }
}
