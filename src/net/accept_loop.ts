/** Accepts connections on one listener for as long as it is open, whatever becomes of single ones. */
import { setImmediate } from "node:timers";
import { isOutOfResources } from "../http/mod.ts";
import { type Clock, SYSTEM_CLOCK } from "./clock.ts";
import { closeQuietly, type Socket } from "./sockets.ts";

/** How long `accept` is left alone when there are no resources for it, in milliseconds: they come back when connections end. */
const PAUSE_MS = 50;

/** After so many calls of `accept` without a pause, handlers, timers and sockets have their turn: a storm of connections cannot starve them. */
const CALLS_A_TURN = 32;

/** What becomes of a connection between connecting and being accepted, as accept(2) has it. Whoever connects can bring these about, in any number. */
const PEER_ERRORS: ReadonlySet<unknown> = new Set([
  ...["ECONNABORTED", "ECONNRESET", "EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH", "ENONET", "ENOPROTOOPT"],
  ...["ENOTCONN", "EOPNOTSUPP", "EPERM", "EPIPE", "EPROTO", "ETIMEDOUT"],
]);

/**
 * After so many other failures in a row a listener is broken. Systems differ in what a peer can make `accept` fail with, and such failures end with the
 * queue of connections that wait, which is shorter.
 */
const MAX_FAILURES = 8192;

/** How long after its last failure a listener counts as one that does not accept, in milliseconds. More than the time between two failures. */
const FAULT_MS = 2500;

/** What accepts: Deno's listeners, and ours for TLS. */
export interface Listener {
  readonly addr: Deno.NetAddr | Deno.UnixAddr;
  accept(): Promise<Socket>;
  close(): void;
}

/** What an accept loop tells its owner. */
export interface AcceptHooks {
  /** A connection, whose owner is the owner of the loop from now on. */
  onSocket(socket: Socket): void;
  /** The listener does not accept, after it did. */
  onFault(error: Error): void;
}

/** See the top of the file. */
export class AcceptLoop {
  /** Resolves when the listener is closed. */
  readonly ended: Promise<void>;
  readonly #listener: Listener;
  readonly #hooks: AcceptHooks;
  readonly #clock: Clock;
  #isStopped = false;
  /** Ends the pause that goes on. */
  #endPause: () => void = () => {};
  #fault: Error | undefined;
  #faultUntilMs = -Infinity;
  /** Failures since a connection was accepted of which it is not known what they mean. */
  #failures = 0;

  constructor(listener: Listener, hooks: AcceptHooks, clock: Clock = SYSTEM_CLOCK) {
    this.#listener = listener;
    this.#hooks = hooks;
    this.#clock = clock;
    this.ended = this.#run();
  }

  /** What the listener fails with, when it does not accept connections now; undefined when it does. */
  get fault(): Error | undefined {
    return this.#clock.nowMs() < this.#faultUntilMs ? this.#fault : undefined;
  }

  /** Closes the listener. */
  stop(): void {
    this.#isStopped = true;
    closeQuietly(this.#listener);
    this.#endPause();
  }

  async #run(): Promise<void> {
    for (let calls = 1; !this.#isStopped; calls++) {
      try {
        const socket = await this.#listener.accept();
        this.#failures = 0;
        this.#faultUntilMs = -Infinity;
        if (this.#isStopped) {
          closeQuietly(socket);
        } else {
          this.#hooks.onSocket(socket);
        }
      } catch (error) {
        if (!this.#isStopped && this.#isFault(error)) {
          this.#noteFault(error);
          await this.#pause();
        }
      }
      if (calls % CALLS_A_TURN === 0) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }

  /** Only what is no peer's doing: else peers that reset their connections before they are accepted (ENOTCONN on Linux) would stop all others. */
  #isFault(error: unknown): boolean {
    if (isOutOfResources(error)) {
      return true;
    }
    return !PEER_ERRORS.has((error as { readonly code?: unknown }).code) &&
      ++this.#failures > MAX_FAILURES && this.#failures % CALLS_A_TURN === 0;
  }

  #noteFault(error: unknown): void {
    const fault = error instanceof Error ? error : new Error(String(error));
    const isNew = this.fault === undefined;
    this.#fault = fault;
    this.#faultUntilMs = this.#clock.nowMs() + FAULT_MS;
    if (isNew) {
      this.#hooks.onFault(fault);
    }
  }

  async #pause(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#endPause = resolve;
    const cancel = this.#clock.schedule(resolve, PAUSE_MS);
    await promise;
    cancel();
  }
}
