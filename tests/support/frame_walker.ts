/**
 * Reads what a server sends, frame by frame, and throws at everything that RFC 9113 does not let a server send.
 * It shares nothing with the engine.
 */

const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const PING = 6;
const GOAWAY = 7;
const WINDOW_UPDATE = 8;
const CONTINUATION = 9;

const END_STREAM = 1;
const ACK = 1;
const END_HEADERS = 4;

/** The flags that may be set, of the frames that a server may send: no padding, no priority, no push. */
const FLAGS: Readonly<Record<number, number>> = {
  [DATA]: END_STREAM,
  [HEADERS]: END_STREAM | END_HEADERS,
  [RST_STREAM]: 0,
  [SETTINGS]: ACK,
  [PING]: ACK,
  [GOAWAY]: 0,
  [WINDOW_UPDATE]: 0,
  [CONTINUATION]: END_HEADERS,
};

/** How far the server's half of a stream is. */
const Progress = { NOTHING: 0, HEAD: 1, ENDED: 2, RESET: 3 } as const;
type Progress = (typeof Progress)[keyof typeof Progress];

const MAX_FRAME_SIZE = 16_384;

/** Reads the output of one server connection. */
export class FrameWalker {
  /** How many frames there were. */
  frames = 0;
  /** Frames by type. */
  readonly counts = new Uint32Array(10);
  #rest: Uint8Array | undefined;
  readonly #streams = new Map<number, Progress>();
  /** The stream of which the field block is not complete; whether it ends the stream. */
  #blockStreamId = 0;
  #blockEndsStream = false;
  #lastStreamId = 0x7fffffff;
  #hasFailed = false;

  /** Takes output, which may end anywhere. */
  push(output: Uint8Array): void {
    let bytes = output;
    if (this.#rest !== undefined) {
      bytes = new Uint8Array(this.#rest.length + output.length);
      bytes.set(this.#rest);
      bytes.set(output, this.#rest.length);
      this.#rest = undefined;
    }
    let offset = 0;
    while (bytes.length - offset >= 9) {
      const length = bytes[offset]! << 16 | bytes[offset + 1]! << 8 | bytes[offset + 2]!;
      if (length > MAX_FRAME_SIZE) this.#fail(`a frame of ${length} octets`);
      if (bytes.length - offset < 9 + length) {
        break;
      }
      this.#frame(bytes, offset, length);
      offset += 9 + length;
    }
    if (offset < bytes.length) {
      this.#rest = bytes.slice(offset);
    }
  }

  /** The output is over: it ends with a whole frame and a whole field block. */
  end(): void {
    if (this.#rest !== undefined) this.#fail("the last frame is not complete");
    if (this.#blockStreamId !== 0) this.#fail("the last field block is not complete");
  }

  #fail(what: string): never {
    throw new Error(`Output, frame ${this.frames}: ${what}`);
  }

  #frame(bytes: Uint8Array, offset: number, length: number): void {
    const type = bytes[offset + 3]!;
    const flags = bytes[offset + 4]!;
    const streamId = uint32(bytes, offset + 5);
    const allowed = FLAGS[type];
    if (allowed === undefined) this.#fail(`type ${type}`);
    if ((flags & ~allowed) !== 0) this.#fail(`flags ${flags} of type ${type}`);
    if (streamId >= 2 ** 31) this.#fail("the reserved bit is set");
    if (this.frames === 0 && (type !== SETTINGS || flags !== 0)) this.#fail("the first frame is not SETTINGS");
    if (this.#hasFailed) this.#fail(`type ${type} after GOAWAY with an error`);
    if (
      !(this.#blockStreamId === 0 ? type !== CONTINUATION : type === CONTINUATION && streamId === this.#blockStreamId)
    ) this.#fail(`type ${type} on stream ${streamId} while the field block of ${this.#blockStreamId} is open`);
    const isOfConnection = type === SETTINGS || type === PING || type === GOAWAY;
    if (
      !(isOfConnection
        ? streamId === 0
        : type === WINDOW_UPDATE
        ? streamId % 2 === 1 || streamId === 0
        : streamId % 2 === 1)
    ) this.#fail(`type ${type} on stream ${streamId}`);
    this.#content(bytes, offset + 9, length, type, flags, streamId);
    this.frames++;
    this.counts[type]!++;
  }

  #content(bytes: Uint8Array, start: number, length: number, type: number, flags: number, streamId: number): void {
    switch (type) {
      case DATA:
        this.#advance(streamId, Progress.HEAD, flags & END_STREAM ? Progress.ENDED : Progress.HEAD, "DATA");
        return;
      case HEADERS:
        if (length === 0) this.#fail("an empty field block");
        this.#blockEndsStream = (flags & END_STREAM) !== 0;
        this.#headers(streamId, flags);
        return;
      case CONTINUATION:
        if (flags & END_HEADERS) {
          this.#blockStreamId = 0;
        }
        return;
      case RST_STREAM:
        if (length !== 4) this.#fail(`RST_STREAM of ${length} octets`);
        if (this.#streams.get(streamId) === Progress.RESET) this.#fail(`a second RST_STREAM on stream ${streamId}`);
        this.#streams.set(streamId, Progress.RESET);
        return;
      case SETTINGS:
        if (length % 6 !== 0 || (length > 0 && flags !== 0)) this.#fail(`SETTINGS of ${length} octets`);
        return;
      case PING:
        if (length !== 8) this.#fail(`PING of ${length} octets`);
        return;
      case GOAWAY:
        this.#goaway(bytes, start, length);
        return;
      case WINDOW_UPDATE: {
        if (length !== 4) this.#fail(`WINDOW_UPDATE of ${length} octets`);
        const increment = uint32(bytes, start);
        if (increment === 0 || increment >= 2 ** 31) this.#fail(`an increment of ${increment}`);
        if (this.#streams.get(streamId) === Progress.RESET) {
          this.#fail(`WINDOW_UPDATE after RST_STREAM on ${streamId}`);
        }
      }
    }
  }

  #headers(streamId: number, flags: number): void {
    const progress = this.#streams.get(streamId) ?? Progress.NOTHING;
    // Without END_STREAM it is a head, or an interim one, which our handlers do not send; with it a head or trailers.
    if (progress !== Progress.NOTHING && (progress !== Progress.HEAD || !this.#blockEndsStream)) {
      this.#fail(`HEADERS on stream ${streamId} at ${progress}`);
    }
    this.#streams.set(streamId, this.#blockEndsStream ? Progress.ENDED : Progress.HEAD);
    if (!(flags & END_HEADERS)) {
      this.#blockStreamId = streamId;
    }
  }

  #advance(streamId: number, from: Progress, to: Progress, what: string): void {
    const progress = this.#streams.get(streamId) ?? Progress.NOTHING;
    if (progress !== from) this.#fail(`${what} on stream ${streamId} at ${progress}`);
    this.#streams.set(streamId, to);
  }

  #goaway(bytes: Uint8Array, start: number, length: number): void {
    if (length < 8) this.#fail(`GOAWAY of ${length} octets`);
    const lastStreamId = uint32(bytes, start);
    if (lastStreamId > this.#lastStreamId) {
      this.#fail(`GOAWAY with ${lastStreamId} after one with ${this.#lastStreamId}`);
    }
    this.#lastStreamId = lastStreamId;
    this.#hasFailed = uint32(bytes, start + 4) !== 0;
  }
}

function uint32(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! << 24 | bytes[offset + 1]! << 16 | bytes[offset + 2]! << 8 | bytes[offset + 3]!) >>> 0;
}
