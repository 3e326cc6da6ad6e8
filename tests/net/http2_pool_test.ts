/** The pool with servers in memory and a clock of its own. */
import assert from "node:assert/strict";
import type { CallHandler, WaitingCall } from "../../src/http/mod.ts";
import type { Http2Limits } from "../../src/http2/mod.ts";
import { connectHttp2 } from "../../src/net/http2_client.ts";
import {
  ConnectionPool,
  createHttp2Client,
  type Http2Pool,
  type Http2PoolOptions,
  type PoolSurroundings,
} from "../../src/net/http2_pool.ts";
import { settle } from "../support/fake_socket.ts";
import { Http2ServerSocket } from "../support/http2_server_socket.ts";
import { fieldList, REQUEST } from "../support/test_peer.ts";
import { VirtualClock } from "../support/virtual_clock.ts";

const HEAD = fieldList(REQUEST);

type Changes = { readonly [Name in keyof Http2Limits]?: number };

/** A pool, and the place that it dials. */
class Scene implements AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly servers: Http2ServerSocket[] = [];
  readonly pool: Http2Pool;
  /** What happened to calls, in its order. */
  readonly events: string[] = [];
  /** Dials that were begun. */
  dialCount = 0;
  /** Dials that have neither succeeded nor failed. */
  readonly #dials: PromiseWithResolvers<Http2ServerSocket>[] = [];

  constructor(options: Partial<Http2PoolOptions> = {}, surroundings: PoolSurroundings = {}) {
    this.pool = new ConnectionPool({ baseUrl: "http://a", ...options }, {
      clock: this.clock,
      random: () => 0.5,
      dial: (handler, signal) => {
        this.dialCount++;
        const dial = Promise.withResolvers<Http2ServerSocket>();
        this.#dials.push(dial);
        signal.addEventListener("abort", () => dial.reject(signal.reason), { once: true });
        return connectHttp2({ ...options, hostname: "10.0.0.1", port: 80, handler, signal }, {
          clock: this.clock,
          resolve: () => Promise.reject(new Error("There is nothing to resolve")),
          open: async () => (await dial.promise).socket,
        });
      },
      ...surroundings,
    });
  }

  /** Lets the dial that is under way succeed. */
  async accept(limits: Changes = {}): Promise<Http2ServerSocket> {
    const server = new Http2ServerSocket(limits);
    this.servers.push(server);
    this.#next().resolve(server);
    await settle();
    return server;
  }

  /** Lets the dial that is under way fail. */
  async refuse(message = "Connection refused"): Promise<void> {
    this.#next().reject(new Error(message));
    await settle();
  }

  #next(): PromiseWithResolvers<Http2ServerSocket> {
    const dial = this.#dials.shift();
    assert.ok(dial, "A dial is under way");
    return dial;
  }

  /** Makes a call of a name, under which events are written down. */
  call(name: string, fields = HEAD): WaitingCall | undefined {
    const note = (what: string) => this.events.push(`${name} ${what}`);
    return this.pool.open(fields, {
      onOpen: () => note("open"),
      onUnreachable: (error) => note(`failed: ${error instanceof Error ? error.message : error}`),
      onResponse: (_call, { status }) => note(`${status}`),
      onData: () => {},
      onTrailers: () => {},
      onWritable: () => {},
      onReset: (_call, { isUnprocessed, isConnectionLost }) =>
        note(isUnprocessed ? "unprocessed" : isConnectionLost ? "lost" : "reset"),
    }, true);
  }

  /** What happened since the last time is this. */
  async want(...events: readonly string[]): Promise<void> {
    await settle();
    assert.deepEqual(this.events.splice(0), events);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pool.close();
    assert.equal(this.pool.connectionCount, 0);
    assert.equal(this.pool.waitingCount, 0);
    assert.equal(this.clock.timerCount, 0, "No timer is left");
    assert.ok(this.servers.every(({ socket }) => socket.isClosed), "No socket is left");
  }
}

const REFUSED = "Cannot connect to 10.0.0.1:80: connection refused";

