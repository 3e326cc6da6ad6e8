/**
 * The queue of connections whose turn is over (`http/turn.ts`), and of costly work.
 *
 * The queue resumes connections each time the runtime has polled the system for ready sockets, for 4 ms, so that a connection with little to do is never
 * behind many turns. Neither a read nor `setImmediate` has this effect. Deno completes the read of a readable socket at once, up to 128 times in a
 * row; and while its event loop always has something to do, as with `setImmediate`, it polls only once in 61 rounds, which is 120 ms at 2 ms a turn.
 * So the queue owns a pair of connected sockets: it starts a read on one and then writes to the other, and only a poll can complete that read.
 *
 * One poll may find a hundred connections ready, each with a turn of its own, or with a message of 4 KB that takes 30 ms to decompress, decode and answer.
 * So the queue also knows how much time has passed in the turns of all connections since the last poll: above a limit those with much input wait, and
 * costly work is done later, by connections in turn. While connections wait, all costly work is: else each of 150 that wait would take 30 ms when it is
 * resumed, and the last of them wait for 4 s.
 */
import { setImmediate } from "node:timers";
import { type MemoryPressure, PROCESS_MEMORY } from "./garbage.ts";
import { closeQuietly } from "./sockets.ts";

/** Gives connections their turns. */
export interface Turns {
  /** Whether connections with much input should call {@linkcode next} before they handle it: all together had the thread for long. */
  readonly isOver: boolean;
  /** Whether a connection whose own turn is over should do so. */
  readonly isNextDue: boolean;
  /** Resolves when the caller's next turn begins. */
  next(): Promise<void>;
  /** Counts the time, in milliseconds of `performance.now()`, from when to when a connection had the thread. */
  spend(fromMs: number, toMs: number): void;
  /** Does work of an owner, now or later; see `HttpExchange.schedule`. */
  schedule<T>(owner: object, bytes: number, work: () => T, isFurther: boolean): T | Promise<T>;
}

/** A turn in each round of the event loop: for clients, which choose their servers. */
export const EVENT_LOOP_TURNS: Turns = {
  isOver: false,
  isNextDue: true,
  next: nextRound,
  spend: () => {},
  schedule: (_owner, _bytes, work) => work(),
};

/** After so much time without a poll, in milliseconds, costly work waits for one, and a connection whose own turn is over. */
const WORK_MS = 4;

/**
 * After so much the queue has the runtime poll. That takes 50 us, 1 % of the time that a busy server has: a poll for each turn of a connection (0.6 ms of small
 * calls) would be 10 %.
 */
const POLL_AFTER_MS = 6;

/** After so much connections with much input wait for the poll. By then it is over, unless those that were ready took that long. */
const TURN_MS = 8;

/**
 * Up to so much between the inputs of two connections, in milliseconds, is taken for the time that handlers had which go on after the input, and not for
 * a poll. To be wrong costs a poll too many.
 */
const MAX_BETWEEN_MS = 4;

/**
 * Polls after costly work: a client that connects waits for one to be accepted, for one to be read, and for one more when the runtime has not yet
 * watched its socket.
 */
const POLLS_AFTER_WORK = 3;

/** After so many turns the queue looks whether memory is short, which takes 20 us. */
const TURNS_BETWEEN_LOOKS = 16;

/** What work is taken to cost at least, in milliseconds for each byte: the handler that gets a large message goes on with it. */
const MS_PER_BYTE = 1e-6;

const BYTE = new Uint8Array(1);

/** Gives turns in the order of the requests for them. See the top of the file. */
export class TurnQueue implements Turns {
  /** Undefined where the process may not open sockets on loopback. */
  readonly #pair: readonly [Deno.Conn, Deno.Conn] | undefined;
  readonly #memory: MemoryPressure;
  readonly #buffer = new Uint8Array(1);
  readonly #waiting: (() => void)[] = [];
  /** Work that waits, by owners. The one that is first has the next turn. */
  readonly #work = new Map<object, (() => void)[]>();
  /**
   * Work that goes on with what work has made, which comes before all other: a message that was decompressed is decoded, and its response compressed,
   * before the next one is decompressed, which takes memory.
   */
  readonly #furtherWork: (() => void)[] = [];
  /** The time that connections had since the last poll. */
  #spentMs = 0;
  #spentUntilMs = -Infinity;
  #isResuming = false;
  #turnsGiven = 0;

  private constructor(pair: readonly [Deno.Conn, Deno.Conn] | undefined, memory: MemoryPressure) {
    this.#pair = pair;
    this.#memory = memory;
  }

