/**
 * The uploads of a store: how many there are, of which peers, and which of them make room for others. The store has their bytes.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import { type AnnouncedFile, LOCAL_CALLER, type Upload, type UploadOptions } from "./file_store.ts";
import { StagedUpload, type UploadContent, type UploadHost, type UploadState } from "./staged_upload.ts";

/** How many uploads a store has, and how large they get. */
export interface UploadLimits {
  /** Unfinished uploads at a time. Stops many peers from filling the disk with them, or the memory. @default 1000 */
  readonly maxUploads?: number | undefined;
  /**
   * The same for each peer. Stops one peer from taking the slots of all. As many as a connection has streams.
   *
   * @default 128
   */
  readonly maxUploadsPerPeer?: number | undefined;
  /** Bytes that unfinished uploads have together. Stops many peers from filling the disk with what never becomes a file. @default 64 GiB */
  readonly maxUploadBytes?: number | undefined;
  /** The same for each peer. @default half of `maxUploadBytes` */
  readonly maxUploadBytesPerPeer?: number | undefined;
  /**
   * Bytes of chunks that wait to be written. Stops clients that write faster than the disk from filling the memory.
   *
   * @default 128 MiB
   */
  readonly maxWaitingBytes?: number | undefined;
}

/** The defaults of {@linkcode UploadLimits}. */
export const MAX_UPLOADS = 1000;
export const MAX_UPLOADS_PER_PEER = 128;
export const MAX_UPLOAD_BYTES = 64 * 1024 ** 3;
const MAX_WAITING_BYTES = 128 * 1024 ** 2;

/**
 * How long nothing was written to an upload that has to make room where there is no other way, in milliseconds. A client that goes on does so within
 * seconds, and one whose network broke within minutes.
 */
export const IDLE_UPLOAD_MS = 10 * 60 * 1000;

/** What the unfinished uploads of a peer come to. */
interface PeerUsage {
  uploads: number;
  bytes: number;
}

/** The uploads of a store. */
export class Uploads implements UploadHost {
  /** In the order in which they began. */
  readonly #uploads = new Map<string, StagedUpload>();
  /** Of peers that have unfinished ones, or begin one. */
  readonly #usage = new Map<string | undefined, PeerUsage>();
  readonly #now: () => number;
  readonly #maxUploads: number;
  readonly #maxUploadsPerPeer: number;
  readonly #maxBytes: number;
  readonly #maxBytesPerPeer: number;
  readonly #maxWaitingBytes: number;
  #starting = 0;
  #bytes = 0;
  #waitingBytes = 0;

  constructor(now: () => number, limits: UploadLimits = {}) {
    this.#now = now;
    this.#maxUploads = limits.maxUploads ?? MAX_UPLOADS;
    this.#maxUploadsPerPeer = limits.maxUploadsPerPeer ?? MAX_UPLOADS_PER_PEER;
    this.#maxBytes = limits.maxUploadBytes ?? MAX_UPLOAD_BYTES;
    this.#maxBytesPerPeer = limits.maxUploadBytesPerPeer ?? Math.ceil(this.#maxBytes / 2);
    this.#maxWaitingBytes = limits.maxWaitingBytes ?? MAX_WAITING_BYTES;
  }

  /**
   * Begins an upload. `prepare` makes the place of its bytes. Where there is no room, an upload makes it that was finished, that has expired, to which nothing was
   * written, or not for {@linkcode IDLE_UPLOAD_MS}: of the same peer if that has too many, else of the peer that has most.
   *
   * @throws {ConnectError} `resource_exhausted`: there are too many unfinished ones. What `prepare` throws.
   */
  async start(
    file: AnnouncedFile,
    { resumable, caller: { peer } = LOCAL_CALLER }: UploadOptions,
    prepare: (id: string) => Promise<UploadContent>,
  ): Promise<Upload> {
    await this.#makeRoom(peer);
    this.#starting++;
    this.#usageOf(peer).uploads++;
    try {
      const id = crypto.randomUUID();
      const content = await prepare(id);
      const lastWriteMs = this.#now();
      return this.#add({ id, file, resumable, peer, received: 0, finished: undefined, lastWriteMs }, content);
    } finally {
      this.#starting--;
      this.#leave(peer);
    }
  }