Deno.test("One dial for all who wait, and one connection as long as it has room", async () => {
  await using scene = new Scene();
  assert.equal(scene.dialCount, 0);
  for (const name of ["a", "b", "c"]) {
    scene.call(name);
  }
  await settle();
  assert.equal(scene.dialCount, 1);
  assert.equal(scene.pool.waitingCount, 3);
  const server = await scene.accept();
  await scene.want("a open", "b open", "c open");
  server.answer();
  await scene.want("a 200");
  scene.call("d");
  await scene.want("d open");
  assert.deepEqual([scene.dialCount, scene.pool.connectionCount, server.streams.length], [1, 1, 3]);
});

Deno.test("Streams without room get further connections, one after the other, then wait in their order", async () => {
  await using scene = new Scene({ maxConnections: 2 });
  for (const name of ["a", "b", "c", "d", "e", "f"]) {
    scene.call(name);
  }
  const first = await scene.accept({ maxConcurrentStreams: 2 });
  await scene.want("a open", "b open");
  assert.equal(scene.dialCount, 2);
  const second = await scene.accept({ maxConcurrentStreams: 1 });
  await scene.want("c open");
  assert.equal(scene.dialCount, 2, "Two are allowed");
  assert.equal(scene.pool.waitingCount, 3);
  second.answer();
  await scene.want("c 200", "d open");
  first.answer();
  await scene.want("a 200", "e open");
  scene.call("g");
  first.answer();
  await scene.want("b 200", "f open");
  first.answer();
  await scene.want("e 200", "g open");
  assert.equal(scene.pool.waitingCount, 0);
});

Deno.test("A stream that finds room while a further connection is dialed takes it", async () => {
  await using scene = new Scene();
  scene.call("a");
  const first = await scene.accept({ maxConcurrentStreams: 1 });
  scene.call("b");
  await scene.want("a open");
  first.answer();
  await scene.want("a 200", "b open");
  const second = await scene.accept();
  scene.call("c");
  await scene.want("c open");
  assert.deepEqual([scene.dialCount, second.streams.length], [2, 1]);
});

Deno.test("A connection that goes away gets no new streams, and those it has may end", async () => {
  await using scene = new Scene({ maxConnections: 1 });
  scene.call("a");
  const first = await scene.accept();
  first.goAway();
  await settle();
  scene.call("b");
  await scene.want("a open");
  assert.equal(scene.dialCount, 2);
  const second = await scene.accept();
  await scene.want("b open");
  assert.equal(scene.pool.connectionCount, 2, "The one that goes away does not count");
  first.answer();
  await scene.want("a 200");
  assert.equal(scene.pool.connectionCount, 1);
  second.answer();
  await scene.want("b 200");
});

Deno.test("Who waits for room on a connection that goes away, or breaks, gets another one", async () => {
  for (const end of ["GOAWAY", "break"]) {
    await using scene = new Scene({ maxConnections: 1 });
    scene.call("a");
    const first = await scene.accept({ maxConcurrentStreams: 1 });
    scene.call("b");
    await scene.want("a open");
    assert.equal(scene.dialCount, 1);
    if (end === "GOAWAY") {
      first.goAway();
      await scene.want();
    } else {
      first.socket.end();
      await scene.want("a lost");
    }
    assert.equal(scene.dialCount, 2);
    await scene.accept();
    await scene.want("b open");
  }
});

Deno.test("A refused stream says so, and can be opened again", async () => {
  await using scene = new Scene();
  scene.call("a");
  const server = await scene.accept();
  server.refuse();
  await scene.want("a open", "a unprocessed");
  scene.call("a");
  await scene.want("a open");
  server.answer();
  await scene.want("a 200");
});

Deno.test("Backoff: calls fail at once with the last error until it is over", async () => {
  await using scene = new Scene();
  scene.call("a");
  scene.call("b");
  await scene.refuse();
  await scene.want(`a failed: ${REFUSED}`, `b failed: ${REFUSED}`);
  scene.call("c");
  await scene.want(`c failed: ${REFUSED}`);
  await scene.clock.advance(999);
  scene.call("d");
  await scene.want(`d failed: ${REFUSED}`);
  assert.equal(scene.dialCount, 1);
  await scene.clock.advance(1);
  scene.call("e");
  await scene.want();
  assert.equal(scene.dialCount, 2);
  await scene.accept();
  await scene.want("e open");
});

