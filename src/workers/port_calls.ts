/** Calls between two threads, both ways: each has methods, which the other calls by name over a `MessagePort`. */
import { type ErrorData, fromErrorData, toErrorData } from "./error_data.ts";

/** What a thread can be asked for. Arguments and results are cloned, but for octets and ports, which go over. */
export type Methods<Names extends PropertyKey> = { readonly [Name in Names]: (...args: never[]) => unknown };

type Message =
  | { readonly call: number; readonly name: string; readonly args: readonly unknown[] }
  | { readonly answered: number; readonly result: unknown }
  | { readonly failed: number; readonly error: ErrorData };

/** One end of a `MessageChannel`. `Mine` are the methods of this thread, `Theirs` those of the thread at the other end. */
export class PortCalls<Mine extends Methods<keyof Mine>, Theirs extends Methods<keyof Theirs>> {
  readonly #port: MessagePort;
  readonly #methods: Mine;
  readonly #pending = new Map<number, PromiseWithResolvers<unknown>>();
  #lastId = 0;
  #closeReason: Error | undefined;

  constructor(port: MessagePort, methods: Mine) {
    this.#port = port;
    this.#methods = methods;
    port.onmessage = ({ data }: MessageEvent<Message>) => this.#receive(data);
  }

  /**
   * Calls a method of the other thread. The buffers of `Uint8Array`s that are arguments go over, and so do ports.
   *
   * @throws {Error} What the method throws, with its name, message and stack; a `ConnectError` with its code. Or the port was closed.
   */
  async call<Name extends keyof Theirs & string>(
    name: Name,
    ...args: Parameters<Theirs[Name]>
  ): Promise<Awaited<ReturnType<Theirs[Name]>>> {
    if (this.#closeReason !== undefined) {
      throw this.#closeReason;
    }
    const id = ++this.#lastId;
    this.#send({ call: id, name, args }, args);
    const answer = Promise.withResolvers<unknown>();
    this.#pending.set(id, answer);
    return await answer.promise as Awaited<ReturnType<Theirs[Name]>>;
  }

  /** Closes the port. Calls under way, and all from now on, fail with `reason`: nobody else says that the other thread has gone. */
  close(reason: Error): void {
    this.#closeReason ??= reason;
    this.#port.close();
    this.#pending.forEach(({ reject }) => reject(reason));
    this.#pending.clear();
  }

  #receive(message: Message): void {
    if ("call" in message) {
      this.#answer(message.call, message.name as keyof Mine, message.args);
    } else if ("failed" in message) {
      this.#take(message.failed)?.reject(fromErrorData(message.error));
    } else {
      this.#take(message.answered)?.resolve(message.result);
    }
  }

  #take(id: number): PromiseWithResolvers<unknown> | undefined {
    const answer = this.#pending.get(id);
    this.#pending.delete(id);
    return answer;
  }

  async #answer(id: number, name: keyof Mine, args: readonly unknown[]): Promise<void> {
    try {
      const result: unknown = await this.#methods[name](...args as never[]);
      this.#send({ answered: id, result }, [result]);
    } catch (error) { // Also of a result that cannot be cloned.
      this.#send({ failed: id, error: toErrorData(error) }, []);
    }
  }

  #send(message: Message, values: readonly unknown[]): void {
    if (this.#closeReason === undefined) { // Otherwise there is nobody to hear it.
      this.#port.postMessage(message, values.flatMap(transferable));
    }
  }
}

function transferable(value: unknown): Transferable[] {
  return value instanceof Uint8Array ? [value.buffer as ArrayBuffer] : value instanceof MessagePort ? [value] : [];
}
