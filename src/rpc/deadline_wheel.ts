/**
 * The deadlines of calls, all in one wheel: a ring of slots for ten milliseconds each, and one timer for the next slot that is in use. A timer
 * for each call would cost as much as the call.
 */

/** What has a deadline. */
export interface DeadlineEntry {
  /** By the clock of `performance.now()`, in milliseconds. Stays what it is. */
  readonly deadlineAtMs: number;
  /** Whether it still matters. */
  readonly isOpen: boolean;
  /** The deadline has passed, by up to ten milliseconds. It must not throw. */
  onDeadline(): void;
}

/** What the wheel asks of the system. */
export interface WheelClock {
  nowMs(): number;
  /** Calls back once, after so many milliseconds. @returns Takes that back. */
  schedule(callback: () => void, delayMs: number): () => void;
}

/** Milliseconds of a slot. */
const TICK_MS = 10;
/** Slots: a power of two. Deadlines further than 5 s away are looked at once each round. */
const SLOT_COUNT = 512;

const SYSTEM_CLOCK: WheelClock = {
  nowMs: () => performance.now(),
  schedule: (callback, delayMs) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

/** See the top of the file. */
export class DeadlineWheel {
  readonly #clock: WheelClock;
  /** Entries that came in the current batch of work: most calls are over when it ends, and never get into the wheel. */
  #fresh: DeadlineEntry[] = [];
  #batchNowMs = 0;
  /** An entry is in the slot of the first tick that is not before its deadline, in whatever round. */
  readonly #slots: readonly Set<DeadlineEntry>[] = Array.from({ length: SLOT_COUNT }, () => new Set());
  /** Entries in the slots. */
  #count = 0;
  /** The tick whose slot was looked at last. */
  #lastTick = 0;
  /** The tick that the timer is for. */
  #timerTick = Infinity;
  #cancelTimer = () => {};

  /** @param clock The time. @default the system's */
  constructor(clock: WheelClock = SYSTEM_CLOCK) {
    this.#clock = clock;
  }

  /** The time, on the clock of its deadlines. */
  nowMs(): number {
    return this.#clock.nowMs();
  }

  /**
   * When the calls of the current batch of work came: the clock is asked for the first of those that are watched only (0.1 us, 7 % of a call with a
   * deadline).
   */
  batchNowMs(): number {
    if (this.#fresh.length === 0) {
      this.#batchNowMs = this.#clock.nowMs();
    }
    return this.#batchNowMs;
  }

  /** Will tell the entry when its deadline has passed. */
  watch(entry: DeadlineEntry): void {
    if (this.#fresh.push(entry) === 1) {
      queueMicrotask(this.#waitOnce);
    }
  }

  /** Forgets an entry, so that its timer holds nothing up. For those that are not open any more. */
  unwatch(entry: DeadlineEntry): void {
    if (this.#count > 0 && this.#slotOf(tickOf(entry)).delete(entry)) {
      this.#removed();
    }
  }

  readonly #waitOnce = () => queueMicrotask(this.#admit);

  /** Puts into the wheel what is still open after two turns of microtasks, which an asynchronous function of few steps takes to end. */
  readonly #admit = () => {
    const entries = this.#fresh;
    this.#fresh = [];
    const nowMs = this.#clock.nowMs();
    for (const entry of entries) {
      if (!entry.isOpen) {
        continue;
      }
      if (entry.deadlineAtMs <= nowMs) {
        entry.onDeadline();
      } else {
        this.#add(entry, nowMs);
      }
    }
  };

  #add(entry: DeadlineEntry, nowMs: number): void {
    const tick = tickOf(entry);
    this.#slotOf(tick).add(entry);
    this.#count++;
    const firstTick = Math.floor(nowMs / TICK_MS) + 1;
    const visitTick = firstTick + (tick - firstTick) % SLOT_COUNT;
    if (visitTick < this.#timerTick) {
      this.#arm(visitTick);
    }
  }

  readonly #onTimer = () => {
    this.#timerTick = Infinity;
    const nowMs = this.#clock.nowMs();
    const tick = Math.floor(nowMs / TICK_MS);
    for (let due = Math.max(this.#lastTick + 1, tick - SLOT_COUNT + 1); due <= tick; due++) {
      this.#visit(this.#slotOf(due), nowMs);
    }
    this.#lastTick = Math.max(this.#lastTick, tick);
    this.#armNext();
  };

  #visit(slot: Set<DeadlineEntry>, nowMs: number): void {
    for (const entry of slot) {
      const isDue = entry.deadlineAtMs <= nowMs;
      if (isDue || !entry.isOpen) {
        slot.delete(entry);
        this.#count--;
      }
      if (isDue && entry.isOpen) {
        entry.onDeadline();
      }
    }
  }

  #armNext(): void {
    for (let tick = this.#lastTick + 1; this.#count > 0 && tick <= this.#lastTick + SLOT_COUNT; tick++) {
      if (this.#slotOf(tick).size > 0) {
        this.#arm(tick);
        return;
      }
    }
  }

  #arm(tick: number): void {
    this.#cancelTimer();
    this.#timerTick = tick;
    const delayMs = Math.max(0, Math.ceil(tick * TICK_MS - this.#clock.nowMs()));
    this.#cancelTimer = this.#clock.schedule(this.#onTimer, delayMs);
  }

  #removed(): void {
    if (--this.#count === 0) {
      this.#cancelTimer();
      this.#timerTick = Infinity;
    }
  }

  #slotOf(tick: number): Set<DeadlineEntry> {
    return this.#slots[tick % SLOT_COUNT]!;
  }
}

function tickOf(entry: DeadlineEntry): number {
  return Math.min(Math.ceil(entry.deadlineAtMs / TICK_MS), Number.MAX_SAFE_INTEGER);
}

/** The wheel of this process. */
export const PROCESS_WHEEL = new DeadlineWheel();

/** Watches a deadline in the wheel of this process. */
export function watchDeadline(entry: DeadlineEntry): void {
  PROCESS_WHEEL.watch(entry);
}

/** To be called when an entry that was watched is not open any more. Else its timer keeps the process alive for up to five seconds. */
export function unwatchDeadline(entry: DeadlineEntry): void {
  PROCESS_WHEEL.unwatch(entry);
}
