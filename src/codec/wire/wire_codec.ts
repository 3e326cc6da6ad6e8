/** What the two forms of codecs have in common, and where generated ones are found. */
import type { DescMessage, DescService, Message } from "@bufbuild/protobuf";

/** Reads and writes messages of one type; declines what only protobuf-es knows the meaning of (`wire/decline.ts`). */
export interface WireCodec<T extends Message = Message> {
  /**
   * Reads what begins at `start`.
   *
   * @param depth How deep the message is within others; 1 for the outermost.
   * @param endTag -1: the message takes all of `start..end`. Else it is a group that ends with this tag, and leaves in
   * `wire.position` where that was.
   */
  read(buffer: Uint8Array, start: number, end: number, depth: number, endTag: number): T;
  /** The most octets that the message takes. */
  bound(message: T): number;
  /** Writes a message; gives where it ends. If that is behind the buffer's end, it did not fit. */
  write(message: T, buffer: Uint8Array, start: number): number;
}

const generated = new WeakMap<DescMessage, WireCodec>();

/** Has messages of the schema encoded and decoded by a generated codec. Gives the schema. */
export function withCodec<S extends DescMessage, T extends Message>(schema: S, codec: WireCodec<T>): S {
  generated.set(schema, codec);
  return schema;
}

/** As {@linkcode withCodec}, for the messages of a service's methods. Gives the service. */
export function withCodecs<S extends DescService>(
  service: S,
  codecs: readonly (readonly [schema: DescMessage, codec: WireCodec])[],
): S {
  for (const [schema, codec] of codecs) {
    withCodec(schema, codec);
  }
  return service;
}

/** The generated codec, if there is one. */
export function generatedCodec(schema: DescMessage): WireCodec | undefined {
  return generated.get(schema);
}