  /** Adds what an earlier life of the store left. What is too much of it is thrown away, as if it had begun now. */
  async restore(
    states: readonly { readonly state: UploadState; readonly content: UploadContent }[],
  ): Promise<void> {
    const oldestFirst = states.toSorted((one, other) => one.state.lastWriteMs - other.state.lastWriteMs);
    for (const { state, content } of oldestFirst) {
      this.#add(state, content);
    }
    await this.removeExpired();
    for (const upload of [...this.#uploads.values()].slice(0, Math.max(0, this.#uploads.size - this.#maxUploads))) {
      await upload.abort();
    }
    // A crash may have left what was to make room.
    for (const peer of [...this.#usage.keys()]) {
      while ((this.#usage.get(peer)?.uploads ?? 0) > this.#maxUploadsPerPeer) {
        const dropped = this.#leastMissed(peer);
        if (dropped === undefined) {
          break;
        }
        await dropped.drop();
      }
    }
  }

  find(id: string): Upload | undefined {
    const upload = this.#uploads.get(id);
    return upload?.resumable && upload.expires.getTime() > this.#now() ? upload : undefined;
  }

  async removeExpired(): Promise<void> {
    const expired = [...this.#uploads.values()].filter((upload) => this.#hasExpired(upload));
    await Promise.all(expired.map((upload) => upload.abort()));
  }

  /** Throws away the uploads that cannot be resumed. */
  async close(): Promise<void> {
    const transient = [...this.#uploads.values()].filter((upload) => !upload.resumable);
    await Promise.all(transient.map((upload) => upload.abort()));
  }

  now(): number {
    return this.#now();
  }

  holdChunk(bytes: number): void {
    if (this.#waitingBytes + bytes > this.#maxWaitingBytes) {
      const limit = `${this.#maxWaitingBytes} bytes waiting to be written`;
      throw new ConnectError(`uploads: the limit is ${limit}`, Code.ResourceExhausted);
    }
    this.#waitingBytes += bytes;
  }

  letGoOfChunk(bytes: number): void {
    this.#waitingBytes -= bytes;
  }

  takeBytes({ peer }: StagedUpload, bytes: number): void {
    const usage = this.#usageOf(peer);
    if (usage.bytes + bytes > this.#maxBytesPerPeer) {
      const limit = `${this.#maxBytesPerPeer} bytes in unfinished ones for each peer`;
      throw new ConnectError(`uploads: the limit is ${limit}`, Code.ResourceExhausted);
    }
    if (this.#bytes + bytes > this.#maxBytes) {
      throw new ConnectError(
        `uploads: the limit is ${this.#maxBytes} bytes in unfinished ones`,
        Code.ResourceExhausted,
      );
    }
    usage.bytes += bytes;
    this.#bytes += bytes;
  }

  releaseBytes({ peer }: StagedUpload, bytes: number): void {
    this.#usageOf(peer).bytes -= bytes;
    this.#bytes -= bytes;
  }

  onFinished({ peer }: StagedUpload): void {
    this.#leave(peer);
  }

  onDiscarded({ id, peer, finished }: StagedUpload): void {
    this.#uploads.delete(id);
    if (finished === undefined) {
      this.#leave(peer);
    }
  }

  #add(state: UploadState, content: UploadContent): Upload {
    const upload = new StagedUpload(state, content, this);
    this.#uploads.set(state.id, upload);
    if (state.finished === undefined) {
      const usage = this.#usageOf(state.peer);
      usage.uploads++;
      usage.bytes += state.received;
      this.#bytes += state.received;
    }
    return upload;
  }

  #usageOf(peer: string | undefined): PeerUsage {
    let usage = this.#usage.get(peer);
    if (usage === undefined) {
      usage = { uploads: 0, bytes: 0 };
      this.#usage.set(peer, usage);
    }
    return usage;
  }

  #leave(peer: string | undefined): void {
    if (--this.#usageOf(peer).uploads === 0) {
      this.#usage.delete(peer);
    }
  }

  #hasExpired(upload: StagedUpload): boolean {
    return upload.resumable && upload.expires.getTime() <= this.#now();
  }

  async #makeRoom(peer: string | undefined): Promise<void> {
    while ((this.#usage.get(peer)?.uploads ?? 0) >= this.#maxUploadsPerPeer) {
      await this.#dropOne([peer], `${this.#maxUploadsPerPeer} unfinished ones for each peer`);
    }
    while (this.#uploads.size + this.#starting >= this.#maxUploads) {
      const finished = this.#uploads.values().find((upload) => upload.finished !== undefined && !upload.isBusy);
      if (finished !== undefined) { // It is kept only to answer clients that finish it again.
        await finished.abort();
      } else {
        const peers = [...this.#usage].toSorted(([, one], [, other]) => other.uploads - one.uploads);
        await this.#dropOne(peers.map(([peer]) => peer), `${this.#maxUploads} unfinished ones`);
      }
    }
  }

  /** Throws away the upload that is missed least, of the first peer that has one. @throws {ConnectError} None can be thrown away. */
  async #dropOne(peers: readonly (string | undefined)[], limit: string): Promise<void> {
    for (const peer of peers) {
      const dropped = this.#leastMissed(peer);
      if (dropped !== undefined) {
        return await dropped.drop();
      }
    }
    throw new ConnectError(`uploads: the limit is ${limit}`, Code.ResourceExhausted);
  }

  /** Returns the upload of a peer that is missed least; undefined when none can be thrown away. */
  #leastMissed(peer: string | undefined): StagedUpload | undefined {
    const idleSinceMs = this.#now() - IDLE_UPLOAD_MS;
    const own = [...this.#uploads.values()].filter((upload) =>
      upload.peer === peer && upload.finished === undefined && !upload.isBusy
    );
    return own.find((upload) => this.#hasExpired(upload)) ??
      own.find((upload) => upload.received === 0) ??
      own.filter((upload) => upload.resumable && upload.lastWriteMs <= idleSinceMs)
        .toSorted((one, other) => one.lastWriteMs - other.lastWriteMs)[0];
  }
}
