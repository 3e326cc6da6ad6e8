/** The message that is read now, and what it keeps of the buffer that it is read from. */
import { beginBudget } from "./budget.ts";

let inputStart = 0;
let inputEnd = 0;
/** Whether the message may keep the buffer. */
let isOwned = false;
/** A copy of the input, shared by values of it that have to outlive the buffer. */
let copy: Uint8Array | undefined;

/**
 * Begins to read a message.
 *
 * @param owned Whether it may keep the buffer.
 * @param maxDecodedBytes What it may take in memory, at most.
 */
export function beginInput(start: number, end: number, owned: boolean, maxDecodedBytes: number): void {
  beginBudget(end - start, maxDecodedBytes);
  inputStart = start;
  inputEnd = end;
  isOwned = owned;
}

/** Ends it, read or not: the copy is the message's alone. */
export function endInput(): void {
  copy = undefined;
}

/**
 * Octets of the input that are the message's own. They share one copy of all of it, as with protobuf-es: an array costs 200 ns, a view
 * 20. What is most of the input does not.
 */
export function own(buffer: Uint8Array, start: number, end: number): Uint8Array {
  if (copy === undefined) {
    if ((end - start) * 2 > inputEnd - inputStart) {
      // A view of a buffer that has much beside it would hold all of that.
      return isOwned && (end - start) * 2 > buffer.buffer.byteLength
        ? buffer.subarray(start, end)
        : copyOctets(buffer, start, end);
    }
    copy = copyOctets(buffer, inputStart, inputEnd);
  }
  return copy.subarray(start - inputStart, end - inputStart);
}

/** Not the method of the buffer: that of Node's does not copy. */
const slice = Uint8Array.prototype.slice;

/** A copy of `start..end`. */
export function copyOctets(buffer: Uint8Array, start: number, end: number): Uint8Array {
  if (end - start > 64) {
    return slice.call(buffer, start, end);
  }
  const copied = new Uint8Array(end - start);
  for (let i = 0; i < copied.length; i++) {
    copied[i] = buffer[start + i]!;
  }
  return copied;
}
