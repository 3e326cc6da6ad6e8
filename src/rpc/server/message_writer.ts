/** Server streams that push: for those whose messages are there already, a generator's promise for each of them is most of the work. */
import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { isConnectError } from "../thrown_error.ts";
import { checkPushed } from "./response_message.ts";

/** Where a handler puts the messages of its answer. */
export interface MessageWriter<O> {
  /**
   * Sends a message.
   *
   * @returns False when so much waits for the peer to take it that the next message has to wait, too: until {@linkcode ready} resolves.
   * @throws {RangeError} The last one said false, and `ready` has not resolved since.
   * @throws {ConnectError} The call is over: `canceled`, `deadline_exceeded`.
   */
  write(message: O): boolean;
  /** Resolves when there is room, or the call is over. */
  ready(): Promise<void>;
}

/** A server-streaming method that pushes. The answer ends when it returns, or its promise resolves. */
export type WritingImpl<I, O> = (request: I, writer: MessageWriter<O>, context: HandlerContext) => void | Promise<void>;

/** How the server finds out that a method can push. */
const WRITING = Symbol("writing");

/**
 * Makes a server-streaming method of one that pushes. With small messages the server sends several times as many.
 *
 * ```ts
 * import type { ConnectRouter } from "@connectrpc/connect";
 * import { writing } from "@edgewire/edgewire/fetch";
 * import { type DownloadRequestSchema, type DownloadResponseSchema, File } from "./gen/edgewire/v1/file_pb.ts";
 *
 * export const routes = (router: ConnectRouter) => {
 *   router.service(File, {
 *     download: writing<typeof DownloadRequestSchema, typeof DownloadResponseSchema>(async ({ name }, writer) => {
 *       for (const line of name.split("\n")) {
 *         if (!writer.write({ part: { case: "chunk", value: new TextEncoder().encode(line) } })) {
 *           await writer.ready();
 *         }
 *       }
 *     }),
 *   });
 * };
 * ```
 *
 * @returns The method as others see it, interceptors and transports within the process: a generator's twin.
 */
export function writing<I extends DescMessage, O extends DescMessage>(
  impl: WritingImpl<MessageShape<I>, MessageInitShape<O>>,
): (request: MessageShape<I>, context: HandlerContext) => AsyncIterable<MessageInitShape<O>> {
  const iterate = (request: MessageShape<I>, context: HandlerContext) => new WrittenMessages(impl, request, context);
  return Object.assign(iterate, { [WRITING]: impl });
}

/** What {@linkcode writing} was given; undefined for other methods. */
export function writingImplOf(method: object): WritingImpl<never, unknown> | undefined {
  return WRITING in method ? method[WRITING] as WritingImpl<never, unknown> : undefined;
}

/** For those who iterate: a message is written when the one before was taken. */
class WrittenMessages<I, O> implements AsyncIterable<O> {
  readonly #impl: WritingImpl<I, O>;
  readonly #request: I;
  readonly #context: HandlerContext;

  constructor(impl: WritingImpl<I, O>, request: I, context: HandlerContext) {
    this.#impl = impl;
    this.#request = request;
    this.#context = context;
  }

  async #run(writer: MessageWriter<O>): Promise<void> {
    const given: unknown = this.#impl(this.#request, writer, this.#context);
    checkPushed(this.#context.method, given);
    await given;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<O> {
    const written: O[] = [];
    let wakeReader = () => {};
    let wakeWriter = () => {};
    let isReady = Promise.resolve();
    let isOver = false;
    const { signal } = this.#context;
    const writer: MessageWriter<O> = {
      write: (message) => {
        if (isOver || signal.aborted) {
          throw isConnectError(signal.reason) ? signal.reason : new ConnectError("the call has ended", Code.Canceled);
        }
        if (written.length > 0) {
          throw new RangeError("Cannot write a message: the last one is still waiting");
        }
        written.push(message);
        isReady = new Promise((resolve) => wakeWriter = resolve);
        wakeReader();
        return false;
      },
      ready: () => isReady,
    };
    let hasEnded = false;
    const running = this.#run(writer).finally(() => {
      hasEnded = true;
      wakeReader();
    });
    running.catch(() => {}); // It is awaited below.
    try {
      while (true) {
        const message = written.shift();
        if (message !== undefined) {
          yield message;
          wakeWriter();
        } else if (hasEnded) {
          return await running;
        } else {
          await new Promise<void>((resolve) => wakeReader = resolve);
        }
      }
    } finally {
      // Whoever iterates may have stopped: the method has to hear of it, and the call goes on as long as the method does.
      isOver = true;
      wakeWriter();
      await running.catch(() => {});
    }
  }
}
