/** The writer of a method that pushes, for one call. */
import { Code, ConnectError } from "@connectrpc/connect";
import { sendEnveloped } from "./answer.ts";
import type { AnsweringStream } from "./call_plan.ts";
import type { MessageInit } from "./invocation.ts";
import type { MessageWriter } from "./message_writer.ts";
import { responseMessage } from "./response_message.ts";

/** See the top of the file. */
export class CallWriter implements MessageWriter<MessageInit> {
  readonly #call: AnsweringStream;
  #waiting: Promise<void> | undefined = undefined;
  #sending: Promise<void> | undefined = undefined;

  constructor(call: AnsweringStream) {
    this.#call = call;
  }

  /** The message that is being compressed; undefined when there is none. It rejects when that fails. */
  get sending(): Promise<void> | undefined {
    return this.#sending;
  }

  write(message: MessageInit): boolean {
    const call = this.#call;
    if (!call.isOpen) {
      throw call.context.abortedWith ?? new ConnectError("the call has ended", Code.Canceled);
    }
    if (this.#waiting !== undefined) {
      throw new RangeError("Cannot write a message: the last one is still waiting");
    }
    const sending = sendEnveloped(call, responseMessage(call.plan.registered.method, message));
    if (!(sending instanceof Promise) && !call.isFull) {
      return true;
    }
    this.#waiting = this.#wait(sending);
    this.#waiting.catch(() => {}); // The call fails with it, whether somebody waits or not.
    return false;
  }

  ready(): Promise<void> {
    return this.#waiting ?? Promise.resolve();
  }

  async #wait(sending: void | Promise<void>): Promise<void> {
    try {
      if (sending instanceof Promise) {
        this.#sending = sending;
        await sending;
        this.#sending = undefined;
      }
      if (this.#call.isFull) {
        await this.#call.writable();
      }
    } finally {
      this.#waiting = undefined;
    }
  }
}
