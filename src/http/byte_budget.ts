/**
 * How many bytes peers make a server keep: requests that are not complete, or whose handler has not dealt with them, and responses that are not
 * taken. One {@linkcode ByteBudget} is for all connections of a server, and each of them has a {@linkcode ByteAccount} of it.
 *
 * Flow control does not bound these bytes: the window of a message is given back before the message is complete, since messages may be larger than
 * windows, and a response is complete before a window has to be there. When there are too many, what keeps the most is refused first: the largest
 * request or response of the connection, or those of the largest connections. A caller that keeps little does not notice.
 *
 * What is small and soon gone is not counted, so that a unary call does not get here. This module performs no I/O.
 */
import { RefusalError } from "./refusal.ts";

/** Pieces of up to so many bytes are not counted where nearly every call has one: heads, output, whole messages that wait for the end of a request. */
export const UNCOUNTED_BYTES = 4096;

/**
 * When the server keeps too much, requests and responses are refused until it keeps this part of what it may. The next look at all connections comes
 * after as many bytes as are between the two, so that looking is not what an attack costs.
 */
const REFUSED_DOWN_TO = 7 / 8;

/** Limits of {@linkcode ByteBudget}, in bytes. */
export interface ByteBudgetLimits {
  /** Of all connections together. */
  readonly maxBytes: number;
  /** Of one connection. */
  readonly maxConnectionBytes: number;
}

/** What a {@linkcode ByteBudget} tells. It must not throw. */
export interface ByteBudgetHost {
  /** Something was refused. */
  onRefused?: ((error: RefusalError) => void) | undefined;
}

/** Whose requests and responses are counted by an account. */
export interface ByteAccountOwner {
  /** Ends what keeps the most bytes, so that it keeps fewer. */
  refuseLargest(error: RefusalError): void;
}

/** See the top of the file. */
export class ByteBudget {
  readonly limits: ByteBudgetLimits;
  /** The first of the accounts that have bytes. The list is made of its members: a Set would grow tables for connections that come and go. */
  #first: ByteAccount | undefined = undefined;
  #bytes = 0;
  #orphanedBytes = 0;
  #isRefusing = false;

  readonly #host: ByteBudgetHost;

  constructor(limits: ByteBudgetLimits, host: ByteBudgetHost = {}) {
    this.limits = limits;
    this.#host = host;
  }

  /** All bytes that are kept, also those of handlers that go on after their call. */
  get bytes(): number {
    return this.#bytes + this.#orphanedBytes;
  }

  /** Begins to count for a connection. There is nothing to be closed: an account without bytes is not known here. */
  open(owner: ByteAccountOwner): ByteAccount {
    return new ByteAccount(this, owner);
  }

  /** @internal Something was refused. */
  noteRefused(error: RefusalError): void {
    this.#host.onRefused?.(error);
  }

  /** @internal Counts bytes that an account has more, or fewer. */
  count(account: ByteAccount, bytes: number): void {
    this.#bytes += bytes;
    if (account.bytes === 0) {
      this.#unlink(account);
    } else if (account.bytes === bytes) {
      this.#link(account);
    }
  }

  /** @internal */
  countOrphaned(bytes: number): void {
    this.#orphanedBytes += bytes;
  }

  /** @internal Refuses what has to be refused after an account got more. */
  enforce(account: ByteAccount): void {
    if (this.#isRefusing) {
      return; // What a refusal has others do is looked at when it is done.
    }
    const { maxBytes, maxConnectionBytes } = this.limits;
    this.#isRefusing = true;
    try {
      if (account.bytes > maxConnectionBytes || account.orphanedBytes >= maxConnectionBytes) {
        const level = account.orphanedBytes >= maxConnectionBytes ? account.bytes - 1 : maxConnectionBytes;
        account.refuseDownTo(level, RefusalError.ofConnection(maxConnectionBytes));
      }
      if (this.#orphanedBytes >= maxBytes) {
        account.refuseDownTo(account.bytes - 1, RefusalError.ofServer(maxBytes));
      }
      if (this.#bytes > maxBytes) {
        this.#refuseLargest(Math.floor(maxBytes * REFUSED_DOWN_TO), RefusalError.ofServer(maxBytes));
      }
    } finally {
      this.#isRefusing = false;
    }
  }

  /** Takes all that have more than a level down to it, where the level is such that all together have no more than `target`. */
  #refuseLargest(target: number, error: RefusalError): void {
    const accounts: ByteAccount[] = [];
    for (let account = this.#first; account !== undefined; account = account.next) {
      accounts.push(account);
    }
    accounts.sort((a, b) => a.bytes - b.bytes);
    let left = target;
    let level = 0;
    for (let index = 0; index < accounts.length; index++) {
      level = Math.floor(left / (accounts.length - index));
      if (accounts[index]!.bytes > level) {
        break;
      }
      left -= accounts[index]!.bytes;
    }
    for (let index = accounts.length - 1; index >= 0 && this.#bytes > target; index--) {
      accounts[index]!.refuseDownTo(level, error);
    }
  }

  #link(account: ByteAccount): void {
    account.next = this.#first;
    if (this.#first !== undefined) {
      this.#first.previous = account;
    }
    this.#first = account;
  }

  #unlink(account: ByteAccount): void {
    const { previous, next } = account;
    if (previous !== undefined) {
      previous.next = next;
    } else if (this.#first === account) {
      this.#first = next;
    }
    if (next !== undefined) {
      next.previous = previous;
    }
    account.previous = account.next = undefined;
  }
}

/** The bytes of one connection. */
export class ByteAccount {
  /** @internal The accounts with bytes before and behind it. */
  previous: ByteAccount | undefined = undefined;
  /** @internal */
  next: ByteAccount | undefined = undefined;
  readonly #budget: ByteBudget;
  readonly #owner: ByteAccountOwner;
  #bytes = 0;
  #orphanedBytes = 0;

  /** @internal */
  constructor(budget: ByteBudget, owner: ByteAccountOwner) {
    this.#budget = budget;
    this.#owner = owner;
  }

  /** Bytes that are free when what keeps them is refused. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes that handlers keep whose calls have ended. Nothing can be refused for them; when they are as many as a limit, what comes is refused. */
  get orphanedBytes(): number {
    return this.#orphanedBytes;
  }

  /** Counts bytes that are kept from now on. Before this returns, anything of any connection may have been refused. */
  add(bytes: number): void {
    this.#bytes += bytes;
    this.#budget.count(this, bytes);
    this.#budget.enforce(this);
  }

  /** Counts bytes that are free again. */
  remove(bytes: number): void {
    this.#bytes -= bytes;
    this.#budget.count(this, -bytes);
  }

  /** The call has ended for which bytes are kept, its handler has not. */
  orphan(bytes: number): void {
    this.remove(bytes);
    this.#orphanedBytes += bytes;
    this.#budget.countOrphaned(bytes);
  }

  /** The handler has ended, too. */
  removeOrphaned(bytes: number): void {
    this.#orphanedBytes -= bytes;
    this.#budget.countOrphaned(-bytes);
  }

  /** @internal Refuses the largest, one after the other, until no more than so many bytes are left. */
  refuseDownTo(level: number, error: RefusalError): void {
    for (let before = Infinity; this.#bytes > level && this.#bytes < before;) {
      before = this.#bytes;
      this.#owner.refuseLargest(error);
      this.#budget.noteRefused(error);
    }
  }
}
