/** The field sections that one connection sends: whether they may be sent, and how they are encoded. This module performs no I/O. */
import type { HeaderField } from "../http/mod.ts";
import type { Role } from "./connection.ts";
import { HpackEncoder } from "./hpack/mod.ts";
import { checkOutgoingHead, checkOutgoingTrailers } from "./message_rules.ts";
import { RecentLists } from "./recent_lists.ts";

/** See the top of the file. */
export class OutgoingFields {
  readonly #role: Role;
  readonly #encoder: HpackEncoder;
  /** Lists that were found fit to be sent, and how many octets they may become. */
  readonly #checkedHeads = new RecentLists<number>();
  readonly #checkedTrailers = new RecentLists<number>();

  /** @param maxTableSize How large HPACK's table may become, in octets, whatever the peer allows. */
  constructor(role: Role, maxTableSize: number) {
    this.#role = role;
    this.#encoder = new HpackEncoder({ maxTableSize });
  }

  /** Takes the peer's SETTINGS_HEADER_TABLE_SIZE, and the lowest that it was on the way. */
  setTableSize(lowestSize: number, size: number): void {
    if (lowestSize < size) {
      this.#encoder.setMaxTableSize(lowestSize);
    }
    this.#encoder.setMaxTableSize(size);
  }

  /** Gives the bound of what HPACK makes of a head. @throws {TypeError} It is not fit to be sent. */
  checkHead(fields: readonly HeaderField[]): number {
    let bound = this.#checkedHeads.get(fields);
    if (bound === undefined) {
      checkOutgoingHead(fields, this.#role);
      bound = this.#encoder.bound(fields);
      this.#checkedHeads.set(fields, bound);
    }
    return bound;
  }

  /** As {@linkcode checkHead}. */
  checkTrailers(fields: readonly HeaderField[]): number {
    let bound = this.#checkedTrailers.get(fields);
    if (bound === undefined) {
      checkOutgoingTrailers(fields);
      bound = this.#encoder.bound(fields);
      this.#checkedTrailers.set(fields, bound);
    }
    return bound;
  }

  /** The bound of a list that was checked before. */
  bound(fields: readonly HeaderField[]): number {
    return this.#encoder.bound(fields);
  }

  /** As {@linkcode HpackEncoder.encode}. */
  encode(fields: readonly HeaderField[], buffer: Uint8Array, offset: number): number {
    return this.#encoder.encode(fields, buffer, offset);
  }
}
