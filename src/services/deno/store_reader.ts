/** One reader of a file, which may be without a descriptor while it does not read. */
import { Code, ConnectError } from "@connectrpc/connect";
import type { Clock } from "../clock.ts";
import { CHUNK_BYTES, type StoreCaller } from "../file_store.ts";
import type { Turn, Turns } from "./turns.ts";
import { type FileSystem, fileSystemError } from "./file_system.ts";
import type { SecondName, SecondNames } from "./second_names.ts";

/** A file that is open, as far as its reader knows. */
export interface ReadableFile extends AsyncDisposable {
  readonly info: Deno.FileInfo;
  /** As `OpenFile.read`. */
  read(offset: number, length: number): AsyncGenerator<Uint8Array>;
  /** As read, with each chunk in the place of the one before. */
  readThrough(offset: number, length: number): AsyncGenerator<Uint8Array>;
}

/** What a reader has of its store. */
export interface ReaderHost {
  readonly fileSystem: FileSystem;
  /** For what it does with the disk. */
  readonly turns: Turns;
  readonly secondNames: SecondNames;
  readonly clock: Clock;
  /** Resolves when the reader may have a descriptor. */
  takeDescriptor(reader: StoreReader): Promise<void>;
  releaseDescriptor(reader: StoreReader): void;
  onEnded(reader: StoreReader): void;
}

/** See the top of the file. */
export class StoreReader implements ReadableFile {
  readonly caller: StoreCaller;
  readonly #host: ReaderHost;
  readonly path: string;
  readonly #ending = new AbortController();
  readonly #onAbort: () => void;
  readonly #outerSignal: AbortSignal | undefined;
  #handle: Deno.FsFile | undefined;
  #info: Deno.FileInfo | undefined;
  /** Undefined without one. */
  #secondName: SecondName | undefined;
  /** Where the next read begins, of the handle. */
  #position = 0;
  #pendingReads = 0;
  #suspending: Promise<void> | undefined;
  #naming: Promise<void> | undefined;
  /** Whether it cannot be suspended: the file has no name any more, or its file system has one for each. */
  #isPinned = false;
  #hasEnded = false;
  /** On the clock of its store. */
  lastReadMs: number;

