/** Client streams that pull: for methods whose clients send faster than a promise for each message can be made. */
import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import { RequestStream } from "./request_stream.ts";

/** Where a handler gets the messages of its request. */
export interface MessageReader<I> {
  /**
   * The next message, if it has come; undefined when it has not, and when there are no more.
   *
   * @throws {ConnectError} The request, or the call, has ended by a fault: `invalid_argument`, `canceled`, `deadline_exceeded`...
   */
  read(): I | undefined;
  /** Resolves to true when {@linkcode read} has something to give, or to throw; to false when all messages were read. */
  ready(): Promise<boolean>;
}

/** A method with a stream of requests and one answer, which pulls. */
export type ReadingImpl<I, O> = (reader: MessageReader<I>, context: HandlerContext) => Promise<O>;

/**
 * Makes a client-streaming method of one that pulls. With small messages it takes several times as many as one that iterates.
 *
 * ```ts
 * import type { ConnectRouter } from "@connectrpc/connect";
 * import { reading } from "@edgewire/edgewire/fetch";
 * import { Hash, type ShaStreamRequestSchema, type ShaStreamResponseSchema } from "./gen/edgewire/v1/hash_pb.ts";
 *
 * export const routes = (router: ConnectRouter) => {
 *   router.service(Hash, {
 *     shaStream: reading<typeof ShaStreamRequestSchema, typeof ShaStreamResponseSchema>(async (reader) => {
 *       let count = 0;
 *       while (await reader.ready()) {
 *         while (reader.read() !== undefined) {
 *           count++;
 *         }
 *       }
 *       return { byteCount: BigInt(count) };
 *     }),
 *   });
 * };
 * ```
 *
 * @returns The method as others see it, interceptors and transports within the process.
 */
export function reading<I extends DescMessage, O extends DescMessage>(
  impl: ReadingImpl<MessageShape<I>, MessageInitShape<O>>,
): (requests: AsyncIterable<MessageShape<I>>, context: HandlerContext) => Promise<MessageInitShape<O>> {
  return (requests, context) =>
    requests instanceof RequestStream
      ? impl(requests as unknown as MessageReader<MessageShape<I>>, context)
      : readIterated(impl, requests, context);
}

async function readIterated<I, O>(
  impl: ReadingImpl<I, O>,
  requests: AsyncIterable<I>,
  context: HandlerContext,
): Promise<O> {
  const iterator = requests[Symbol.asyncIterator]();
  try {
    return await impl(new IteratedMessages(iterator), context);
  } finally {
    await iterator.return?.();
  }
}

/** What interceptors hand on: a message is asked for when the one before was read. */
class IteratedMessages<I> implements MessageReader<I> {
  readonly #iterator: AsyncIterator<I>;
  #message: I | undefined = undefined;

  constructor(iterator: AsyncIterator<I>) {
    this.#iterator = iterator;
  }

  read(): I | undefined {
    const message = this.#message;
    this.#message = undefined;
    return message;
  }

  async ready(): Promise<boolean> {
    if (this.#message === undefined) {
      const { done, value } = await this.#iterator.next();
      this.#message = done ? undefined : value;
    }
    return this.#message !== undefined;
  }
}
