/** Makes bad streams of good ones: frames and octets of recordings that are changed at random. */
import { concat, type ParsedFrame, parseFrames, PREFACE } from "./frame_builder.ts";
import type { Random } from "./random.ts";

/** What a client sent after its preface, in frames. */
export type Recording = readonly ParsedFrame[];

/** Numbers at which something changes, as four octets. */
const NUMBERS = [0, 1, 2, 8, 255, 16_383, 16_384, 16_385, 65_535, 65_536, 0xffffff, 0x7fffffff, 0x80000000, 0xffffffff];

/** Content of large DATA frames that is kept, so that streams are short: what it says is of no interest. Small ones stay whole. */
const KEPT_CONTENT = 64;
const SMALL_CONTENT = 2048;

/** DATA and WINDOW_UPDATE frames in a row that are kept. */
const KEPT_IN_A_ROW = 4;

/** Octets of a stream. A frame of 12 KiB that is repeated 150 times would make one of two megabytes. */
const MAX_LENGTH = 65_536;

/** The frames and octets in which most clients say hello. */
const FIRST_FRAMES = 2;
const FIRST_OCTETS = PREFACE.length + 40;

const NOTHING = new Uint8Array(0);

/**
 * Takes what a client sent apart, leaving out what is not whole at the end. Of large bodies little stays, though their ends do.
 *
 * @param maxFrames How many frames there may be.
 * @throws {Error} It does not begin with the preface.
 */
export function toRecording(bytes: Uint8Array, maxFrames: number): Recording {
  if (!PREFACE.every((octet, position) => bytes[position] === octet)) {
    throw new Error("The recording does not begin with the preface");
  }
  let end: number = PREFACE.length;
  while (end + 9 <= bytes.length) {
    const next = end + 9 + (bytes[end]! << 16 | bytes[end + 1]! << 8 | bytes[end + 2]!);
    if (next > bytes.length) {
      break;
    }
    end = next;
  }
  const frames: ParsedFrame[] = [];
  let inARow = 0;
  for (const each of parseFrames(bytes.subarray(PREFACE.length, end))) {
    const isData = each.type === 0;
    inARow = isData || each.type === 8 ? inARow + 1 : 0;
    if (inARow > KEPT_IN_A_ROW && (each.flags & 1) === 0) {
      continue;
    }
    const isLarge = isData && each.payload.length > SMALL_CONTENT && (each.flags & 8) === 0;
    frames.push(isLarge ? { ...each, payload: each.payload.slice(0, KEPT_CONTENT) } : each);
    if (frames.length === maxFrames) {
      break;
    }
  }
  return frames;
}

type Mutable = { -readonly [Name in keyof ParsedFrame]: ParsedFrame[Name] };

/** Changes streams. */
export class StreamMutator {
  /** Some more often than others: those with many requests get deeper, and take longer. */
  readonly #recordings: readonly Recording[];