  constructor(host: ReaderHost, path: string, { peer, signal }: StoreCaller) {
    this.#host = host;
    this.path = path;
    this.lastReadMs = host.clock.nowMs();
    this.#outerSignal = signal;
    this.#onAbort = () => this.#ending.abort(signal!.reason);
    this.caller = { peer, signal: this.#ending.signal };
    if (signal?.aborted) {
      this.#onAbort();
    } else {
      signal?.addEventListener("abort", this.#onAbort);
    }
  }

  get info(): Deno.FileInfo {
    return this.#info!;
  }

  /** Whether it reads, or waits to. */
  get isReading(): boolean {
    return this.#pendingReads > 0;
  }

  /** Whether its descriptor can be lent while it does not read. */
  get canBeSuspended(): boolean {
    return this.#handle !== undefined && this.#suspending === undefined && !this.#isPinned;
  }

  async open(): Promise<void> {
    this.#pendingReads++;
    await this.#openHandle(this.path);
    this.#pendingReads--;
  }

  /** Reads into buffers of its own, or into those that it is given back by `next`. */
  async *read(offset: number, length: number): AsyncGenerator<Uint8Array, void, Uint8Array | undefined> {
    const { turns } = this.#host;
    let spare: Uint8Array | undefined;
    for (let position = offset; position < offset + length;) {
      const taken = this.#takeTurn(turns);
      const turn = taken instanceof Promise ? await taken : taken;
      try {
        const bytes = Math.min(CHUNK_BYTES, offset + length - position);
        const buffer = spare !== undefined && spare.length >= bytes ? spare.subarray(0, bytes) : new Uint8Array(bytes);
        const read = await this.#readAt(position, buffer);
        turn.complete();
        if (read === null) {
          return;
        }
        position += read;
        spare = yield buffer.subarray(0, read);
      } finally {
        turn.end();
      }
    }
  }

  /** As read, with each chunk in the place of the one before. */
  async *readThrough(offset: number, length: number): AsyncGenerator<Uint8Array, void> {
    const chunks = this.read(offset, length);
    try {
      for (let result = await chunks.next(); !result.done; result = await chunks.next(result.value)) {
        yield result.value;
      }
    } finally {
      await chunks.return();
    }
  }

  /** Makes sure that the file can be opened again, if that is possible. */
  async takeSecondName(): Promise<void> {
    if (this.#info !== undefined && !this.#hasEnded) {
      await (this.#naming ??= this.#nameAgain());
    }
  }

  /** Lends the descriptor to others. */
  suspend(): void {
    this.#suspending = this.#suspend().finally(() => this.#suspending = undefined);
  }

  /** Ends it, for a reason that its next read fails with. */
  giveUp(reason: ConnectError): void {
    this.#ending.abort(reason);
    this[Symbol.asyncDispose]().catch(() => {}); // What is left of it goes when the store is opened next.
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#hasEnded) {
      return;
    }
    this.#hasEnded = true;
    this.#outerSignal?.removeEventListener("abort", this.#onAbort);
    this.#ending.abort(new ConnectError("the file is closed", Code.Canceled));
    this.#host.onEnded(this);
    await this.#suspending;
    this.#closeHandle();
    await this.#naming;
    if (this.#secondName !== undefined) {
      await this.#host.secondNames.release(this.#secondName);
    }
  }

  /** Gets a turn, and a descriptor first if there is none. It counts as a read from then on. There is no promise where that is at once. */
  #takeTurn(turns: Turns): Turn | Promise<Turn> {
    this.#pendingReads++;
    const isReady = this.#handle !== undefined && this.#suspending === undefined && !this.caller.signal!.aborted;
    const turn = isReady ? turns.take(this.caller) : this.#takeTurnAndHandle(turns);
    return turn instanceof Promise ? this.#countUnlessFailed(turn) : turn;
  }

  async #takeTurnAndHandle(turns: Turns): Promise<Turn> {
    await this.#suspending;
    this.caller.signal!.throwIfAborted();
    if (this.#handle === undefined) {
      await this.#openHandle(this.#secondName!.path);
    }
    return await turns.take(this.caller);
  }

  async #countUnlessFailed(turn: Promise<Turn>): Promise<Turn> {
    try {
      return await turn;
    } catch (error) {
      this.#pendingReads--;
      throw error;
    }
  }

  async #readAt(position: number, buffer: Uint8Array): Promise<number | null> {
    const handle = this.#handle!;
    try {
      if (position !== this.#position) {
        await handle.seek(position, Deno.SeekMode.Start);
      }
      const read = await handle.read(buffer);
      this.#position = position + (read ?? 0);
      return read;
    } finally {
      this.#pendingReads--;
      this.lastReadMs = this.#host.clock.nowMs();
    }
  }

  async #openHandle(path: string): Promise<void> {
    await this.#host.takeDescriptor(this);
    try {
      this.#handle = await this.#host.turns.run(this.caller, () => this.#host.fileSystem.open(path, { read: true }));
      this.#position = 0;
      this.#info ??= await this.#handle.stat();
      this.caller.signal!.throwIfAborted();
    } catch (error) {
      this.#closeHandle();
      throw fileSystemError(error);
    }
  }

  async #suspend(): Promise<void> {
    await this.takeSecondName();
    if (this.#secondName !== undefined && this.#pendingReads === 0) { // Else it goes on already.
      this.#closeHandle();
    }
  }

  async #nameAgain(): Promise<void> {
    this.#secondName = await this.#host.secondNames.take(this.path, this.info);
    this.#isPinned = this.#secondName === undefined;
  }

  #closeHandle(): void {
    this.#handle?.close();
    this.#handle = undefined;
    this.#host.releaseDescriptor(this);
  }
}
