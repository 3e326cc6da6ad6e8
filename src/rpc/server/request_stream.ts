/** The messages of a request that is a stream, for a handler to iterate. */
import type { Message } from "@bufbuild/protobuf";

/**
 * A message that arrived, or what decompresses it. That is done when it is taken: of what waits the window bounds the octets, and they may become a
 * thousand times as many.
 */
export type Arrived = Message | (() => Message | Promise<Message>);

/** A message that nobody has taken yet, and its octets on the wire. */
interface Waiting {
  readonly message: Arrived;
  readonly length: number;
}

type Result = IteratorResult<Message, undefined>;

const DONE: Result = Object.freeze({ done: true, value: undefined });

/** Entries of the queue that were taken, above which it is made anew: moving all the others up for each of them would make long queues slow. */
const TAKEN_UNTIL_COMPACT = 256;

/**
 * A queue between who receives and the handler that iterates. It is no generator: those cost several promises for each message.
 */
export class RequestStream implements AsyncIterableIterator<Message> {
  readonly #onTaken: () => void;
  #waiting: Waiting[] = [];
  #taken = 0;
  #waitingLength = 0;
  #hasEnded = false;
  /** Whether what arrives is dropped. */
  #isAbandoned = false;
  #error: unknown = undefined;
  /** Who waits for the next message. */
  #reader: PromiseWithResolvers<Result> | undefined = undefined;

  /** @param onTaken Told that messages wait no more. */
  constructor(onTaken: () => void) {
    this.#onTaken = onTaken;
  }

  /** Octets of the messages that wait. */
  get waitingLength(): number {
    return this.#waitingLength;
  }

  /** A message has arrived, of so many octets. */
  push(message: Arrived, length: number): void {
    const reader = this.#reader;
    if (reader !== undefined) {
      this.#reader = undefined;
      reader.resolve(this.#resultOf(message));
    } else if (!this.#isAbandoned) {
      this.#waiting.push({ message, length });
      this.#waitingLength += length;
    }
  }

  /** No more will come: all are there, or, with an error, that is what the handler gets instead. */
  end(error?: unknown): void {
    if (this.#hasEnded) {
      return;
    }
    this.#hasEnded = true;
    this.#error = error;
    const reader = this.#reader;
    this.#reader = undefined;
    if (error !== undefined) {
      reader?.reject(error);
    } else {
      reader?.resolve(DONE);
    }
  }

  /** As {@linkcode end} with an error, which comes before what is waiting: the call is over. */
  abort(error: unknown): void {
    this.#discard();
    if (this.#hasEnded) {
      this.#error ??= error;
    } else {
      this.end(error);
    }
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Result> {
    const waiting = this.#waiting[this.#taken];
    if (waiting !== undefined) {
      this.#take(waiting);
      return Promise.resolve(this.#resultOf(waiting.message));
    }
    if (this.#hasEnded) {
      return this.#error === undefined ? Promise.resolve(DONE) : Promise.reject(this.#error);
    }
    if (this.#reader !== undefined) {
      return Promise.reject(new TypeError("Cannot read a message: another read is waiting for it"));
    }
    this.#reader = Promise.withResolvers();
    return this.#reader.promise;
  }

  /** The handler wants no more. What still comes is dropped. */
  return(): Promise<Result> {
    this.#isAbandoned = true;
    this.#discard();
    this.#error = undefined;
    this.end();
    return Promise.resolve(DONE);
  }

  #take({ length }: Waiting): void {
    this.#waitingLength -= length;
    if (++this.#taken === this.#waiting.length) {
      this.#waiting = [];
      this.#taken = 0;
    } else if (this.#taken === TAKEN_UNTIL_COMPACT) {
      this.#waiting = this.#waiting.slice(this.#taken);
      this.#taken = 0;
    }
    this.#onTaken();
  }

  #resultOf(message: Arrived): Result | Promise<Result> {
    return typeof message === "function" ? this.#decompressed(message) : { done: false, value: message };
  }

  async #decompressed(decompress: () => Message | Promise<Message>): Promise<Result> {
    try {
      return { done: false, value: await decompress() };
    } catch (error) {
      this.#isAbandoned = true; // Nothing comes after what is wrong.
      this.abort(error);
      throw error;
    }
  }

  #discard(): void {
    this.#waiting = [];
    this.#taken = 0;
    this.#waitingLength = 0;
    this.#onTaken();
  }
}
