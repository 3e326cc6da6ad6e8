/** What the driver does with a socket: reads, writes, time, and handlers that throw. The socket is in memory. */
import assert from "node:assert/strict";
import { NO_HANDLER } from "../../src/http/mod.ts";
import {
  type Connection,
  type ConnectionOptions,
  createConnection,
  Http2ConnectionError,
  type Http2Stream,
} from "../../src/http2/mod.ts";
import { Driver, type DriverHooks } from "../../src/net/driver.ts";
import { EVENT_LOOP_TURNS, type Turns } from "../../src/net/turns.ts";
import { HpackEncoder } from "../../src/http2/hpack/mod.ts";
import {
  concat,
  data,
  frame,
  headers,
  ping,
  PREFACE,
  resetStream,
  settings,
  settingsAck,
  windowUpdate,
} from "../support/frame_builder.ts";
import { FakeSocket, settle } from "../support/fake_socket.ts";
import { FrameText } from "../support/frame_text.ts";
import { uncaughtDuring } from "../support/sockets.ts";
import { fieldList, REQUEST } from "../support/test_peer.ts";

const OK = fieldList({ ":status": "200" });
const HEAD = fieldList(REQUEST);

/** A server's driver on a socket in memory, and what its peer sees. */
class Scene {
  readonly socket: FakeSocket;
  readonly errors: unknown[] = [];
  readonly streams: Http2Stream[] = [];
  readonly driver: Driver<Connection>;
  readonly #encoder = new HpackEncoder();
  readonly #text = new FrameText("server");

  constructor(
    onRequest: (stream: Http2Stream) => void,
    options: Pick<ConnectionOptions, "limits" | "keepaliveIntervalMs" | "keepaliveTimeoutMs"> = {},
    turns?: Turns,
    socket: FakeSocket = new FakeSocket(),
  ) {
    this.socket = socket;
    const connect = (hooks: DriverHooks) =>
      createConnection({
        ...options,
        role: "server",
        nowMs: performance.now(),
        handler: {
          onRequest: (stream) => {
            stream.handler = NO_HANDLER;
            this.streams.push(stream);
            onRequest(stream);
          },
          ...hooks,
        },
      });
    this.driver = new Driver(this.socket, connect, (error) => this.errors.push(error), undefined, turns);
  }

  /** Exchanges SETTINGS. */
  async begin(): Promise<void> {
    this.socket.give(PREFACE, settings(), settingsAck());
    await settle();
    this.take();
  }

