/** The messages of somebody else, until they are not wanted any more: who waits for the next one then is told at once. */
import { handled } from "../../user_code/mod.ts";

type Result<Message> = IteratorResult<Message, undefined>;

const DONE: IteratorReturnResult<undefined> = Object.freeze({ done: true, value: undefined });

/** See the top of the file. One `next` at a time: another one fails. */
export class CancellableIterator<Source, Message> implements AsyncIterableIterator<Message, undefined> {
  readonly #source: AsyncIterator<Source> | Iterator<Source>;
  readonly #convert: (message: Source) => Message;
  readonly #onEnd: (error: unknown) => void;
  #hasEnded = false;
  /** What is said to who asks for more; undefined when there just is no more. */
  #error: unknown = undefined;
  /** Who waits for the next one. */
  #taker: PromiseWithResolvers<Result<Message>> | undefined = undefined;

  /**
   * @param convert What becomes of each message.
   * @param onEnd Told of the end, whoever brought it about, and of the error that it was, if it was one of the source.
   */
  constructor(
    source: AsyncIterable<Source> | Iterable<Source>,
    convert: (message: Source) => Message,
    onEnd: (error: unknown) => void = () => {},
  ) {
    this.#source = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
    this.#convert = convert;
    this.#onEnd = onEnd;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Result<Message>> {
    if (this.#hasEnded) {
      const error = this.#error;
      this.#error = undefined;
      return error === undefined ? Promise.resolve(DONE) : handled(Promise.reject(error));
    }
    if (this.#taker !== undefined) {
      return Promise.reject(new TypeError("Cannot read a message: another read is waiting for it"));
    }
    const taker = this.#taker = Promise.withResolvers<Result<Message>>();
    this.#take();
    return taker.promise;
  }

  /** No more is wanted. */
  return(): Promise<Result<Message>> {
    this.cancel(undefined);
    return Promise.resolve(DONE);
  }

  /** Ends it before its time. @param error Given to who waits, or asks next; undefined for nothing but the end. */
  cancel(error: unknown): void {
    if (this.#hasEnded) {
      return;
    }
    const taker = this.#taker;
    if (taker === undefined) {
      this.#error = error;
    } else if (error === undefined) {
      taker.resolve(DONE);
    } else {
      handled(taker.promise);
      taker.reject(error);
    }
    this.#end(undefined);
    this.#returnSource();
  }

  async #take(): Promise<void> {
    try {
      const result = await this.#source.next();
      if (this.#hasEnded) {
        return;
      }
      if (result.done) {
        this.#taker?.resolve(DONE);
        this.#end(undefined);
      } else {
        const value = this.#convert(result.value);
        this.#taker?.resolve({ done: false, value });
        this.#taker = undefined;
      }
    } catch (error) {
      if (!this.#hasEnded) {
        this.#taker?.reject(error);
        this.#end(error);
        this.#returnSource(); // It may be that its message was no good.
      }
    }
  }

  #end(error: unknown): void {
    this.#hasEnded = true;
    this.#taker = undefined;
    this.#onEnd(error);
  }

  /** What the source has to say to that nobody hears. */
  async #returnSource(): Promise<void> {
    try {
      await this.#source.return?.();
    } catch {
      return;
    }
  }
}
