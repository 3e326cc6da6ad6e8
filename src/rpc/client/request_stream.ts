/** The messages of a request that may have several, on their way: each is asked for when there is room for it. */
import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import type { HttpCall } from "../../http/mod.ts";
import type { CallPlan } from "./call_plan.ts";
import type { RequestBody } from "./request_body.ts";

const EMPTY = new Uint8Array(0);

/** See the top of the file. */
export class StreamedBody implements RequestBody {
  readonly encoding = undefined;
  readonly query = undefined;
  readonly #plan: CallPlan;
  readonly #messages: AsyncIterator<MessageInitShape<DescMessage>>;
  readonly #onFailed: (error: unknown) => void;
  /** Of the attempt that is going on; undefined while there is none. */
  #call: HttpCall | undefined = undefined;
  #isPumping = false;
  /** Whether the caller has given a message, or the end. */
  #hasTaken = false;
  #hasEnded = false;
  #isStopped = false;
  #wake: (() => void) | undefined = undefined;

  /** @param onFailed Told of what the caller's messages failed with, or that one of them cannot be sent. */
  constructor(
    plan: CallPlan,
    messages: AsyncIterable<MessageInitShape<DescMessage>>,
    onFailed: (error: unknown) => void,
  ) {
    this.#plan = plan;
    this.#messages = messages[Symbol.asyncIterator]();
    this.#onFailed = onFailed;
  }

  /** What was taken from the caller is gone. */
  get isReplayable(): boolean {
    return !this.#hasTaken;
  }

  prepare(): undefined {
    this.#call = undefined;
  }

  keep(): void {}

  begin(call: HttpCall): void {
    this.#call = call;
    call.write(EMPTY); // A carrier that has to know hears by this that content will come in pieces.
    if (this.#isPumping) {
      this.resume();
    } else {
      this.#isPumping = true;
      this.#pump();
    }
  }

  resume(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  stop(): void {
    if (this.#isStopped) {
      return;
    }
    this.#isStopped = true;
    this.resume();
    if (!this.#hasEnded) {
      this.#hasEnded = true;
      this.#return();
    }
  }

  /** Tells the caller's messages that no more of them are wanted. What they have to say to that nobody hears. */
  async #return(): Promise<void> {
    try {
      await this.#messages.return?.();
    } catch {
      return;
    }
  }

  async #pump(): Promise<void> {
    try {
      while (!this.#isStopped) {
        const result = await this.#messages.next();
        if (this.#isStopped) {
          return;
        }
        this.#hasTaken = true;
        if (result.done) {
          this.#hasEnded = true;
          (await this.#attempt())?.end();
          return;
        }
        await this.#send(result.value);
      }
    } catch (error) {
      if (!this.#isStopped) {
        this.#onFailed(error);
      }
    }
  }

  /** Resolves when there is room for the next one. */
  async #send(init: MessageInitShape<DescMessage>): Promise<void> {
    const { encoder, method } = this.#plan;
    const call = this.#call ?? await this.#attempt();
    const end = encoder.encode(create(method.input, init));
    const compressing = encoder.compress(end);
    const hasRoom = compressing === undefined ? call?.write(encoder.buffer, 0, end) : call?.write(await compressing);
    if (hasRoom === false && !this.#isStopped) {
      await this.#woken();
    }
  }

  /** The attempt to send by, when there is one; undefined when nothing more is wanted. */
  async #attempt(): Promise<HttpCall | undefined> {
    while (this.#call === undefined && !this.#isStopped) {
      await this.#woken();
    }
    return this.#isStopped ? undefined : this.#call;
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => this.#wake = resolve);
  }
}