Deno.test("Backoff: who waits for the server hears nothing of failures, and dials go on ever more slowly", async () => {
  await using scene = new Scene({ waitForReady: true });
  scene.call("a");
  const delays = [1000, 1600, 2560];
  for (const [index, delay] of delays.entries()) {
    await settle();
    assert.equal(scene.dialCount, index + 1);
    await scene.refuse();
    scene.call(`b${index}`);
    await scene.want();
    await scene.clock.advance(delay - 1);
    assert.equal(scene.dialCount, index + 1);
    await scene.clock.advance(1);
  }
  assert.equal(scene.dialCount, 4);
  const server = await scene.accept({ maxConcurrentStreams: 4 });
  await scene.want("a open", "b0 open", "b1 open", "b2 open");
  // It begins anew after a success.
  server.socket.end();
  await scene.want("a lost", "b0 lost", "b1 lost", "b2 lost");
  scene.call("c");
  await scene.refuse();
  await scene.clock.advance(999);
  assert.equal(scene.dialCount, 5);
  await scene.clock.advance(1);
  assert.equal(scene.dialCount, 6);
  await scene.accept();
  await scene.want("c open");
});

Deno.test("Backoff counts from the beginning of an attempt, jitter included", async () => {
  for (const [random, delay] of [[0, 800], [0.75, 1100]] as const) {
    await using scene = new Scene({ waitForReady: true }, { random: () => random });
    scene.call("a");
    await scene.clock.advance(300);
    await scene.refuse();
    await scene.clock.advance(delay - 301);
    assert.equal(scene.dialCount, 1);
    await scene.clock.advance(1);
    assert.equal(scene.dialCount, 2);
  }
});

Deno.test("A further connection that cannot be had fails nobody: there is one to wait for", async () => {
  await using scene = new Scene();
  scene.call("a");
  const server = await scene.accept({ maxConcurrentStreams: 1 });
  scene.call("b");
  await scene.want("a open");
  await scene.refuse();
  scene.call("c");
  await scene.want();
  server.answer();
  await scene.want("a 200", "b open");
  // The connection breaks: now there is none to wait for.
  server.socket.end();
  await scene.want("b lost", `c failed: ${REFUSED}`);
  assert.equal(scene.clock.timerCount, 0, "Nobody waits");
});

Deno.test("A server that sends everybody away at once is not dialed in a loop", async () => {
  for (const waitForReady of [false, true]) {
    await using scene = new Scene({ waitForReady });
    for (const [index, delay] of [1000, 1600, 2560].entries()) {
      scene.call("a");
      await settle();
      const server = scene.accept();
      scene.servers.at(-1)!.goAway();
      await server;
      await scene.want(...waitForReady ? [] : ["a failed: Cannot open a stream: http://a takes none"]);
      assert.equal(scene.dialCount, index + 1);
      await scene.clock.advance(delay - 1);
      assert.equal(scene.dialCount, index + 1);
      await scene.clock.advance(1);
    }
    assert.equal(scene.dialCount, waitForReady ? 4 : 3);
  }
});

Deno.test("A dial that takes too long fails, and the next one may begin at once", async () => {
  await using scene = new Scene();
  scene.call("a");
  await scene.clock.advance(19_999);
  await scene.want();
  await scene.clock.advance(1);
  await scene.want("a failed: Cannot connect to 10.0.0.1:80: no answer within 20000 ms");
  scene.call("b");
  await settle();
  assert.equal(scene.dialCount, 2);
});

Deno.test("Who gives up waiting, for a connection or for room, hears nothing more", async () => {
  await using scene = new Scene({ maxConnections: 1 });
  const first = scene.call("a");
  scene.call("b");
  first?.abandon();
  const server = await scene.accept({ maxConcurrentStreams: 1 });
  await scene.want("b open");
  const late = [scene.call("c"), scene.call("d")];
  scene.call("e");
  late.forEach((call) => call?.abandon());
  server.answer();
  await scene.want("b 200", "e open");
  first?.abandon();
  await scene.want();
});

Deno.test("When the last one who waits gives up, no timer is left and nothing is dialed", async () => {
  await using scene = new Scene({ waitForReady: true });
  const call = scene.call("a");
  await scene.refuse();
  assert.equal(scene.clock.timerCount, 1);
  call?.abandon();
  await scene.want();
  assert.equal(scene.clock.timerCount, 0);
  await scene.clock.advance(5000);
  assert.equal(scene.dialCount, 1);
});

