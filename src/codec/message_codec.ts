/** The codec of a message type, as the RPC room uses it. */
import { type DescMessage, fromBinary, type Message, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { DEFAULT_MAX_DECODED_BYTES, MessageLimitError } from "./wire/budget.ts";
import { beginInput, copyOctets, endInput } from "./wire/input.ts";
import { checkWireCost } from "./wire_cost.ts";
import { generatedCodec, type WireCodec } from "./wire/wire_codec.ts";

/**
 * Encodes and decodes messages of one type: the same messages, octets and errors as protobuf-es' `fromBinary` and `toBinary`. What
 * the compiled codec declines, those two do.
 */
export interface MessageCodec<T> {
  /**
   * The message in `start..end`. Nothing of it refers to the buffer, which may be used again.
   *
   * @param isOwned Whether long fields may refer to the buffer all the same, as nobody else uses it any more. @default false
   * @param maxDecodedBytes What it may take in memory, at most. @default 16 MiB
   * @throws {Error} It is cut short, malformed, or messages are more than 100 deep within each other.
   * @throws {MessageLimitError} It would take more memory.
   */
  decode(buffer: Uint8Array, start: number, end: number, isOwned?: boolean, maxDecodedBytes?: number): T;
  /** @throws {Error} A value is not of its field's type, or a required field is not set. */
  encode(message: T): Uint8Array;
  /**
   * As encode, into a buffer that the next one may overwrite, if that is large enough: an array of its own costs 0.2 us on Deno.
   *
   * @throws {Error} as encode
   */
  encodeShared(message: T): Uint8Array;
  /**
   * Encodes from `start` on. What is behind that in the buffer is free to be overwritten: a view that ends at the limit would cost 3 % of a call.
   *
   * @returns Where the message ends, or -1 if that would be behind `limit`.
   * @throws {Error} as encode
   */
  encodeInto(message: T, buffer: Uint8Array, start: number, limit: number): number;
}

const codecs = new WeakMap<DescMessage, MessageCodec<Message>>();

/** Compiles what no generated source is for; undefined when nobody does. */
let compiler: ((schema: DescMessage) => WireCodec) | undefined;

/**
 * Has types compiled, from now on, that come without generated source. It is not there by itself, as bundles for edges and browsers are better off
 * without it.
 */
export function setCompiler(compile: (schema: DescMessage) => WireCodec): void {
  compiler = compile;
}

/** The codec of a message type: generated source if the stubs were imported with it, else what is compiled now; undefined where nobody compiles. */
export function compile<Desc extends DescMessage>(schema: Desc): MessageCodec<MessageShape<Desc>> | undefined {
  let codec = codecs.get(schema);
  if (codec === undefined) {
    const wire = generatedCodec(schema) ?? compiler?.(schema);
    if (wire === undefined) {
      return undefined;
    }
    codec = createMessageCodec(schema, wire);
    codecs.set(schema, codec);
  }
  return codec as MessageCodec<MessageShape<Desc>>;
}

/** What most messages are encoded into first, to be copied: how long they get is seen then. */
const SCRATCH_SIZE = 65536;

/** Undefined until it is needed, and while it is in use: a getter of a message might encode another. */
let scratch: Uint8Array | undefined;

function takeScratch(): Uint8Array {
  const taken = scratch ?? new Uint8Array(SCRATCH_SIZE);
  scratch = undefined;
  return taken;
}

/**
 * Above it a message is encoded into a third of its bound first: of ASCII that is enough, and 12 MiB of memory that was not used take 7 ms to be there.
 */
const LARGE_BOUND = 2 ** 21;

/** A bound is at most so many times what there is: a varint may take 11 bytes with its tag, and take 2. */
const MAX_BOUND_FACTOR = 8;

/** Above it nothing can be encoded. Of values that are not of their types the bound may be NaN. */
const MAX_BOUND = 2 ** 31 - 1;

/** A codec that has protobuf-es do what a compiled one declines. */
export function createMessageCodec(schema: DescMessage, wire: WireCodec): MessageCodec<Message> {
  /** Where it ends in the scratch buffer; -1 if it was declined, or does not fit. */
  const encodeSmall = (message: Message): number => {
    const buffer = takeScratch();
    try {
      const end = wire.write(message, buffer, 0);
      return end <= buffer.length ? end : -1;
    } catch {
      return -1;
    } finally {
      scratch = buffer;
    }
  };
  const encodeIn = (message: Message, size: number): Uint8Array | undefined => {
    const buffer = new Uint8Array(size);
    let end = 0;
    try {
      end = wire.write(message, buffer, 0);
    } catch {
      return undefined; // Declined, or something that is written at once does not fit.
    }
    return end > size ? undefined : end > size * 0.75 ? buffer.subarray(0, end) : buffer.slice(0, end);
  };
  const encodeLarge = (message: Message): Uint8Array | undefined => {
    try {
      const bound = wire.bound(message);
      if (bound > SCRATCH_SIZE && bound <= MAX_BOUND) {
        return (bound > LARGE_BOUND ? encodeIn(message, Math.ceil(bound / 3)) : undefined) ?? encodeIn(message, bound);
      }
    } catch {
      // Declined, or a value is not of its field's type.
    }
    return undefined;
  };
  /** Whether it cannot have as few octets, as far as that is known without encoding it. */
  const isTooLarge = (message: Message, room: number): boolean => {
    try {
      return wire.bound(message) > MAX_BOUND_FACTOR * room;
    } catch {
      return false; // Encoding says what is wrong.
    }
  };
  const encode = (message: Message): Uint8Array => {
    const end = encodeSmall(message);
    return end < 0 ? encodeLarge(message) ?? toBinary(schema, message) : copyOctets(scratch!, 0, end);
  };
  const encodeShared = (message: Message): Uint8Array => {
    const end = encodeSmall(message);
    return end < 0 ? encodeLarge(message) ?? toBinary(schema, message) : scratch!.subarray(0, end);
  };
  return {
    decode: (buffer, start, end, isOwned = false, maxDecodedBytes = DEFAULT_MAX_DECODED_BYTES) => {
      beginInput(start, end, isOwned, maxDecodedBytes);
      try {
        return wire.read(buffer, start, end, 1, -1);
      } catch (error) {
        if (error instanceof MessageLimitError) {
          throw error;
        }
        checkWireCost(schema, buffer, start, end, maxDecodedBytes);
        return fromBinary(schema, copyOctets(buffer, start, end));
      } finally {
        endInput();
      }
    },
    encode,
    encodeShared,
    encodeInto: (message, buffer, start, limit) => {
      try {
        const end = wire.write(message, buffer, start);
        return end <= limit ? end : -1;
      } catch {
        // Declined, or a value is not of its field's type, or something that is written at once does not fit.
      }
      if (isTooLarge(message, limit - start)) {
        return -1;
      }
      const encoded = encode(message);
      if (encoded.length > limit - start) {
        return -1;
      }
      buffer.set(encoded, start);
      return start + encoded.length;
    },
  };
}
