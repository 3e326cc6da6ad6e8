/** Accepting, with a listener whose every answer is the test's to say, in virtual time. */
import { setImmediate } from "node:timers";
import assert from "node:assert/strict";
import { AcceptLoop } from "../../src/net/accept_loop.ts";
import type { Socket } from "../../src/net/sockets.ts";
import { FakeSocket, settle } from "../support/fake_socket.ts";
import { VirtualClock } from "../support/virtual_clock.ts";

/** What the system's calls fail with. */
function systemError(code: string, number: number): Error {
  return Object.assign(new Error(`Failed (os error ${number})`), { code });
}

const RESET = systemError("ENOTCONN", 107);
const EMFILE = systemError("EMFILE", 24);

/** Answers from a queue, and waits when that is empty. */
class ScriptedListener {
  readonly addr: Deno.NetAddr = { transport: "tcp", hostname: "127.0.0.1", port: 1 };
  /** Sockets, and what `accept` fails with. */
  readonly queue: (Socket | Error)[] = [];
  /** What it fails with when the queue is empty. */
  lastError: Error | undefined;
  calls = 0;
  isClosed = false;
  #wake: () => void = () => {};

  async accept(): Promise<Socket> {
    this.calls++;
    while (this.queue.length === 0 && this.lastError === undefined && !this.isClosed) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    const next = this.isClosed ? new Deno.errors.BadResource("Closed") : this.queue.shift() ?? this.lastError!;
    if (next instanceof Error) {
      throw next;
    }
    return next;
  }

  add(...items: readonly (Socket | Error)[]): void {
    this.queue.push(...items);
    this.#wake();
  }

  close(): void {
    this.isClosed = true;
    this.#wake();
  }
}

function start(...items: readonly (Socket | Error)[]) {
  const [listener, clock] = [new ScriptedListener(), new VirtualClock()];
  listener.queue.push(...items);
  const sockets: Socket[] = [];
  const faults: string[] = [];
  const loop = new AcceptLoop(listener, {
    onSocket: (socket) => sockets.push(socket),
    onFault: ({ message }) => faults.push(message),
  }, clock);
  return { listener, clock, sockets, faults, loop };
}

Deno.test("connections that were reset before they were accepted cost others no pause", async () => {
  const socket = new FakeSocket();
  const { clock, sockets, faults, loop } = start(...Array.from({ length: 20_000 }, () => RESET), socket);
  await settle(1000);
  assert.deepEqual([sockets, clock.timerCount, faults], [[socket], 0, []]);
  assert.equal(loop.fault, undefined);
  loop.stop();
  await loop.ended;
});

Deno.test("others have their turn in a storm of connections, be they reset or not", async () => {
  for (const make of [() => RESET, (): Socket => new FakeSocket()]) {
    const { listener, loop } = start(...Array.from<unknown, Socket | Error>({ length: 1000 }, make));
    await new Promise((resolve) => setImmediate(resolve));
    assert(listener.calls < 200, `${listener.calls} calls of accept in a turn`);
    await settle(200);
    assert.equal(listener.queue.length, 0);
    loop.stop();
    await loop.ended;
  }
});

for (
  const error of [
    EMFILE,
    systemError("ENFILE", 23),
    systemError("ENOBUFS", 105),
    systemError("ENOMEM", 12),
    new Error("Too many open files (os error 24)"),
  ]
) {
  Deno.test(`without resources accept() pauses, and goes on when there are some: ${JSON.stringify(error)} ${error.message}`, async () => {
    const { listener, clock, sockets, faults, loop } = start();
    listener.lastError = error;
    listener.add();
    await settle();
    assert.equal(listener.calls, 1);
    await clock.advance(500);
    assert.equal(listener.calls, 11);
    assert.deepEqual(faults, [error.message], "It is told once");
    assert.equal(loop.fault, error);
    listener.lastError = undefined;
    const socket = new FakeSocket();
    listener.add(socket);
    await clock.advance(50);
    assert.deepEqual(sockets, [socket]);
    assert.equal(loop.fault, undefined);
    loop.stop();
    await loop.ended;
  });
}

Deno.test("a listener that fails for want of resources, and that nobody connects to then, counts as one that accepts", async () => {
  const { clock, faults, loop, listener } = start(EMFILE);
  await clock.advance(2490);
  assert.equal(loop.fault, EMFILE);
  await clock.advance(20);
  assert.equal(loop.fault, undefined);
  listener.add(EMFILE);
  await settle();
  assert.equal(faults.length, 2, "Another shortage is told of, too");
  loop.stop();
  await loop.ended;
});

Deno.test("a listener that is broken for good says so, and does not spin", async () => {
  const { listener, clock, faults, loop } = start();
  listener.lastError = systemError("EBADF", 9);
  listener.add();
  await settle(2000);
  assert.deepEqual(faults, ["Failed (os error 9)"]);
  assert(loop.fault !== undefined);
  const before = listener.calls;
  await clock.advance(1000);
  assert(listener.calls - before <= 20 * 32, `${listener.calls - before} calls in a second`);
  loop.stop();
  await loop.ended;
});

Deno.test("stop() closes the listener, ends a pause, and closes what was accepted meanwhile", async () => {
  const pausing = start(EMFILE);
  await settle();
  pausing.loop.stop();
  await pausing.loop.ended;
  assert.deepEqual([pausing.listener.isClosed, pausing.clock.timerCount], [true, 0]);
  const accepting = start();
  const socket = new FakeSocket();
  accepting.listener.queue.push(socket);
  accepting.listener.accept = () => Promise.resolve(socket);
  accepting.listener.add(RESET);
  accepting.loop.stop();
  await accepting.loop.ended;
  assert.deepEqual(accepting.sockets, []);
});
