/** One call as connectconformance asks for it: its messages and their timing, its cancellation, and what is to be said of the response. */
import { setTimeout as delay } from "node:timers/promises";
import { create, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { type CallOptions, type Client, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import {
  type ClientCompatRequest,
  type ClientResponseResult,
  ClientResponseResultSchema,
  ConformanceService,
  type Payload,
  PayloadSchema,
  StreamType,
} from "./messages.ts";
import { addFields, fieldsOf, rpcErrorOf } from "./metadata.ts";

/** Makes the call. That it fails is a result. @throws {Error} It cannot be made, or fails with what is no `ConnectError`. */
export async function makeCall(transport: Transport, request: ClientCompatRequest): Promise<ClientResponseResult> {
  const call = new Call(transport, request);
  try {
    await call.run();
  } catch (error) {
    if (!(error instanceof ConnectError)) {
      throw error;
    }
    call.addError(error);
  }
  return call.result;
}

class Call {
  readonly result = create(ClientResponseResultSchema);
  readonly #client: Client<typeof ConformanceService>;
  readonly #request: ClientCompatRequest;
  readonly #cancellation = new AbortController();
  /** Resolved with the next response, or with the end of all. */
  #nextResponse = Promise.withResolvers<void>();

  constructor(transport: Transport, request: ClientCompatRequest) {
    this.#client = createClient(ConformanceService, transport);
    this.#request = request;
  }

  async run(): Promise<void> {
    const { unary, idempotentUnary, unimplemented, clientStream, serverStream, bidiStream } = ConformanceService.method;
    switch (this.#request.method) {
      case unary.name:
        return this.#receive(await this.#client.unary(await this.#single(unary.input), this.#options()));
      case idempotentUnary.name: {
        const request = await this.#single(idempotentUnary.input);
        return this.#receive(await this.#client.idempotentUnary(request, this.#options()));
      }
      case unimplemented.name:
        await this.#client.unimplemented(await this.#single(unimplemented.input), this.#options());
        return this.#receive({});
      case clientStream.name: {
        const requests = this.#unpack(clientStream.input);
        return this.#receive(await this.#client.clientStream(this.#send(requests), this.#options()));
      }
      case serverStream.name: {
        const request = await this.#single(serverStream.input);
        return await this.#receiveAll(this.#client.serverStream(request, this.#options()));
      }
      case bidiStream.name: {
        const requests = this.#unpack(bidiStream.input);
        return await this.#receiveAll(this.#client.bidiStream(this.#send(requests), this.#options()));
      }
      default:
        throw new Error(`Cannot call ${this.#request.method}: the service has no such method`);
    }
  }

  /** Says of the call that it failed. */
  addError(error: ConnectError): void {
    this.result.error = rpcErrorOf(error);
    // It does not tell headers from trailers.
    this.result.responseTrailers = fieldsOf(error.metadata);
    if (this.result.responseHeaders.length === 0) {
      this.result.responseHeaders = this.result.responseTrailers;
    }
  }

  #options(): CallOptions {
    const { requestHeaders, timeoutMs, cancel } = this.#request;
    const headers = new Headers();
    addFields(headers, requestHeaders);
    return {
      headers,
      ...timeoutMs === undefined ? {} : { timeoutMs },
      ...cancel === undefined ? {} : { signal: this.#cancellation.signal },
      onHeader: (fields) => this.result.responseHeaders = fieldsOf(fields),
      onTrailer: (fields) => this.result.responseTrailers = fieldsOf(fields),
    };
  }

  #unpack<Desc extends DescMessage>(schema: Desc): MessageShape<Desc>[] {
    return this.#request.requestMessages.map((any) => {
      const message = anyUnpack(any, schema);
      if (message === undefined) {
        throw new Error(`Cannot send ${any.typeUrl}: the method wants ${schema.typeName}`);
      }
      return message;
    });
  }

  /** The request of a call that has one, when it is to be sent. */
  async #single<Desc extends DescMessage>(schema: Desc): Promise<MessageShape<Desc>> {
    const requests = this.#unpack(schema);
    if (requests.length !== 1) {
      throw new Error(`Cannot send ${requests.length} requests: the method wants one`);
    }
    await delay(this.#request.requestDelayMs);
    this.#cancelAfterSend();
    return requests[0]!;
  }

  /** The requests of a call that has many, when they are to be sent: in full duplex each but the first after a response. */
  async *#send<Request>(requests: readonly Request[]): AsyncGenerator<Request> {
    for (const request of requests) {
      await delay(this.#request.requestDelayMs);
      const { promise: nextResponse } = this.#nextResponse;
      yield request;
      if (this.#request.streamType === StreamType.FULL_DUPLEX_BIDI) {
        await nextResponse;
      }
    }
    this.#cancelAfterSend();
  }

  #cancelAfterSend(): void {
    const { case: timing, value } = this.#request.cancel?.cancelTiming ?? {};
    if (timing === "beforeCloseSend") {
      this.#cancellation.abort();
    } else if (timing === "afterCloseSendMs") {
      setTimeout(() => this.#cancellation.abort(), value);
    }
  }

  async #receiveAll(responses: AsyncIterable<{ payload?: Payload }>): Promise<void> {
    try {
      for await (const response of responses) {
        this.#receive(response);
      }
    } finally {
      this.#nextResponse.resolve();
    }
  }

  #receive(response: { payload?: Payload }): void {
    const { payloads } = this.result;
    payloads.push(response.payload ?? create(PayloadSchema));
    this.#nextResponse.resolve();
    this.#nextResponse = Promise.withResolvers();
    const { case: timing, value } = this.#request.cancel?.cancelTiming ?? {};
    if (timing === "afterNumResponses" && payloads.length === value) {
      this.#cancellation.abort();
    }
  }
}
