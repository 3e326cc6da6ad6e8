/** The messages of a request that is a stream, for a handler to take. */
import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { UNCOUNTED_BYTES } from "../../http/mod.ts";
import { handled } from "../../user_code/mod.ts";
import { EnvelopeReader } from "../envelope.ts";
import { connectErrorOf } from "../thrown_error.ts";
import type { MessageReader } from "./message_reader.ts";
import { cutShortError, decodeEnvelope, type IntakeHost, type RequestIntake, tooLongError } from "./request_intake.ts";

/** What a stream tells its call. */
export interface RequestStreamHost extends IntakeHost {
  /** Whether a message has begun to come, the rest of which is expected. Between messages the client may be silent. */
  expect(isWithinMessage: boolean): void;
}

type Result = IteratorResult<Message, undefined>;

const DONE: Result = Object.freeze({ done: true, value: undefined });

/** Octets of messages that were taken are given back together, as soon as they are so many: the window is counted for each time. */
const RELEASED_TOGETHER = 4096;

/** So many messages a handler may take at once. Then the queue of turns decides whether others are served first. */
const TAKEN_AT_ONCE = 256;

/**
 * Between who receives and the handler. Messages wait as octets, and become objects one at a time, when they are taken: what waits is never more
 * than the window. It is no generator: those cost several promises for each message.
 */
export class RequestStream implements RequestIntake, AsyncIterableIterator<Message>, MessageReader<Message> {
  readonly #host: RequestStreamHost;
  readonly #envelopes: EnvelopeReader;
  /** Octets that the client may not send again yet. */
  #unreleased = 0;
  #hasEnded = false;
  /** What everybody gets who asks for a message. */
  #error: unknown = undefined;
  /** Wakes who waits for a message, or the end. */
  #wake: (() => void) | undefined = undefined;
  /** The message of {@linkcode read} that is being decompressed, or was. */
  #pending: Message | Promise<Message> | undefined = undefined;

  /** Bytes of the message that was taken last, if it is large: the handler may have it until it takes another one, or ends. */
  #takenBytes = 0;
  #isWithinMessage = false;
  /** How many messages the handler took without waiting for one. */
  #takenAtOnce = 0;

  constructor(host: RequestStreamHost) {
    this.#host = host;
    this.#envelopes = new EnvelopeReader(host.maxMessageBytes, tooLongError);
  }

  /** The message that is taken is decoded from so many bytes. */
  handOver(bytes: number): void {
    this.#takenBytes = bytes;
    this.#count();
  }

  push(buffer: Uint8Array, start: number, end: number): void {
    const envelopes = this.#envelopes;
    this.#unreleased += end - start;
    if (!this.#hasEnded) {
      envelopes.push(buffer, start, end);
      envelopes.keep();
    }
    if (envelopes.hasEnvelope) {
      this.#wakeUp();
    } else {
      this.#release(0); // Of a message that is not whole yet nothing is held: it may be larger than the window.
    }
    this.#count();
  }

  end(): void {
    this.#hasEnded = true;
    this.#wakeUp();
  }

