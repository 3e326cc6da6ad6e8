/** The field sections that one connection receives: how they are decoded, and what requests they are. This module performs no I/O. */
import type { HeaderField, RequestHead } from "../http/mod.ts";
import { HpackDecoder } from "./hpack/mod.ts";
import type { Http2Limits } from "./limits.ts";
import { checkRequestHead } from "./message_rules.ts";
import { RecentLists } from "./recent_lists.ts";

/** See the top of the file. */
export class IncomingFields {
  readonly #decoder: HpackDecoder;
  readonly #requestHeads = new RecentLists<RequestHead>();

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
    let head = this.#requestHeads.get(fields);
    if (head === undefined) {
      const result = checkRequestHead(fields);
      if (typeof result === "string") {
        return result;
      }
      head = result;
      this.#requestHeads.set(fields, head);
    }
    return head;
  }
}
