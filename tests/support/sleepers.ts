/** Methods that go on until the test wakes them, whatever becomes of their calls. */
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type { Samples } from "./sample_service.ts";

/** See the top of the file. */
export class Sleepers {
  readonly contexts: HandlerContext[] = [];
  /** What ended them. */
  readonly seen: string[] = [];
  /** How many have not ended. */
  running = 0;
  readonly #wake: (() => void)[] = [];

  readonly samples: ServiceImpl<typeof Samples> = {
    get: (_request, context) => this.#sleep(context),
    unary: (_request, context) => this.#sleep(context),
    clientStream: async (requests, context) => {
      await this.#read(requests);
      return await this.#sleep(context);
    },
    serverStream: (_request, context) => this.#stream(context),
    bidi: (requests, context) => {
      this.#read(requests);
      return this.#stream(context);
    },
  };

  /** Lets all of them end. */
  wake(): void {
    this.#wake.splice(0).forEach((wake) => wake());
  }

  async #read(requests: AsyncIterable<unknown>): Promise<void> {
    try {
      for await (const _ of requests);
      this.seen.push("requests ended");
    } catch (error) {
      this.seen.push(`requests: ${error}`);
    }
  }

  async #sleep(context: HandlerContext): Promise<{ text: string }> {
    this.contexts.push(context);
    this.running++;
    await new Promise<void>((resolve) => this.#wake.push(resolve));
    this.running--;
    return { text: "late" };
  }

  async *#stream(context: HandlerContext): AsyncGenerator<{ text: string }> {
    try {
      yield { text: "first" };
      yield await this.#sleep(context);
      yield { text: "never" };
    } finally {
      this.seen.push("returned");
    }
  }
}
