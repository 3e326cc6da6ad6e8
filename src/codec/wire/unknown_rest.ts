/**
 * Unknown fields of which there are too many to be an object each: they are one, whose data goes on with the tags and values of those after it. It is
 * written as it was read, so that a proxy hands on what it does not know; and it is as large as its bytes.
 */
import type { UnknownField } from "@bufbuild/protobuf";
import { REST_FIELD_COST, spend, UNKNOWN_REST_COST } from "./budget.ts";
import { writeVarint32 } from "./writer.ts";

/** While a message is read: the data has room behind it. */
class UnknownRest implements UnknownField {
  readonly no: number;
  readonly wireType: number;
  data: Uint8Array = new Uint8Array(64);
  length = 0;

  constructor(tag: number) {
    this.no = tag >>> 3;
    this.wireType = tag & 7;
  }

  /** @param tag 0 for none. */
  append(tag: number, buffer: Uint8Array, start: number, end: number): void {
    let at = this.length;
    const length = end - start;
    if (at + 5 + length > this.data.length) {
      const grown = new Uint8Array(Math.max(at + 5 + length, this.data.length * 2));
      grown.set(this.data);
      this.data = grown;
    }
    const { data } = this;
    if (tag > 0) {
      at = writeVarint32(tag, data, at);
    }
    if (length > 64) {
      data.set(buffer.subarray(start, end), at);
    } else {
      for (let i = 0; i < length; i++) {
        data[at + i] = buffer[start + i]!;
      }
    }
    this.length = at + length;
  }
}

/** Adds a field, whose value is `start..end`, to the rest at the end of the list. Gives the list. */
export function keepInRest(
  fields: UnknownField[] | undefined,
  tag: number,
  buffer: Uint8Array,
  start: number,
  end: number,
): UnknownField[] {
  const list = fields ?? [];
  spend(REST_FIELD_COST);
  const last = list[list.length - 1];
  if (last instanceof UnknownRest) {
    last.append(tag, buffer, start, end);
  } else {
    spend(UNKNOWN_REST_COST);
    const rest = new UnknownRest(tag);
    rest.append(0, buffer, start, end);
    list.push(rest);
  }
  return list;
}

/** Gives the unknown fields of a message that was read to its end. */
export function endUnknown(fields: UnknownField[]): UnknownField[] {
  const last = fields[fields.length - 1];
  if (last instanceof UnknownRest) {
    const { no, wireType, data, length } = last;
    fields[fields.length - 1] = { no, wireType, data: data.slice(0, length) };
  }
  return fields;
}
