/**
 * Output of a connection as lines, one for each frame: `HEADERS 1 :status=200 end`, `DATA 1 "abc"`, `GOAWAY 5 NO_ERROR`. It parses by
 * itself, and only HPACK and the names of errors are the engine's.
 */
import { errorName } from "../../src/http2/constants.ts";
import { HpackDecoder } from "../../src/http2/hpack/mod.ts";
import { Buffer } from "node:buffer";
import { concat, type ParsedFrame, parseFrames, PREFACE } from "./frame_builder.ts";

/** A frame and the line that tells it. */
export interface TextFrame extends ParsedFrame {
  readonly text: string;
}

/** Reads the whole output of one connection. It throws at what is no frame. */
export class FrameText {
  readonly #decoder = new HpackDecoder({ maxHeaderListSize: 1 << 20, maxFields: 10_000 });
  #expectsPreface: boolean;
  /** The HEADERS that lack END_HEADERS, and the fragments so far. */
  #block: { readonly head: ParsedFrame; readonly parts: Uint8Array[] } | undefined;

  /** @param role Whose output it is. */
  constructor(role: "client" | "server") {
    this.#expectsPreface = role === "client";
  }

  /** Reads what was polled, which ends with a frame. */
  read(output: Uint8Array): TextFrame[] {
    let bytes = output;
    if (this.#expectsPreface) {
      if (!Buffer.from(bytes.subarray(0, PREFACE.length)).equals(PREFACE)) {
        throw new TypeError("There is no preface");
      }
      this.#expectsPreface = false;
      bytes = bytes.subarray(PREFACE.length);
    }
    return parseFrames(bytes).flatMap((frame) => {
      const text = this.#describe(frame);
      return text === undefined ? [] : [{ ...frame, text }];
    });
  }

  #describe(frame: ParsedFrame): string | undefined {
    const { type, flags, streamId, payload } = frame;
    if (this.#block !== undefined) {
      if (type !== 9 || streamId !== this.#block.head.streamId) {
        throw new TypeError(`Frame of type ${type} in the field block of stream ${this.#block.head.streamId}`);
      }
      this.#block.parts.push(payload);
      return (flags & 4) === 0 ? undefined : this.#endBlock();
    }
    const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
    switch (type) {
      case 0: {
        const content = payload.length <= 32
          ? JSON.stringify(Buffer.from(payload).toString("latin1"))
          : `of ${payload.length}`;
        return `DATA ${streamId} ${content}${flags & 1 ? " end" : ""}`;
      }
      case 1:
        this.#block = { head: frame, parts: [payload] };
        return (flags & 4) === 0 ? undefined : this.#endBlock();
      case 3:
        return `RST_STREAM ${streamId} ${errorName(view.getUint32(0))}`;
      case 4: {
        const entries = Array.from(
          { length: payload.length / 6 },
          (_, index) => ` ${view.getUint16(6 * index)}=${view.getUint32(6 * index + 2)}`,
        );
        return `SETTINGS${flags & 1 ? " ack" : ""}${entries.join("")}`;
      }
      case 6:
        return `PING ${Buffer.from(payload).toString("hex")}${flags & 1 ? " ack" : ""}`;
      case 7:
        return `GOAWAY ${view.getUint32(0)} ${errorName(view.getUint32(4))}`;
      case 8:
        return `WINDOW_UPDATE ${streamId} ${view.getUint32(0)}`;
      default:
        throw new TypeError(`Frame of type ${type} on stream ${streamId}`);
    }
  }

  #endBlock(): string {
    const { head, parts } = this.#block!;
    this.#block = undefined;
    const block = concat(...parts);
    const fields = this.#decoder.decode(block, 0, block.length).map(({ name, value }) => ` ${name}=${value}`);
    return `HEADERS ${head.streamId}${fields.join("")}${head.flags & 1 ? " end" : ""}`;
  }
}