  request(id: number, endStream = true): Uint8Array {
    const buffer = new Uint8Array(this.#encoder.bound(HEAD));
    return headers(id, buffer.slice(0, this.#encoder.encode(HEAD, buffer, 0)), { endStream });
  }

  /** What was written since the last time, as lines. */
  take(): string[] {
    const octets = this.socket.written;
    this.socket.writes.length = 0;
    return this.#text.read(octets).map(({ text }) => text);
  }

  async end(): Promise<void> {
    this.socket.end();
    await this.driver.closed;
    assert.ok(this.socket.isClosed);
  }
}

Deno.test("What one read asks for is answered in one write", async () => {
  const scene = new Scene(async (stream) => {
    if (stream.id % 4 === 1) {
      await Promise.resolve(); // Later, but not much.
    }
    stream.respond(OK, true);
  });
  await scene.begin();
  scene.socket.give(...[1, 3, 5, 7].map((id) => scene.request(id)), ping("12345678"));
  await settle();
  assert.equal(scene.socket.writes.length, 1);
  assert.equal(scene.take().length, 5);
  await scene.end();
});

Deno.test("Reads and writes of one octet do", async () => {
  const scene = new Scene((stream) => {
    stream.handler = {
      ...NO_HANDLER,
      onData(from, _buffer, start, end, endStream) {
        from.release(end - start);
        if (!from.isClosed && endStream) {
          from.respond(OK);
          from.end(Uint8Array.of(0x61, 0x62));
        }
      },
    };
  });
  scene.socket.maxRead = 1;
  scene.socket.maxWrite = 1;
  scene.socket.give(PREFACE, settings(), settingsAck(), scene.request(1, false), data(1, "xyz", { endStream: true }));
  await settle(2000);
  assert.deepEqual(scene.take().slice(-2), ["HEADERS 1 :status=200", 'DATA 1 "ab" end']);
  await scene.end();
});

Deno.test("A read buffer that was filled is followed by a larger one, and that by a smaller one when 256 reads would have done with it", async () => {
  const scene = new Scene(() => {});
  await scene.begin();
  const read = async (length: number) => {
    scene.socket.give(frame(0xff, 0, 0, new Uint8Array(length - 9))); // Of a type that nobody knows.
    await settle(3);
    return scene.socket.readSize;
  };
  assert.equal(await read(1023), 1024);
  assert.equal(await read(1024), 4096);
  assert.equal(await read(4096), 65_536);
  for (const [length, size, smaller] of [[4096, 65_536, 4096], [1024, 4096, 1024]] as const) {
    for (let reads = 1; reads < 256; reads++) {
      assert.equal(await read(length), size);
    }
    assert.equal(await read(length + 1), size, "That makes them count from the beginning again");
    for (let reads = 1; reads < 256; reads++) {
      assert.equal(await read(length), size);
    }
    assert.equal(await read(length), smaller);
  }
  await scene.end();
});

Deno.test("A connection whose turn is over neither reads nor handles input before its next turn", async () => {
  for (const maxRead of [Infinity, 1000]) {
    const waiting: (() => void)[] = [];
    const scene = new Scene(() => {}, { limits: { overheadBurst: 1e6 } }, {
      ...EVENT_LOOP_TURNS,
      next: () => new Promise((resolve) => waiting.push(resolve)),
    });
    await scene.begin();
    scene.socket.maxRead = maxRead;
    const acknowledgements = 20_000;
    scene.socket.give(concat(...Array.from({ length: acknowledgements }, () => ping("12345678", { ack: true }))));
    let turns = 0;
    for (let unread = Infinity;; turns++) {
      await settle(500);
      const turn = waiting.shift();
      if (turn === undefined) {
        break;
      }
      assert(scene.socket.unread < unread || scene.socket.unread === 0, "each turn makes progress");
      unread = scene.socket.unread;
      await settle(500);
      assert.equal(scene.socket.unread, unread, "it waits");
      turn();
    }
    assert.equal(scene.socket.unread, 0);
    assert(turns >= Math.floor(acknowledgements / 4096), `${turns} turns, reads of ${maxRead}`);
    await scene.end();
  }
});

Deno.test("While the turn of all connections is over, little input is handled, and much waits for its turn", async () => {
  const waiting: (() => void)[] = [];
  const turns = {
    ...EVENT_LOOP_TURNS,
    isOver: false,
    next: () => new Promise<void>((resolve) => waiting.push(resolve)),
  };
  const scene = new Scene((stream) => stream.respond(OK, true), {}, turns);
  await scene.begin();
  turns.isOver = true;
  scene.socket.give(scene.request(1));
  await settle();
  assert.equal(scene.take().length, 1);
  const pings = concat(...Array.from({ length: 40 }, () => ping("12345678")));
  assert(pings.length > 512);
  scene.socket.give(pings);
  await settle();
  assert.deepEqual([scene.take().length, waiting.length], [0, 1]);
  waiting.shift()!();
  await settle();
  assert.equal(scene.take().length, 40);
  turns.isOver = false;
  scene.socket.give(pings);
  await settle();
  assert.equal(scene.take().length, 40);
  await scene.end();
});

Deno.test("While the turn of all connections is over, a peer that is gone waits for its turn to be missed", async () => {
  const waiting: (() => void)[] = [];
  const turns = {
    ...EVENT_LOOP_TURNS,
    isOver: false,
    next: () => new Promise<void>((resolve) => waiting.push(resolve)),
  };
  let resets = 0;
  const scene = new Scene(
    (stream) => {
      stream.handler = { ...NO_HANDLER, onReset: () => resets++ };
    },
    {},
    turns,
  );
  await scene.begin();
  scene.socket.give(scene.request(1));
  await settle();
  turns.isOver = true;
  scene.socket.end();
  await settle();
  assert.deepEqual([resets, waiting.length], [0, 1]);
  waiting.shift()!();
  await scene.driver.closed;
  assert.equal(resets, 1);
});

Deno.test("A command given at any time is written, and one at a time", async () => {
  const scene = new Scene(() => {});
  await scene.begin();
  scene.socket.give(scene.request(1), scene.request(3));
  await settle();
  scene.socket.isWriteBlocked = true;
  scene.streams[0]!.respond(OK, true);
  await settle();
  scene.streams[1]!.respond(OK, true);
  await settle();
  assert.equal(scene.socket.writes.length, 0);
  scene.socket.resume();
  await settle();
  assert.deepEqual(scene.take(), ["HEADERS 1 :status=200 end", "HEADERS 3 :status=200 end"]);
  await scene.end();
});

Deno.test("While answers are not read, nothing is read", async () => {
  const scene = new Scene(() => {});
  await scene.begin();
  scene.socket.isWriteBlocked = true;
  scene.socket.maxRead = 17 * 50;
  scene.socket.give(...Array.from({ length: 1000 }, () => ping("12345678")));
  await settle();
  assert.ok(scene.socket.unread >= 17 * 800, `${scene.socket.unread} octets are left`);
  assert.equal(scene.driver.connection.isClosed, false);
  scene.socket.resume();
  await settle(100);
  assert.equal(scene.socket.unread, 0);
  assert.equal(scene.take().length, 1000);
  await scene.end();
});

Deno.test("Two connections have their turns, however many requests one has sent", async () => {
  const order: string[] = [];
  const greedy = new Scene((stream) => {
    order.push("greedy");
    stream.respond(OK, true);
  });
  const modest = new Scene((stream) => {
    order.push("modest");
    stream.respond(OK, true);
  });
  await greedy.begin();
  await modest.begin();
  greedy.socket.give(...Array.from({ length: 3000 }, (_, index) => greedy.request(2 * index + 1)));
  await Promise.resolve();
  modest.socket.give(modest.request(1));
  await settle(100);
  assert.equal(order.length, 3001);
  assert.ok(order.indexOf("modest") <= 512, `${order.indexOf("modest")}`);
  await greedy.end();
  await modest.end();
});

const boom = () => {
  throw new Error("boom");
};

/** Handlers that throw, and what makes them. */
const THROWERS: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  onData: async (scene) => {
    scene.socket.give(scene.request(1, false));
    await settle();
    scene.streams[0]!.handler = { ...NO_HANDLER, onData: boom };
    scene.socket.give(data(1, "x"));
  },
  onReset: async (scene) => {
    scene.socket.give(scene.request(1));
    await settle();
    scene.streams[0]!.handler = { ...NO_HANDLER, onReset: boom };
    scene.socket.give(resetStream(1, 8));
  },
  "onData and onReset": async (scene) => {
    scene.socket.give(scene.request(1, false));
    await settle();
    scene.streams[0]!.handler = { ...NO_HANDLER, onData: boom, onReset: boom };
    scene.socket.give(data(1, "x"));
  },
  onWritable: async (scene) => {
    scene.socket.give(scene.request(1));
    await settle();
    const stream = scene.streams[0]!;
    stream.handler = { ...NO_HANDLER, onWritable: boom, onReset: boom };
    stream.respond(OK);
    stream.write(new Uint8Array(65_535 + 65_536));
    scene.socket.give(windowUpdate(0, 1e6), windowUpdate(1, 1e6));
  },
  "onReset at the end of input": async (scene) => {
    scene.socket.give(scene.request(1));
    await settle();
    scene.streams[0]!.handler = { ...NO_HANDLER, onReset: boom };
    scene.socket.end();
  },
  "onReset when a write fails": async (scene) => {
    scene.socket.give(scene.request(1));
    await settle();
    scene.streams[0]!.handler = { ...NO_HANDLER, onReset: boom };
    scene.socket.writeError = new Deno.errors.BrokenPipe("gone");
    scene.socket.give(ping("12345678"));
  },
};

for (const [what, action] of Object.entries(THROWERS)) {
  Deno.test(`A handler that throws ends its connection and is told, no other: ${what}`, async () => {
    const scene = new Scene(() => {});
    const other = new Scene((stream) => stream.respond(OK, true));
    await scene.begin();
    await other.begin();
    const uncaught = await uncaughtDuring(async () => {
      await action(scene);
      await settle();
      assert.ok(scene.driver.connection.isClosed);
      scene.socket.end();
      await scene.driver.closed;
    });
    assert.deepEqual(uncaught, []);
    assert.ok(scene.socket.isClosed);
    assert.match(String(scene.errors[0]), /boom/);
    other.socket.give(other.request(1));
    await settle();
    assert.deepEqual(other.take(), ["HEADERS 1 :status=200 end"]);
    await other.end();
  });
}

Deno.test("A handler that throws when time is over ends its connection and is told", async () => {
  const scene = new Scene(() => {}, { limits: { handshakeTimeoutMs: 40 } });
  scene.socket.give(PREFACE);
  await settle();
  const late = new Scene(() => {}, { keepaliveIntervalMs: 20, keepaliveTimeoutMs: 20 });
  const uncaught = await uncaughtDuring(async () => {
    await late.begin();
    late.socket.give(late.request(1));
    await settle();
    late.streams[0]!.handler = { ...NO_HANDLER, onReset: boom };
    await ended(late);
    await ended(scene);
  });
  assert.deepEqual(uncaught, []);
  assert.match(String(late.errors[0]), /boom/);
  assert.deepEqual(scene.take().slice(-1), ["GOAWAY 0 PROTOCOL_ERROR"]);
});

/** Waits until the connection is over, and lets the peer hang up. */
async function ended(scene: Scene): Promise<void> {
  while (!scene.driver.connection.isClosed) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  scene.socket.end();
  await scene.driver.closed;
}

Deno.test("A handler that throws with room reserved leaves a connection that can still end", async () => {
  const scene = new Scene((stream) => {
    stream.respond(OK);
    stream.reserve(100);
    boom();
  });
  await scene.begin();
  scene.socket.give(scene.request(1));
  await settle();
  assert.equal(scene.take().at(-1), "GOAWAY 1 INTERNAL_ERROR");
  assert.match(String(scene.errors), /^Error: boom$/);
  await scene.end();
});

Deno.test("A peer that resets in the middle of a write ends the connection without a word", async () => {
  const resets: string[] = [];
  const scene = new Scene((stream) => {
    stream.handler = { ...NO_HANDLER, onReset: (_stream, error) => resets.push(error.origin) };
    stream.respond(OK);
  });
  await scene.begin();
  scene.socket.isWriteBlocked = true;
  scene.socket.give(scene.request(1));
  await settle();
  scene.socket.writeError = new Deno.errors.ConnectionReset("reset");
  scene.socket.resume();
  const error = await scene.driver.closed;
  assert.ok(error instanceof Http2ConnectionError && error.origin === "peer");
  assert.deepEqual(resets, ["peer"]);
  assert.deepEqual(scene.errors, []);
  assert.ok(scene.socket.isClosed);
});

Deno.test("A peer that reads nothing for a time is left", async () => {
  const scene = new Scene(() => {}, { limits: { stalledStreamTimeoutMs: 30 } });
  await scene.begin();
  const beganAtMs = performance.now();
  scene.socket.isWriteBlocked = true;
  scene.socket.give(ping("12345678"));
  const error = await scene.driver.closed;
  assert.match(error!.message, /reads nothing/);
  assert.ok(performance.now() - beganAtMs < 5000, "not when some other timer happens to fire");
  assert.ok(scene.socket.isClosed);
});

/** Takes an octet of what is written, each time after a while. */
class SlowSocket extends FakeSocket {
  override maxWrite = 1;

  override async write(octets: Uint8Array): Promise<number> {
    await new Promise((resolve) => setTimeout(resolve, 20));
    return await super.write(octets);
  }
}

Deno.test("A peer that takes octets, but too few of them, is left, and one that takes enough is not", async () => {
  // Of SETTINGS and their acknowledgement are 60 octets and more: they take a second, and time is looked at each 400 ms.
  for (const [minResponseRate, isLeft] of [[1000, true], [0, false]] as const) {
    const scene = new Scene(
      () => {},
      { limits: { stalledStreamTimeoutMs: 400, minResponseRate } },
      undefined,
      new SlowSocket(),
    );
    scene.socket.give(PREFACE, settings(), settingsAck(), ping("12345678"));
    const isAnswered = async () => {
      while (!new TextDecoder().decode(scene.socket.written).endsWith("12345678")) {
        await settle(1);
      }
    };
    const error = await Promise.race([scene.driver.closed, isAnswered()]);
    assert.equal(error instanceof Http2ConnectionError && /too slowly/.test(error.reason), isLeft);
    await scene.end();
  }
});

Deno.test("Who closes does not wait for a peer that reads nothing", async () => {
  const scene = new Scene(() => {}, { limits: { stalledStreamTimeoutMs: 60_000 } });
  await scene.begin();
  const beganAtMs = performance.now();
  scene.socket.isWriteBlocked = true;
  scene.socket.give(ping("12345678"));
  await settle();
  scene.driver.close();
  await scene.driver.closed;
  assert.ok(performance.now() - beganAtMs < 30_000, "not when the write is given up");
  assert.ok(scene.socket.isClosed);
  assert.deepEqual(scene.errors, []);
});

Deno.test("After the end what the peer still sends is read, until it hangs up", async () => {
  const scene = new Scene(() => {});
  await scene.begin();
  scene.socket.give(ping("1234"), new Uint8Array(100_000));
  await settle(100);
  assert.deepEqual(scene.take(), ["GOAWAY 0 FRAME_SIZE_ERROR"]);
  assert.ok(scene.socket.isWriteClosed && !scene.socket.isClosed);
  scene.socket.give(new Uint8Array(100_000));
  await settle(100);
  assert.equal(scene.socket.unread, 0);
  scene.socket.end();
  const error = await scene.driver.closed;
  assert.ok(error instanceof Http2ConnectionError && error.code === 6);
  assert.ok(scene.socket.isClosed);
});

Deno.test("A peer that does not stop after the end is left after 8 MiB", async () => {
  const scene = new Scene(() => {});
  await scene.begin();
  scene.socket.give(ping("1234"));
  await settle(100);
  scene.socket.give(new Uint8Array(8 * 1024 * 1024 - 1));
  await settle(1000);
  assert.ok(scene.socket.unread === 0 && !scene.socket.isClosed);
  scene.socket.give(new Uint8Array(1));
  await scene.driver.closed;
  assert.ok(scene.socket.isClosed);
});