  constructor(recordings: readonly Recording[]) {
    this.#recordings = recordings.flatMap((each) => {
      const requests = each.filter(({ type }) => type === 1).length;
      return Array.from({ length: 1 + Math.floor(Math.log2(1 + requests)) }, () => each);
    });
  }

  /**
   * One stream: a recording, up to somewhere, with up to five changes. One of twenty has none. Most changes are behind the first frames: a
   * connection that ends there is soon understood.
   */
  next(random: Random): Uint8Array<ArrayBuffer> {
    const recording = random.pick(this.#recordings);
    const length = random.below(2) === 0 ? recording.length : 1 + random.below(recording.length);
    const frames: Mutable[] = recording.slice(0, length).map((each) => ({ ...each }));
    const changes = random.below(20) === 0 ? 0 : 1 + random.below(random.below(5) + 1);
    let ofOctets = 0;
    for (let change = 0; change < changes; change++) {
      if (random.below(5) === 0) {
        ofOctets++;
      } else {
        this.#changeFrames(frames, random);
      }
    }
    let bytes = serialize(frames, random.below(100) === 0 ? NOTHING : PREFACE);
    for (; ofOctets > 0; ofOctets--) {
      bytes = changeOctets(bytes, random);
    }
    return bytes.length > MAX_LENGTH ? bytes.slice(0, MAX_LENGTH) : bytes;
  }

  #changeFrames(frames: Mutable[], random: Random): void {
    const index = somewhere(frames.length, random);
    const each = frames[index];
    if (each === undefined) {
      return;
    }
    switch (random.below(14)) {
      case 0: // Again.
        frames.splice(somewhere(frames.length, random), 0, { ...each });
        return;
      case 1: // Again and again.
        frames.splice(index, 0, ...Array.from({ length: random.below(150) }, () => ({ ...each })));
        return;
      case 2:
        frames.splice(index, 1);
        return;
      case 3: { // In another order.
        const other = somewhere(frames.length, random);
        [frames[index], frames[other]] = [frames[other]!, each];
        return;
      }
      case 4: // One that another client sent.
        frames.splice(index, 0, { ...random.pick(random.pick(this.#recordings)) });
        return;
      case 5:
        frames.splice(index, 0, randomFrame(random, each.streamId));
        return;
      case 6:
        each.flags ^= 1 << random.below(8);
        return;
      case 7:
        each.streamId = random.pick([
          0,
          1,
          2,
          each.streamId + 2,
          Math.max(0, each.streamId - 2),
          0x7fffffff,
          0x80000001,
        ]);
        return;
      case 8:
        each.type = random.below(11);
        return;
      case 9:
        each.payload = each.payload.subarray(0, random.below(each.payload.length + 1));
        return;
      case 10:
        each.payload = concat(each.payload, random.bytes(random.below(40)));
        return;
      case 11:
        each.payload = withNumber(each.payload, random);
        return;
      case 12: // The field block, or whatever it is, in pieces.
        frames.splice(index, 1, ...inPieces(each, random));
        return;
      case 13: // As if it were another stream's.
        for (const later of frames.slice(index)) {
          if (later.streamId !== 0) {
            later.streamId += 2;
          }
        }
    }
  }
}

/** Where to change something: behind the first frames, but for one of ten. */
function somewhere(length: number, random: Random): number {
  return length <= FIRST_FRAMES || random.below(10) === 0
    ? random.below(length)
    : FIRST_FRAMES + random.below(length - FIRST_FRAMES);
}

/** As `frame` does, all at once: half of the time went into frames one by one. */
function serialize(frames: readonly ParsedFrame[], before: Uint8Array): Uint8Array<ArrayBuffer> {
  let length = before.length;
  for (const { payload } of frames) {
    length += 9 + payload.length;
  }
  const bytes = new Uint8Array(length);
  bytes.set(before);
  let offset = before.length;
  for (const { type, flags, streamId, payload } of frames) {
    bytes[offset] = payload.length >> 16;
    bytes[offset + 1] = payload.length >> 8;
    bytes[offset + 2] = payload.length;
    bytes[offset + 3] = type;
    bytes[offset + 4] = flags;
    bytes[offset + 5] = streamId >>> 24;
    bytes[offset + 6] = streamId >>> 16;
    bytes[offset + 7] = streamId >>> 8;
    bytes[offset + 8] = streamId;
    bytes.set(payload, offset + 9);
    offset += 9 + payload.length;
  }
  return bytes;
}

function uint32(value: number): Uint8Array {
  return new Uint8Array([value >>> 24, value >>> 16, value >>> 8, value]);
}

/** A frame as it could be, with values that may not be. */
function randomFrame(random: Random, streamId: number): Mutable {
  const type = random.below(11);
  const number = () => uint32(random.pick(NUMBERS));
  const payload = [
    () => random.bytes(random.below(60)),
    () => random.bytes(random.below(60)),
    () => random.bytes(5),
    number,
    () => concat(new Uint8Array([0, 1 + random.below(10)]), number()),
    () => random.bytes(10),
    () => random.bytes(8),
    () => concat(number(), number(), random.bytes(random.below(10))),
    number,
    () => random.bytes(random.below(60)),
    () => random.bytes(random.below(60)),
  ][type]!();
  const ofConnection = type === 4 || type === 6 || type === 7;
  return {
    type,
    flags: random.below(3) === 0 ? random.below(256) : random.pick([0, 1, 4, 5]),
    streamId: ofConnection && random.below(8) > 0 ? 0 : random.pick([streamId, streamId + 2, random.below(20)]),
    payload,
  };
}

/** Overwrites some octets by a number that means something. */
function withNumber(payload: Uint8Array, random: Random): Uint8Array {
  const changed = payload.slice();
  if (changed.length >= 4) {
    changed.set(uint32(random.pick(NUMBERS)), random.below(changed.length - 3));
  }
  return changed;
}

function inPieces({ type, flags, streamId, payload }: Mutable, random: Random): Mutable[] {
  const pieces: Mutable[] = [];
  const count = 1 + random.below(12);
  for (let piece = 0, start = 0; piece < count; piece++) {
    const end = piece === count - 1 ? payload.length : start + random.below(payload.length - start + 1);
    const isLast = piece === count - 1;
    pieces.push({
      type: piece === 0 || type !== 1 ? type : 9,
      flags: isLast ? (piece === 0 ? flags : flags & ~1) : flags & ~(type === 1 && piece > 0 ? 5 : 4),
      streamId,
      payload: payload.subarray(start, end),
    });
    start = end;
  }
  return pieces;
}

function changeOctets(bytes: Uint8Array<ArrayBuffer>, random: Random): Uint8Array<ArrayBuffer> {
  // Mostly behind the preface and SETTINGS, which would hide all that follows.
  const from = random.below(20) === 0 ? 0 : Math.min(FIRST_OCTETS, bytes.length - 1);
  const at = Math.max(0, from + random.below(bytes.length - from));
  const end = at + random.below(Math.min(60, bytes.length - at) + 1);
  switch (random.below(6)) {
    case 0:
      bytes[at]! ^= 1 << random.below(8);
      return bytes;
    case 1:
      bytes[at] = random.below(256);
      return bytes;
    case 2:
      return concat(bytes.subarray(0, at), bytes.subarray(end));
    case 3:
      return concat(bytes.subarray(0, at), random.bytes(random.below(40)), bytes.subarray(at));
    case 4:
      return concat(bytes.subarray(0, end), bytes.subarray(at));
    default:
      return bytes.slice(0, at + 1);
  }
}