  /** Opens a queue, which its owner must close. @param memory Relieved between turns. @default the memory of the process */
  static async open(memory: MemoryPressure = PROCESS_MEMORY): Promise<TurnQueue> {
    return new TurnQueue(await connectPair(), memory);
  }

  get isOver(): boolean {
    return this.#spentMs > TURN_MS;
  }

  get isNextDue(): boolean {
    return this.#spentMs > WORK_MS;
  }

  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#resume();
    });
  }

  spend(fromMs: number, toMs: number): void {
    const betweenMs = Math.max(0, fromMs - this.#spentUntilMs); // Less when work counts more than it took.
    this.#spentUntilMs = toMs;
    this.#spentMs += betweenMs < MAX_BETWEEN_MS ? toMs - fromMs + betweenMs : toMs - fromMs;
    if (this.#spentMs > POLL_AFTER_MS) {
      this.#resume();
    }
  }

  schedule<T>(owner: object, bytes: number, work: () => T, isFurther: boolean): T | Promise<T> {
    if (this.#spentMs <= WORK_MS && (isFurther || !this.#hasWork && this.#waiting.length === 0)) {
      const beganMs = performance.now();
      try {
        return work();
      } finally {
        this.spend(beganMs, Math.max(performance.now(), beganMs + bytes * MS_PER_BYTE));
      }
    }
    return new Promise<T>((resolve, reject) => {
      const task = () => {
        try {
          resolve(work());
        } catch (error) {
          reject(error);
        }
      };
      const tasks = isFurther ? this.#furtherWork : this.#work.get(owner);
      if (tasks === undefined) {
        this.#work.set(owner, [task]);
      } else {
        tasks.push(task);
      }
      this.#resume();
    });
  }

  close(): void {
    this.#pair?.forEach(closeQuietly);
  }

  get #hasWork(): boolean {
    return this.#work.size > 0 || this.#furtherWork.length > 0;
  }

  /** Removes the next task from the queue and returns it; returns undefined when the queue is empty. */
  #takeWork(): (() => void) | undefined {
    const further = this.#furtherWork.shift();
    if (further !== undefined) {
      return further;
    }
    const first = this.#work.entries().next().value;
    if (first === undefined) {
      return undefined;
    }
    const [owner, tasks] = first;
    this.#work.delete(owner);
    const task = tasks.shift();
    if (tasks.length > 0) {
      this.#work.set(owner, tasks); // At the end.
    }
    return task;
  }

  #resume(): void {
    if (!this.#isResuming) {
      this.#isResuming = true;
      this.#resumeAll();
    }
  }

  async #resumeAll(): Promise<void> {
    while (this.#waiting.length > 0 || this.#hasWork || this.#spentMs > POLL_AFTER_MS) {
      const wasCostly = this.#spentMs > (this.#hasWork ? WORK_MS : TURN_MS);
      for (let polls = wasCostly ? POLLS_AFTER_WORK : 1; polls > 0; polls--) {
        await this.#poll();
      }
      this.#spentMs = 0;
      if (this.#waiting.length > 0 || this.#hasWork) {
        if (this.#hasWork || ++this.#turnsGiven % TURNS_BETWEEN_LOOKS === 0) {
          this.#relieve();
        }
        await this.#resumeWaiting();
        await this.#doWork();
      }
    }
    this.#isResuming = false;
  }

  /** Nothing that goes wrong with this may stop the queue. */
  #relieve(): void {
    try {
      this.#memory.relieve();
    } catch {
      // The system does not say how much memory there is: no descriptor is left.
    }
  }

  /** Resumes the connections that wait now, until 4 ms have passed since the last poll. */
  async #resumeWaiting(): Promise<void> {
    for (let count = this.#waiting.length; count > 0 && this.#spentMs <= WORK_MS; count--) {
      this.#waiting.shift()!();
      await undefined; // It handles its input before this goes on.
    }
  }

  /** Runs tasks, one of each owner in turn, until the queue is empty or 4 ms have passed since the last poll. It runs at least one. */
  async #doWork(): Promise<void> {
    const beganMs = performance.now();
    do {
      const task = this.#takeWork();
      if (task === undefined) {
        return;
      }
      const taskMs = performance.now();
      task();
      this.#spentMs += performance.now() - taskMs; // What the task schedules in turn waits if that was much.
      await nextRound(); // What waits for the work goes on first, and counts.
      this.#spentMs = Math.max(this.#spentMs, performance.now() - beganMs);
    } while (this.#spentMs <= WORK_MS);
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

/** Resolves in the next round of the event loop. */
function nextRound(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
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
