/** Envelopes in any chunks, and the limit on both sides. */
import { Code, ConnectError } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { ENVELOPE_HEAD_LENGTH, EnvelopeReader, writeEnvelopeHead } from "../../src/rpc/envelope.ts";
import { sampleBytes } from "../support/bytes.ts";
import { fuzzSeed, Random } from "../support/random.ts";

interface Envelope {
  readonly flags: number;
  readonly content: Uint8Array;
}

/** Keeps what a reader gives. */
class Recorder {
  readonly envelopes: Envelope[] = [];
  readonly tooLong: number[] = [];
  /** The buffers that content lay in. */
  readonly buffers: Uint8Array[] = [];
  readonly reader: EnvelopeReader;
  /** How many envelopes are wanted. */
  wanted: number;

  constructor(maxBytes = 1 << 20, wanted = Infinity) {
    this.reader = new EnvelopeReader(maxBytes, (length) => {
      this.tooLong.push(length);
      return new ConnectError("too long", Code.ResourceExhausted);
    });
    this.wanted = wanted;
  }

  push(octets: Uint8Array, start = 0, end = octets.length): void {
    this.reader.push(octets, start, end);
    this.read();
    this.reader.keep();
  }

  /** Reads as many envelopes as are wanted and there. */
  read(): void {
    const { reader } = this;
    try {
      while (this.wanted > 0) {
        const { hasEnvelope } = reader;
        assert.equal(reader.next(), hasEnvelope);
        if (!hasEnvelope) {
          return;
        }
        this.wanted--;
        const { flags, buffer, start, end } = reader;
        this.envelopes.push({ flags, content: buffer.slice(start, end) });
        this.buffers.push(buffer);
      }
    } catch (error) {
      assert.equal(ConnectError.from(error).code, Code.ResourceExhausted);
    }
  }

  get isMidEnvelope(): boolean {
    return !this.reader.hasEnvelope && this.reader.waitingLength > 0;
  }
}

function encode(envelopes: readonly Envelope[]): Uint8Array {
  const octets = new Uint8Array(envelopes.reduce((sum, { content }) => sum + ENVELOPE_HEAD_LENGTH + content.length, 0));
  let offset = 0;
  for (const { flags, content } of envelopes) {
    writeEnvelopeHead(octets, offset, flags, content.length);
    octets.set(content, offset + ENVELOPE_HEAD_LENGTH);
    offset += ENVELOPE_HEAD_LENGTH + content.length;
  }
  return octets;
}

const ENVELOPES: readonly Envelope[] = [
  { flags: 0, content: sampleBytes(7) },
  { flags: 1, content: new Uint8Array(0) },
  { flags: 0x80, content: sampleBytes(300) },
  { flags: 255, content: new Uint8Array([1]) },
  { flags: 2, content: new Uint8Array(0) },
];

Deno.test("the head is written big-endian", () => {
  const octets = new Uint8Array(8).fill(0xee);
  writeEnvelopeHead(octets, 1, 0x81, 0x01020304);
  assert.deepEqual([...octets], [0xee, 0x81, 1, 2, 3, 4, 0xee, 0xee]);
  writeEnvelopeHead(octets, 1, 0, 0xffff_fffe);
  assert.deepEqual([...octets], [0xee, 0, 0xff, 0xff, 0xff, 0xfe, 0xee, 0xee]);
});

Deno.test("many envelopes in one chunk are given in place", () => {
  const recorder = new Recorder();
  const chunk = new Uint8Array(1000).fill(0xee);
  const octets = encode(ENVELOPES);
  chunk.set(octets, 3);
  recorder.push(chunk, 3, 3 + octets.length);
  assert.deepEqual(recorder.envelopes, ENVELOPES);
  assert.ok(recorder.buffers.every((buffer) => buffer === chunk));
  assert.equal(recorder.isMidEnvelope, false);
});

Deno.test("each way to split into two chunks, and each length of chunks, gives the same", () => {
  const octets = encode(ENVELOPES);
  for (let split = 0; split <= octets.length; split++) {
    const recorder = new Recorder();
    recorder.push(octets.slice(0, split));
    recorder.push(octets.slice(split));
    assert.deepEqual(recorder.envelopes, ENVELOPES, `split at ${split}`);
  }
  for (let length = 1; length <= octets.length; length++) {
    const recorder = new Recorder();
    for (let start = 0; start < octets.length; start += length) {
      recorder.push(octets.slice(start, start + length));
    }
    assert.deepEqual(recorder.envelopes, ENVELOPES, `chunks of ${length}`);
    assert.equal(recorder.isMidEnvelope, false);
  }
});

Deno.test("random envelopes in random chunks", () => {
  const seed = fuzzSeed();
  const random = new Random(seed);
  for (let round = 0; round < 200; round++) {
    const envelopes = Array.from({ length: random.below(20) }, (): Envelope => ({
      flags: random.below(256),
      content: sampleBytes(random.below(random.pick([4, 100, 5000]))),
    }));
    const octets = encode(envelopes);
    const recorder = new Recorder();
    for (let start = 0; start < octets.length;) {
      const end = Math.min(octets.length, start + 1 + random.below(random.pick([10, 1000])));
      const chunk = octets.slice(start, end);
      recorder.push(chunk);
      chunk.fill(0xee); // It is the caller's again.
      start = end;
    }
    assert.deepEqual(recorder.envelopes, envelopes, `seed ${seed}`);
  }
});