Deno.test("A connection retires with a stream of a number, not with the one before", async () => {
  await using scene = new Scene({}, { retireAtStreamId: 5 });
  scene.call("1");
  scene.call("3");
  const first = await scene.accept();
  await scene.want("1 open", "3 open");
  assert.equal(first.connection.isDraining, false);
  scene.call("5");
  scene.call("next");
  await scene.want("5 open");
  assert.equal(scene.dialCount, 2);
  await scene.accept();
  await scene.want("next open");
  first.answer();
  first.answer();
  first.answer();
  await scene.want("1 200", "3 200", "5 200");
  assert.equal(scene.pool.connectionCount, 1);
});

Deno.test("A field that may not be sent fails its call only, also after it waited", async () => {
  await using scene = new Scene();
  const wrong = [...HEAD, { name: "Upper", value: "case" }];
  scene.call("waited", wrong);
  scene.call("a");
  await scene.accept();
  const reason = 'Cannot send the field "Upper": names are lower case';
  await scene.want(`waited failed: ${reason}`, "a open");
  assert.throws(() => scene.call("wrong", wrong), TypeError);
  await scene.want();
});

Deno.test("Shutdown lets streams end, and fails those that wait and those that come", async () => {
  await using scene = new Scene({ maxConnections: 1 });
  scene.call("a");
  const server = await scene.accept({ maxConcurrentStreams: 1 });
  scene.call("b");
  let isOver = false;
  const over = scene.pool.shutdown().then(() => isOver = true);
  const closed = "failed: Cannot open a stream: the pool is closed";
  await scene.want("a open", `b ${closed}`);
  scene.call("c");
  await scene.want(`c ${closed}`);
  assert.equal(isOver, false);
  server.answer();
  await scene.want("a 200");
  await over;
  assert.equal(scene.pool.connectionCount, 0);
});

Deno.test("Close ends a dial that is under way, and streams", async () => {
  const closed = "failed: Cannot open a stream: the pool is closed";
  await using dialing = new Scene();
  dialing.call("a");
  await settle();
  await dialing.pool.close();
  await dialing.want(`a ${closed}`);
  await using open = new Scene({ maxConnections: 1 });
  open.call("a");
  await open.accept({ maxConcurrentStreams: 1 });
  open.call("b");
  await open.pool.close();
  await open.want("a open", `b ${closed}`, "a lost");
  await open.pool.close();
});

Deno.test("A handler that throws when the pool is closed is told of, and everything closes", async () => {
  const errors: unknown[] = [];
  await using scene = new Scene({ onError: (error) => errors.push(error) });
  const mistake = new Error("Mistake");
  const handler: CallHandler = {
    onOpen() {},
    onUnreachable() {},
    onResponse() {},
    onData() {},
    onTrailers() {},
    onWritable() {},
    onReset() {
      throw mistake;
    },
  };
  scene.pool.open(HEAD, handler);
  await scene.accept();
  await scene.pool.close();
  assert.deepEqual(errors, [mistake]);
});

Deno.test("Options are checked", () => {
  for (const baseUrl of ["ftp://a", "a:80"]) {
    assert.throws(() => createHttp2Client({ baseUrl }), TypeError);
  }
  for (const maxConnections of [0, 1.5, NaN]) {
    assert.throws(() => createHttp2Client({ baseUrl: "http://a", maxConnections }), RangeError);
  }
  const { origin } = createHttp2Client({ baseUrl: "https://[::1]:8443/path", maxConnections: 1 });
  assert.equal(origin, "https://[::1]:8443");
});

Deno.test("A call is open at once where there is room, without a promise", async () => {
  await using scene = new Scene();
  assert.ok(scene.call("a"), "It waits for a connection");
  const server = await scene.accept();
  await scene.want("a open");
  assert.equal(scene.call("b"), undefined);
  assert.deepEqual(scene.events.splice(0), ["b open"]);
  await settle();
  server.answer();
  await scene.want("a 200");
  server.refuse();
  await scene.want("b unprocessed");
});