  /** The call is over: that comes before what is waiting. @param error Undefined when the call went well. */
  abort(error: ConnectError | undefined): void {
    if (error === undefined && this.#hasEnded && this.#envelopes.waitingLength === 0 && this.#pending === undefined) {
      return; // All of it was taken. An error that nobody sees would be 5 % of a stream of 1,000 messages.
    }
    this.#error ??= error ?? new ConnectError("the call has ended", Code.Canceled);
    this.#drop();
    this.#wakeUp();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Result> {
    if (this.#wake !== undefined) {
      return Promise.reject(new TypeError("Cannot read a message: another read is waiting for it"));
    }
    try {
      if (++this.#takenAtOnce > TAKEN_AT_ONCE) {
        this.#takenAtOnce = 0;
        return handled(this.#nextInTurn());
      }
      const message = this.#take();
      if (message === undefined && !this.#hasEnded) {
        this.#takenAtOnce = 0;
        return handled(this.#nextLater());
      }
      const result = resultOf(message);
      return result instanceof Promise ? handled(result) : Promise.resolve(result);
    } catch (error) {
      return handled(Promise.reject(error));
    }
  }

  /** The handler wants no more. What still comes is dropped. */
  return(): Promise<Result> {
    this.#error = undefined;
    this.#drop();
    this.#wakeUp();
    return Promise.resolve(DONE);
  }

  read(): Message | undefined {
    if (this.#pending === undefined) {
      const message = this.#take();
      if (!(message instanceof Promise)) {
        return message;
      }
      this.#pending = message;
      message.then((message) => this.#pending = message, () => this.#pending = undefined);
    }
    const pending = this.#pending;
    if (pending instanceof Promise) {
      return undefined;
    }
    this.#pending = undefined;
    return pending;
  }

  ready(): Promise<boolean> {
    return handled(this.#ready());
  }

  async #ready(): Promise<boolean> {
    if (this.#wake !== undefined) {
      throw new TypeError("Cannot wait for a message: another read is waiting for it");
    }
    if (this.#pending !== undefined) {
      await this.#pending;
    }
    while (this.#pending === undefined && this.#error === undefined && !this.#envelopes.hasEnvelope) {
      if (this.#hasEnded) {
        return this.#envelopes.waitingLength > 0;
      }
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return true;
  }

  /**
   * What is waited for says only that there is a message. If it were the message, V8 would keep each of them until the next full collection, as far as
   * uploads show: one for each 64 MB (21 for a GiB instead of 1, and a third more CPU).
   */
  async #nextLater(): Promise<Result> {
    await this.#ready();
    return resultOf(this.#take());
  }

  /** As next, when other connections were served: a read of 64 KiB may be 13,000 empty messages, with which a handler goes on for 40 ms. */
  async #nextInTurn(): Promise<Result> {
    try {
      await this.#host.schedule(0, () => {}, false);
    } catch {
      // The call has ended, and next says how.
    }
    return this.next();
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  /** The next message, a promise where decompression takes its time; undefined when there is none yet, or none any more. */
  #take(): Message | Promise<Message> | undefined {
    if (this.#error !== undefined) {
      throw this.#error;
    }
    const envelopes = this.#envelopes;
    try {
      if (envelopes.next()) {
        const takenBefore = this.#takenBytes;
        this.#takenBytes = 0;
        const message = decodeEnvelope(this.#host, envelopes);
        if (this.#unreleased - envelopes.waitingLength >= RELEASED_TOGETHER) {
          this.#release(envelopes.waitingLength);
          this.#count();
        } else if (takenBefore > 0) {
          this.#count();
        }
        return message instanceof Promise ? this.#unlessBroken(message) : message;
      }
      if (this.#hasEnded && envelopes.waitingLength > 0) {
        throw cutShortError();
      }
    } catch (error) {
      throw this.#break(error);
    }
    this.#release(0);
    this.#count();
    return undefined;
  }

  async #unlessBroken(message: Promise<Message>): Promise<Message> {
    try {
      return await message;
    } catch (error) {
      throw this.#break(error);
    }
  }

  /** Nothing comes after what is wrong. */
  #break(error: unknown): unknown {
    this.#error ??= connectErrorOf(error, Code.Internal);
    this.#drop();
    return this.#error;
  }

  #drop(): void {
    this.#hasEnded = true;
    this.#envelopes.stop();
    this.#release(0);
    this.#count();
  }

  /** Says what is kept, and whether the client is within a message. What waits for the handler is not for the client to go on with. */
  #count(): void {
    const { waitingLength, heldBytes, hasEnvelope } = this.#envelopes;
    const isWithinMessage = waitingLength > 0 && !hasEnvelope;
    if (isWithinMessage !== this.#isWithinMessage) {
      this.#isWithinMessage = isWithinMessage;
      this.#host.expect(isWithinMessage);
    }
    const bytes = heldBytes + this.#takenBytes;
    this.#host.keep(bytes > UNCOUNTED_BYTES ? bytes : 0); // Else streams of small messages would count for each of them.
  }

  /** Gives back all octets but some. */
  #release(held: number): void {
    const released = this.#unreleased - held;
    if (released > 0) {
      this.#unreleased = held;
      this.#host.release(released);
    }
  }
}

function resultOf(message: Message | Promise<Message> | undefined): Result | Promise<Result> {
  return message === undefined
    ? DONE
    : message instanceof Promise
    ? message.then((value) => ({ done: false, value }))
    : { done: false, value: message };
}