Deno.test("it knows whether it is within an envelope", () => {
  const octets = encode([{ flags: 0, content: sampleBytes(3) }, { flags: 0, content: new Uint8Array(0) }]);
  const recorder = new Recorder();
  const states = [recorder.isMidEnvelope];
  for (const octet of octets) {
    recorder.push(new Uint8Array([octet]));
    states.push(recorder.isMidEnvelope);
  }
  const expected = [false, true, true, true, true, true, true, true, false, true, true, true, true, false];
  assert.deepEqual(states, expected);
});

Deno.test("a message at the limit is taken, one of an octet more is not", () => {
  for (const maxBytes of [0, 1, 1000]) {
    for (const chunkLength of [1, 10_000]) {
      const recorder = new Recorder(maxBytes);
      const octets = encode([sampleBytes(maxBytes), sampleBytes(maxBytes + 1), sampleBytes(1)].map((content) => ({
        flags: 0,
        content,
      })));
      for (let start = 0; start < octets.length; start += chunkLength) {
        recorder.push(octets.slice(start, start + chunkLength));
      }
      assert.deepEqual(recorder.envelopes, [{ flags: 0, content: sampleBytes(maxBytes) }]);
      assert.deepEqual(recorder.tooLong, [maxBytes + 1]);
    }
  }
});

Deno.test("attack 21: a huge length costs nothing", () => {
  const head = new Uint8Array([0, 255, 255, 255, 255]);
  const refusing = new Recorder(0xffff_fffe);
  refusing.push(head);
  assert.deepEqual(refusing.tooLong, [0xffff_ffff]);

  // Even where it is allowed: what did not arrive is not allocated.
  const before = Deno.memoryUsage();
  const readers = Array.from({ length: 1000 }, () => {
    const recorder = new Recorder(0xffff_ffff);
    recorder.push(head);
    recorder.push(new Uint8Array(100));
    assert.ok(recorder.isMidEnvelope);
    return recorder;
  });
  const after = Deno.memoryUsage();
  assert.ok(
    after.external - before.external < 1 << 20,
    `${after.external - before.external} bytes for ${readers.length}`,
  );
});

Deno.test("what is not wanted yet waits, in one piece or in many, and the chunk is the caller's again", () => {
  const seed = fuzzSeed();
  const random = new Random(seed);
  for (let round = 0; round < 300; round++) {
    const longest = random.pick([4, 100, 5000, 300_000]);
    const envelopes = Array.from({ length: 1 + random.below(12) }, (): Envelope => ({
      flags: random.below(256),
      content: sampleBytes(random.below(longest)),
    }));
    const octets = encode(envelopes);
    const recorder = new Recorder(1 << 20, 0);
    for (let start = 0; start < octets.length;) {
      const end = Math.min(octets.length, start + 1 + random.below(random.pick([10, 1000, 100_000])));
      const chunk = octets.slice(start, end);
      recorder.wanted = random.pick([0, 0, 1, 3, Infinity]);
      recorder.push(chunk);
      chunk.fill(0xee);
      start = end;
      recorder.wanted = random.pick([0, 0, 1]);
      recorder.read();
      const read = recorder.envelopes.reduce((sum, { content }) => sum + ENVELOPE_HEAD_LENGTH + content.length, 0);
      assert.equal(recorder.reader.waitingLength, start - read, `seed ${seed}`);
    }
    recorder.wanted = Infinity;
    recorder.read();
    assert.deepEqual(recorder.envelopes, envelopes, `seed ${seed}`);
    assert.equal(recorder.reader.waitingLength, 0);
  }
});

Deno.test("a long content that comes in pieces is in a buffer of its own, which is the message's", () => {
  for (const [length, isOwned] of [[16_383, false], [16_384, true], [1 << 20, true]] as const) {
    const { reader } = new Recorder();
    const octets = encode([{ flags: 3, content: sampleBytes(length) }]);
    for (let start = 0; start < octets.length; start += 1000) {
      reader.push(octets, start, Math.min(octets.length, start + 1000));
      assert.equal(reader.next(), start + 1000 >= octets.length);
      if (start + 1000 < octets.length) {
        reader.keep();
      }
    }
    assert.equal(reader.isOwned, isOwned);
    assert.equal(reader.flags, 3);
    assert.deepEqual(reader.buffer.slice(reader.start, reader.end), sampleBytes(length));
    assert.ok(!isOwned || reader.buffer.buffer.byteLength === length);
  }
});

Deno.test("what is too long is said when it is asked for, and what came before it is read", () => {
  const one = { flags: 0, content: sampleBytes(5) };
  const recorder = new Recorder(5, 0);
  recorder.push(encode([one, { flags: 0, content: sampleBytes(6) }, one]));
  assert.deepEqual(recorder.tooLong, []);
  recorder.wanted = Infinity;
  recorder.read();
  assert.deepEqual([recorder.envelopes, recorder.tooLong], [[one], [6]]);
  recorder.push(encode([one]));
  assert.deepEqual(recorder.envelopes, [one]);
});

Deno.test("nothing follows when it is stopped within an envelope", () => {
  const octets = encode([{ flags: 0, content: sampleBytes(50) }]);
  for (let split = 0; split < octets.length; split++) {
    const recorder = new Recorder();
    recorder.push(octets.slice(0, split));
    recorder.reader.stop();
    recorder.push(octets.slice(split));
    assert.deepEqual(recorder.envelopes, []);
  }
});
