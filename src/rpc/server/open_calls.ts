/** The calls that have not been answered to the end, and how many handlers go on for nobody. */
import type { ConnectError } from "@connectrpc/connect";
import type { ConnectionInfo } from "../../http/mod.ts";

/** A call that is in a list. */
export interface OpenCall {
  /** @internal The calls before and behind it: the list is made of its members, so that a call that comes and goes costs nothing. */
  previousOpen: OpenCall | undefined;
  /** @internal */
  nextOpen: OpenCall | undefined;
  readonly connection: ConnectionInfo | undefined;
  /** Whether its handler, or the gate before it, was called and has not ended. */
  isRunning: boolean;
  /** @internal Whether it ended before them, and counts for its connection. */
  isAbandoned: boolean;
  /** Ends it with an error. */
  cut(error: ConnectError): void;
}

/** Knows the calls under way, and how many of a connection go on that nobody waits for. */
export class OpenCalls {
  readonly #maxAbandoned: number;
  #count = 0;
  #first: OpenCall | undefined = undefined;
  /** Only connections that have some. */
  readonly #abandoned = new Map<ConnectionInfo, number>();

  constructor(maxAbandoned: number) {
    this.#maxAbandoned = maxAbandoned;
  }

  /** How many calls there are. */
  get count(): number {
    return this.#count;
  }

  add(call: OpenCall): void {
    call.nextOpen = this.#first;
    if (this.#first !== undefined) {
      this.#first.previousOpen = call;
    }
    this.#first = call;
    this.#count++;
  }

  /** Does nothing when the call was not added, or is removed already. */
  remove(call: OpenCall): void {
    const { previousOpen, nextOpen } = call;
    if (previousOpen !== undefined) {
      previousOpen.nextOpen = nextOpen;
    } else if (this.#first === call) {
      this.#first = nextOpen;
    } else {
      return;
    }
    this.#count--;
    if (nextOpen !== undefined) {
      nextOpen.previousOpen = previousOpen;
    }
    call.previousOpen = undefined;
    call.nextOpen = undefined;
  }

  /** Ends all of them. */
  cutAll(error: ConnectError): void {
    const calls: OpenCall[] = [];
    for (let call = this.#first; call !== undefined; call = call.nextOpen) {
      calls.push(call); // The end of one may be that of others.
    }
    calls.forEach((call) => call.cut(error));
  }

  /** A call ends. If its handler goes on, it counts for its connection until that ends, too. */
  leave(call: OpenCall): void {
    const { connection } = call;
    if (call.isRunning && connection !== undefined) {
      call.isAbandoned = true;
      this.#abandoned.set(connection, (this.#abandoned.get(connection) ?? 0) + 1);
    }
  }

  /** The handler of a call has ended. */
  settle(call: OpenCall): void {
    call.isRunning = false;
    if (!call.isAbandoned) {
      return;
    }
    call.isAbandoned = false;
    const connection = call.connection!;
    const count = this.#abandoned.get(connection)! - 1;
    if (count === 0) {
      this.#abandoned.delete(connection);
    } else {
      this.#abandoned.set(connection, count);
    }
  }

  /**
   * Whether a connection has abandoned so many calls that it gets no new ones. The engine forgets a stream when it is reset, so without this a client
   * that opens and resets streams runs any number of handlers (CVE-2023-44487, CVE-2025-8671).
   */
  isOverloadedBy(connection: ConnectionInfo | undefined): boolean {
    if (this.#abandoned.size === 0 || connection === undefined) {
      return false;
    }
    const count = this.#abandoned.get(connection);
    return count !== undefined && count >= this.#maxAbandoned;
  }
}
