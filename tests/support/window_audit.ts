/**
 * Counts the windows of both sides of a connection, by the frames that pass between them, and fails when anybody sends more DATA than
 * the other side has granted or than fits into a frame. It knows no more than RFC 9113 §6.9.
 */
import assert from "node:assert/strict";
import type { TextFrame } from "./frame_text.ts";

export type Side = "client" | "server";

/** What one side may send. */
class Grants {
  initialWindowSize = 65_535;
  maxFrameSize = 16_384;
  connection = 65_535;
  readonly streams = new Map<number, number>();

  stream(id: number): number {
    return this.streams.get(id) ?? this.initialWindowSize;
  }
}

/** See the top of the file. */
export class WindowAudit {
  readonly #grants = { client: new Grants(), server: new Grants() };
  /** Settings of each side that are not acknowledged. */
  readonly #pending = { client: [] as Map<number, number>[], server: [] as Map<number, number>[] };

  /** Octets that a side may still send on the connection. */
  connectionWindow(side: Side): number {
    return this.#grants[side].connection;
  }

  /** Notes a frame that a side sends; `isDelivered` when it reaches the other one, which is when a window becomes larger. */
  sent(side: Side, frame: TextFrame): void {
    const own = this.#grants[side];
    assert.ok(frame.payload.length <= own.maxFrameSize, `Frame of ${frame.payload.length} octets`);
    if (frame.type === 0) {
      const { length } = frame.payload;
      own.connection -= length;
      own.streams.set(frame.streamId, own.stream(frame.streamId) - length);
      assert.ok(own.connection >= 0, `${side} sends more than the connection's window`);
      assert.ok(
        length === 0 || own.stream(frame.streamId) >= 0,
        `${side} sends more than the window of ${frame.streamId}`,
      );
    } else if (frame.type === 4 && (frame.flags & 1) === 1) {
      this.#apply(side);
    }
  }

  /** Notes a frame that a side receives. */
  received(side: Side, frame: TextFrame): void {
    const own = this.#grants[side];
    const view = new DataView(frame.payload.buffer, frame.payload.byteOffset, frame.payload.length);
    if (frame.type === 8) {
      const increment = view.getUint32(0);
      if (frame.streamId === 0) {
        own.connection += increment;
      } else {
        own.streams.set(frame.streamId, own.stream(frame.streamId) + increment);
      }
    } else if (frame.type === 4 && (frame.flags & 1) === 0) {
      const entries = Array.from(
        { length: frame.payload.length / 6 },
        (_, index) => [view.getUint16(6 * index), view.getUint32(6 * index + 2)] as const,
      );
      this.#pending[side].push(new Map(entries));
    }
  }

  /** A side has acknowledged settings: from that frame on they hold. */
  #apply(side: Side): void {
    const own = this.#grants[side];
    const settings = this.#pending[side].shift();
    assert.ok(settings, `${side} acknowledges SETTINGS that it got`);
    own.maxFrameSize = settings.get(5) ?? own.maxFrameSize;
    const size = settings.get(4);
    if (size !== undefined) {
      for (const [id, window] of own.streams) {
        own.streams.set(id, window + size - own.initialWindowSize);
      }
      own.initialWindowSize = size;
    }
  }
}
