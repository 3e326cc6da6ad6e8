/** The field sections that one connection receives: how they are decoded, and what requests and responses they are. This module performs no I/O. */
import type { HeaderField, RequestHead, ResponseHead } from "../http/mod.ts";
import { HpackDecoder } from "./hpack/mod.ts";
import type { Http2Limits } from "./limits.ts";
import { checkRequestHead, checkResponseHead } from "./message_rules.ts";
import { RecentLists } from "./recent_lists.ts";

/** See the top of the file. */
export class IncomingFields {
  readonly #decoder: HpackDecoder;
  readonly #requestHeads = new RecentLists<RequestHead>();
  readonly #responseHeads = new RecentLists<ResponseHead>();

  constructor(limits: Http2Limits) {
    this.#decoder = new HpackDecoder({
      maxHeaderListSize: limits.maxHeaderListSize,
      maxFields: limits.maxHeaderFields,
    });
  }

  /** Says that the peer knows the size of its HPACK table now, in octets. */
  setTableSize(size: number): void {
    this.#decoder.setMaxTableSize(size);
  }

  /** As {@linkcode HpackDecoder.decode}. */
  decode(buffer: Uint8Array, start: number, end: number): readonly HeaderField[] {
    return this.#decoder.decode(buffer, start, end);
  }

  /** The head of a request, or what is wrong with it. */
  requestHead(fields: readonly HeaderField[]): RequestHead | string {
    return this.#requestHeads.get(fields) ?? remember(this.#requestHeads, fields, checkRequestHead(fields));
  }

  /** As {@linkcode requestHead}, of a response: to check it each time would be 9 % of a client's call. */
  responseHead(fields: readonly HeaderField[]): ResponseHead | string {
    return this.#responseHeads.get(fields) ?? remember(this.#responseHeads, fields, checkResponseHead(fields));
  }
}

function remember<T>(heads: RecentLists<T>, fields: readonly HeaderField[], head: T | string): T | string {
  if (typeof head !== "string") {
    heads.set(fields, head);
  }
  return head;
}
