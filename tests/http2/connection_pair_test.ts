/** A client and a server that do to each other whatever the protocol allows: no octet of a window is lost, and nobody is left waiting. */
import assert from "node:assert/strict";
import { NO_HANDLER } from "../../src/http/mod.ts";
import type { Connection, Http2Limits, Http2Stream, StreamHandler } from "../../src/http2/mod.ts";
import { ConnectionPair } from "../support/connection_pair.ts";
import { fuzzSeed, Random } from "../support/random.ts";
import { fieldList, REQUEST } from "../support/test_peer.ts";
import type { Side } from "../support/window_audit.ts";

const HEAD = fieldList(REQUEST);
const OK = fieldList({ ":status": "200" });
const TRAILERS = fieldList({ "grpc-status": "0" });

/** One side of a conversation, which decides by chance what to send and when to release. */
class Chatter implements StreamHandler {
  /** What is to be released: streams and octets. */
  readonly #held: (readonly [Http2Stream, number])[] = [];
  readonly #random: Random;
  readonly #writing = new Map<Http2Stream, number>();

  constructor(random: Random) {
    this.#random = random;
  }

  /** Sends so many octets as the windows let it, in pieces, and then ends in one of the possible ways. */
  begin(stream: Http2Stream): void {
    this.#writing.set(stream, this.#random.pick([0, 1, 100, 5000, 70_000, 200_000]));
    this.onWritable(stream);
  }

  /** Releases some of what it has, or all. */
  release(all: boolean): boolean {
    const some = this.#held.splice(0, all ? Infinity : this.#random.below(3));
    some.forEach(([stream, length]) => stream.release(length));
    return some.length > 0;
  }

  onResponse(stream: Http2Stream): void {
    if (this.#random.below(20) === 0) {
      stream.reset();
    }
  }

  onData(stream: Http2Stream, _buffer: Uint8Array, start: number, end: number): void {
    const now = this.#random.below(end - start + 1);
    stream.release(now);
    this.#held.push([stream, end - start - now]);
    if (this.#random.below(3000) === 0) {
      stream.reset();
    }
  }

  onTrailers(): void {}

  onReset(stream: Http2Stream): void {
    this.#writing.delete(stream);
  }

