/**
 * The files that a store has open for reading. There may be more of them than descriptors: a reader whose client has stalled lends its descriptor to
 * other readers, and gets one again when it goes on.
 *
 * What is read is the file as it was when it was opened. So that this holds for a reader without a descriptor, the file gets a second name before it is
 * closed, and is opened by that again: a file that has a name is not gone, whatever becomes of its first one.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import type { Clock } from "../clock.ts";
import type { StoreCaller } from "../file_store.ts";
import { type ReaderLimitOptions, ReaderLimits } from "../reader_limits.ts";
import type { Turns } from "./turns.ts";
import { WaitingCallers } from "../waiting_callers.ts";
import { type ReadableFile, type ReaderHost, StoreReader } from "./store_reader.ts";
import { EVENT_LOOP_CLOCK } from "./event_loop_clock.ts";
import type { FileSystem } from "./file_system.ts";
import { SecondNames } from "./second_names.ts";

/** Options of {@linkcode OpenFiles}. */
export interface OpenFilesOptions extends ReaderLimitOptions {
  /**
   * Descriptors of files that are read. Beyond it readers wait until others end or stall. Stops clients from using up the descriptors of the
   * process, of which many systems give it 1,024.
   *
   * @default 256
   */
  readonly maxDescriptors?: number | undefined;
  /** The same for each peer. @default half of `maxDescriptors` */
  readonly maxDescriptorsPerPeer?: number | undefined;
  /** @default the system's */
  readonly clock?: Clock | undefined;
}

/** After how long without a read a reader has stalled, in milliseconds. One that reads 1.3 MB/s does so twice in this time. */
const STALLED_MS = 50;

/**
 * After how long without a read a reader may be ended, in milliseconds, when too many are open.
 */
const GIVEN_UP_MS = 5000;

const EVERY_PEER = Symbol("every peer");

/** See the top of the file. */
export class OpenFiles implements ReaderHost {
  readonly fileSystem: FileSystem;
  readonly turns: Turns;
  readonly secondNames: SecondNames;
  readonly #readers: ReaderLimits;
  readonly #maxDescriptors: number;
  readonly #maxPerPeer: number;
  /** Those that are open, or about to be. */
  readonly #all = new Set<StoreReader>();
  /** Those of them that have a descriptor, or are about to get one. */
  readonly #holders = new Set<StoreReader>();
  readonly #heldByPeer = new Map<string | undefined, number>();
  #descriptorCount = 0;
  readonly #waiting = new WaitingCallers<true>("files", { maxPerPeer: Infinity, max: Infinity });
  readonly clock: Clock;
  #cancelWatch: (() => void) | undefined;

  /** @param directory Where second names go. What is left there is removed when the store is opened. */
  constructor(fileSystem: FileSystem, directory: string, turns: Turns, options: OpenFilesOptions = {}) {
    this.fileSystem = fileSystem;
    this.turns = turns;
    this.secondNames = new SecondNames(fileSystem, directory);
    this.clock = options.clock ?? EVENT_LOOP_CLOCK;
    this.#readers = new ReaderLimits(options);
    this.#maxDescriptors = options.maxDescriptors ?? 256;
    this.#maxPerPeer = options.maxDescriptorsPerPeer ?? Math.ceil(this.#maxDescriptors / 2);
  }

  /**
   * Opens a file, when its turn has come and there is a descriptor for it.
   *
   * @throws {Deno.errors.NotFound} There is none.
   * @throws {ConnectError} `resource_exhausted`: too many are open. Or the reason that the caller's signal aborts with.
   */
  async open(path: string, caller: StoreCaller): Promise<ReadableFile> {
    this.#makeRoom(caller.peer);
    this.#readers.take(caller.peer);
    const reader = new StoreReader(this, path, caller);
    this.#all.add(reader);
    try {
      await reader.open();
      return reader;
    } catch (error) {
      await reader[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Gives the file at a path a second name for its readers, as the path is about to name another file, or none. */
  async keep(path: string): Promise<void> {
    for (const reader of [...this.#holders].filter((reader) => reader.path === path)) {
      await reader.takeSecondName();
    }
  }

  async takeDescriptor(reader: StoreReader): Promise<void> {
    const { caller } = reader;
    if (!this.#hasRoom(caller.peer)) {
      const granted = this.#waiting.wait(caller);
      this.#suspendStalled(caller.peer, 1);
      this.#watch();
      await granted;
    } else {
      this.#count(caller.peer, 1);
    }
    this.#holders.add(reader);
  }

  releaseDescriptor(reader: StoreReader): void {
    if (this.#holders.delete(reader)) {
      this.#count(reader.caller.peer, -1);
      this.#serve();
    }
  }

  onEnded(reader: StoreReader): void {
    this.#all.delete(reader);
    this.#readers.release(reader.caller.peer);
  }

  #hasRoom(peer: string | undefined): boolean {
    return this.#descriptorCount < this.#maxDescriptors && (this.#heldByPeer.get(peer) ?? 0) < this.#maxPerPeer;
  }

  #count(peer: string | undefined, change: number): void {
    this.#descriptorCount += change;
    const count = (this.#heldByPeer.get(peer) ?? 0) + change;
    count === 0 ? this.#heldByPeer.delete(peer) : this.#heldByPeer.set(peer, count);
  }

  #serve(): void {
    while (
      this.#waiting.size > 0 && this.#waiting.serve((peer) => {
        if (!this.#hasRoom(peer)) {
          return undefined;
        }
        this.#count(peer, 1);
        return true;
      })
    );
    if (this.#waiting.size === 0) {
      this.#cancelWatch?.();
      this.#cancelWatch = undefined;
    }
  }

  /** Suspends readers that have stalled, the longest first: those of the peer, if that has as many as it may. */
  #suspendStalled(peer: string | undefined, count: number): void {
    const isOverShare = (this.#heldByPeer.get(peer) ?? 0) >= this.#maxPerPeer;
    const suspended = this.#stalledFor(STALLED_MS, this.#holders, isOverShare ? peer : EVERY_PEER)
      .filter((reader) => reader.canBeSuspended);
    suspended.slice(0, count).forEach((reader) => reader.suspend());
  }

  /** Looks for stalled readers again and again, as long as callers wait. */
  #watch(): void {
    this.#cancelWatch ??= this.clock.schedule(() => {
      this.#cancelWatch = undefined;
      this.#waiting.counts().forEach(([peer, count]) => this.#suspendStalled(peer, count));
      if (this.#waiting.size > 0) {
        this.#watch();
      }
    }, STALLED_MS);
  }

  /** Ends a reader that has stalled for long, if there are too many: one of the peer, if that has too many. */
  #makeRoom(peer: string | undefined): void {
    const isPeerFull = this.#readers.isPeerFull(peer);
    if (isPeerFull || this.#readers.isFull) {
      const [longest] = this.#stalledFor(GIVEN_UP_MS, this.#all, isPeerFull ? peer : EVERY_PEER);
      longest?.giveUp(
        new ConnectError(`files: a reader that stalled for ${GIVEN_UP_MS} ms made room`, Code.ResourceExhausted),
      );
    }
  }

  #stalledFor(
    milliseconds: number,
    readers: Iterable<StoreReader>,
    peer: string | undefined | typeof EVERY_PEER,
  ): StoreReader[] {
    const latestMs = this.clock.nowMs() - milliseconds;
    return [...readers]
      .filter((reader) =>
        !reader.isReading && reader.lastReadMs <= latestMs && (peer === EVERY_PEER || reader.caller.peer === peer)
      )
      .sort((one, other) => one.lastReadMs - other.lastReadMs);
  }
}
