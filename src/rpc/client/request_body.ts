/** The message of a request that has one, on its way. What several have is in `request_stream.ts`. */
import type { Message } from "@bufbuild/protobuf";
import { base64Encode } from "@bufbuild/protobuf/wire";
import type { HttpCall } from "../../http/mod.ts";
import type { CallPlan } from "./call_plan.ts";

/** What a request sends. */
export interface RequestBody {
  /** The name of the compression of the content, if it is in no envelopes; undefined for none. Known when it is prepared. */
  readonly encoding: string | undefined;
  /** The query that it is sent as, by GET; undefined when it is sent as content. Known when it is prepared. */
  readonly query: string | undefined;
  /** Whether it can be sent again from its beginning. */
  readonly isReplayable: boolean;
  /**
   * Makes ready what the head has to say about it, for each attempt anew.
   *
   * @returns Undefined when it is ready.
   * @throws {Error} It cannot be encoded.
   */
  prepare(): Promise<void> | undefined;
  /** Says that it will be some time from `prepare` to `begin`. */
  keep(): void;
  /** Begins to send it as content. */
  begin(call: HttpCall): void;
  /** There is room again. */
  resume(): void;
  /** Nothing more of it is wanted. */
  stop(): void;
}

/** The longest path of a GET, query included: so much every server takes. Calls with a longer one are made by POST. */
const MAX_GET_PATH = 8000;

const TEXT_DECODER = new TextDecoder();

/**
 * One message, sent whole. It is encoded anew for each attempt: nothing has to be kept of calls that succeed at once, but the message must not be
 * changed before its call is over.
 */
export class WholeBody implements RequestBody {
  readonly isReplayable = true;
  encoding: string | undefined = undefined;
  query: string | undefined = undefined;
  readonly #plan: CallPlan;
  readonly #message: Message;
  /** What is to be sent; undefined when it still is where the encoder has put it, up to {@linkcode #end}. */
  #octets: Uint8Array | undefined = undefined;
  #end = 0;

  constructor(plan: CallPlan, message: Message) {
    this.#plan = plan;
    this.#message = message;
  }

  prepare(): Promise<void> | undefined {
    const { encoder, isGet, format } = this.#plan;
    this.#octets = undefined;
    this.#end = encoder.encode(this.#message);
    const compressing = encoder.compress(this.#end);
    if (compressing !== undefined) {
      return compressing.then((octets) => {
        this.#octets = octets;
        this.encoding = format.isEnveloped ? undefined : this.#plan.compressionName;
        this.query = isGet ? this.#toQuery(octets) : undefined;
      });
    }
    this.query = isGet ? this.#toQuery(encoder.buffer.subarray(0, this.#end)) : undefined;
    return undefined;
  }

  keep(): void {
    this.#octets ??= this.#plan.encoder.buffer.slice(0, this.#end);
  }

  begin(call: HttpCall): void {
    if (this.#octets === undefined) {
      call.end(this.#plan.encoder.buffer, 0, this.#end);
    } else {
      call.end(this.#octets);
    }
  }

  resume(): void {}

  stop(): void {}

  /** In the order that Connect demands, so that caches see equal calls as such (https://connectrpc.com/docs/protocol#unary-get-request). */
  #toQuery(octets: Uint8Array): string | undefined {
    const { codecName } = this.#plan.readerOptions;
    const isText = codecName === "json" && this.encoding === undefined;
    const query = [
      "connect=v1",
      ...isText ? [] : ["base64=1"],
      ...this.encoding === undefined ? [] : [`compression=${this.encoding}`],
      `encoding=${codecName}`,
      `message=${isText ? encodeURIComponent(TEXT_DECODER.decode(octets)) : base64Encode(octets, "url")}`,
    ].join("&");
    return query.length <= MAX_GET_PATH ? query : undefined;
  }
}