  onWritable(stream: Http2Stream): void {
    let left = this.#writing.get(stream);
    while (left !== undefined && left > 0) {
      const length = Math.min(left, 1 + this.#random.below(20_000));
      this.#writing.set(stream, left -= length);
      if (!stream.write(new Uint8Array(length))) {
        return;
      }
    }
    if (this.#writing.delete(stream)) {
      this.#random.below(3) === 0
        ? stream.endWithTrailers(TRAILERS)
        : stream.end(new Uint8Array(this.#random.below(3)));
    }
  }
}

/** Both sides of a conversation. */
class Scene {
  readonly random: Random;
  readonly pair: ConnectionPair;
  readonly client: Chatter;
  readonly server: Chatter;

  constructor(seed: number, limits: Partial<Http2Limits>) {
    this.random = new Random(seed);
    const random = this.random;
    this.client = new Chatter(random);
    this.server = new Chatter(random);
    this.pair = new ConnectionPair({
      client: { limits },
      server: { limits, handler: { onRequest: (stream) => this.#answer(stream) } },
      chunkLength: () => random.pick([1, 9, 100, 20_000]),
    });
    this.pair.flush();
  }

  #answer(stream: Http2Stream): void {
    stream.handler = this.server;
    switch (this.random.below(8)) {
      case 0:
        return stream.respond(OK, true); // Early.
      case 1:
        return stream.reset(7);
      default:
        stream.respond(OK);
        this.server.begin(stream);
    }
  }

  /** Some requests, one after the other and at the same time, until nothing happens any more. */
  talk(requests: number): void {
    for (let left = requests; left > 0;) {
      if (this.pair.client.canOpenStream) {
        left--;
        this.client.begin(this.pair.client.openStream(HEAD, this.client));
      }
      this.pair.step(this.random.pick(["client", "server"] as const));
      this.random.pick([this.client, this.server]).release(false);
    }
    do {
      this.pair.flush();
    } while (this.client.release(true) || this.server.release(true));
    this.pair.flush();
  }
}

/**
 * The peer's count of a side's window may be low by what is due and not told, below one half. It comes back in full with just the octet
 * that makes it half, and with none before.
 */
function wantFullWindow(
  pair: ConnectionPair,
  side: Side,
  size: number,
  send: (length: number) => void,
  seed: number,
): void {
  const half = Math.ceil(size / 2);
  const available = pair.audit.connectionWindow(side);
  assert.ok(size - available < half, `${side}: ${available} of ${size}, seed ${seed}`);
  const missing = half - (size - available);
  for (let left = missing - 1; left > 0;) {
    const length = Math.min(left, 10_000);
    send(length);
    left -= length;
  }
  assert.equal(pair.audit.connectionWindow(side), available - missing + 1, `${side}, seed ${seed}`);
  send(1);
  assert.equal(pair.audit.connectionWindow(side), size, `${side}, seed ${seed}`);
}

/** Both directions of a new stream that releases everything at once. */
function wantFullWindows(
  pair: ConnectionPair,
  connect: (handler: StreamHandler) => readonly [Http2Stream, Http2Stream],
  size: number,
  seed: number,
): void {
  const [mine, theirs] = connect(NO_HANDLER);
  for (const [side, stream] of [["client", mine], ["server", theirs]] as const) {
    wantFullWindow(pair, side, size, (length) => {
      assert.ok(stream.write(new Uint8Array(length)));
      pair.flush();
    }, seed);
  }
}

Deno.test("No octet of the connection's windows is lost, whatever two sides do to each other", () => {
  const seed = fuzzSeed();
  for (const streamWindowSize of [100, 1000, 65_535, 2 ** 20]) {
    const scene = new Scene(seed, {
      streamWindowSize,
      connectionWindowSize: 65_535,
      maxStreamSendQueue: 20_000,
      resetBurst: 1e5,
    });
    scene.talk(60);
    const { pair } = scene;
    for (const connection of [pair.client, pair.server] as const satisfies readonly Connection[]) {
      assert.equal(connection.isClosed, false, `seed ${seed}`);
      assert.equal(connection.streamCount, 0, `seed ${seed}`);
      assert.equal(connection.bufferedLength, 0, `seed ${seed}`);
    }
    wantFullWindows(
      pair,
      (handler) => {
        let theirs: Http2Stream | undefined;
        scene.server.begin = (stream) => theirs = stream;
        for (;;) {
          const mine = pair.client.openStream(HEAD, handler);
          pair.flush();
          if (theirs !== undefined && !mine.isClosed) {
            theirs.handler = handler;
            return [mine, theirs];
          }
          mine.reset();
        }
      },
      65_535,
      seed,
    );
  }
});

Deno.test("Windows of one octet carry a conversation", () => {
  const received: number[] = [];
  const collect: StreamHandler = {
    ...NO_HANDLER,
    onData(stream, buffer, start, end, endStream) {
      received.push(...buffer.subarray(start, end));
      stream.release(end - start);
      if (endStream && !stream.isClosed) {
        stream.respond(OK);
        stream.end(Uint8Array.of(4, 5, 6));
      }
    },
  };
  const limits = { streamWindowSize: 1 };
  const pair = new ConnectionPair({
    client: { limits },
    server: { limits, handler: { onRequest: (stream) => stream.handler = collect } },
  });
  pair.flush();
  pair.client.openStream(HEAD, collect).end(Uint8Array.of(1, 2, 3));
  pair.flush();
  assert.deepEqual(received, [1, 2, 3, 4, 5, 6]);
  assert.equal(pair.client.streamCount + pair.server.streamCount, 0);
});

Deno.test("A server that shuts down loses no request, and both sides end", () => {
  const seed = fuzzSeed();
  const scene = new Scene(seed, { resetBurst: 1e5 });
  scene.talk(20);
  const told: string[] = [];
  const handler: StreamHandler = {
    onResponse: (stream) => told.push(`response ${stream.id}`),
    onData: () => {},
    onTrailers: () => {},
    onWritable: () => {},
    onReset: (stream, error) => told.push(`${error.isUnprocessed ? "unprocessed" : "reset"} ${stream.id}`),
  };
  scene.pair.server.shutdown();
  const ids = Array.from({ length: 20 }, () => scene.pair.client.openStream(HEAD, handler, true).id);
  scene.pair.flush();
  scene.pair.flush();
  assert.deepEqual(new Set(told.map((line) => Number(line.split(" ")[1]))), new Set(ids), `seed ${seed}`);
});
