/** A socket in memory: what it reads, how much at a time, and when a write ends is the test's to say. */
import { setImmediate } from "node:timers";
import { concat } from "./frame_builder.ts";

/** Lets everything happen that can happen now: promises, and what waits for its turn. */
export async function settle(turns = 20): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** See the top of the file. */
export class FakeSocket implements Deno.Conn {
  readonly localAddr: Deno.Addr = { transport: "tcp", hostname: "127.0.0.1", port: 1 };
  readonly remoteAddr: Deno.Addr = { transport: "tcp", hostname: "127.0.0.1", port: 2 };
  /** What was written, one for each write. */
  readonly writes: Uint8Array[] = [];
  /** Octets that one read, and one write, take at most. */
  maxRead = Infinity;
  maxWrite = Infinity;
  /** How many octets the last read could have taken. */
  readSize = 0;
  isClosed = false;
  isWriteClosed = false;
  /** Whether writes wait until this is undefined and {@linkcode resume} is called. */
  isWriteBlocked = false;
  /** What the next write fails with. */
  writeError: Error | undefined;
  #input: Uint8Array = new Uint8Array(0);
  #isEnded = false;
  #wake: (() => void) | undefined;
  #resume: (() => void) | undefined;

  /** Octets that were given and not read. */
  get unread(): number {
    return this.#input.length;
  }

  /** What was written, in one piece. */
  get written(): Uint8Array {
    return concat(...this.writes);
  }

  /** Gives octets to read. */
  give(...parts: readonly Uint8Array[]): void {
    this.#input = concat(this.#input, ...parts);
    this.#wake?.();
  }

  /** Lets reading come to an end. */
  end(): void {
    this.#isEnded = true;
    this.#wake?.();
  }

  /** Lets a write that waits go on. */
  resume(): void {
    this.isWriteBlocked = false;
    this.#resume?.();
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    this.readSize = buffer.length;
    while (this.#input.length === 0 && !this.#isEnded && !this.isClosed) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    if (this.isClosed) {
      throw new Deno.errors.BadResource("closed");
    }
    if (this.#input.length === 0) {
      return null;
    }
    const length = Math.min(this.#input.length, buffer.length, this.maxRead);
    buffer.set(this.#input.subarray(0, length));
    this.#input = this.#input.subarray(length);
    return length;
  }

  async write(octets: Uint8Array): Promise<number> {
    while (this.isWriteBlocked && !this.isClosed) {
      await new Promise<void>((resolve) => this.#resume = resolve);
    }
    if (this.writeError !== undefined) {
      throw this.writeError;
    }
    if (this.isClosed) {
      throw new Deno.errors.BadResource("closed");
    }
    const length = Math.min(octets.length, this.maxWrite);
    this.writes.push(octets.slice(0, length));
    return length;
  }

  closeWrite(): Promise<void> {
    this.isWriteClosed = true;
    return Promise.resolve();
  }

  close(): void {
    this.isClosed = true;
    this.#wake?.();
    this.#resume?.();
  }

  ref(): void {}
  unref(): void {}
  [Symbol.dispose](): void {
    this.close();
  }
  get readable(): never {
    throw new TypeError("Not needed");
  }
  get writable(): never {
    throw new TypeError("Not needed");
  }
}
