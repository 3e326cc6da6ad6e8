/** A server on several threads: workers that listen on one port, among which the system spreads connections. */
import {
  assertCertificates,
  Backoff,
  type BackoffOptions,
  DEFAULT_MAX_CONNECTIONS,
  defaultMaxBufferedBytes,
  limitConnections,
  MIN_BUFFERED_BYTES,
  prepareForShortage,
  threadShortage,
  type TlsServerOptions,
  watchGarbage,
} from "../net/mod.ts";
import { logger, type Metrics, type MetricsSnapshot } from "../ops/mod.ts";
import type { FileStore } from "../services/mod.ts";
import type { Serving, WorkerSettings } from "./serving.ts";
import { WorkerThread } from "./worker_thread.ts";

/** Options of {@linkcode WorkerPool.start}. */
export interface WorkerPoolOptions<Settings extends WorkerSettings> {
  /** The module of the workers, which calls `runWorker`. */
  readonly moduleUrl: string;
  /** How many workers there are, from 1. */
  readonly count: number;
  /** What they start with. Of the connections and of what may wait each has its share; the Unix socket is the first one's. */
  readonly settings: Settings;
  /** The files of all. */
  readonly store: FileStore;
  /** What is known of the process, beside what the workers count. None by default. */
  readonly metrics?: Metrics | undefined;
  /** When one that crashed starts again, from when it started last: each time it crashes later. @default 1 s, growing to 30 s */
  readonly backoff?: BackoffOptions | undefined;
  /** Says why another thread cannot be started; undefined when it can. @default by the file descriptors that are free */
  readonly threadShortage?: (() => Error | undefined) | undefined;
}

const DEFAULT_BACKOFF: BackoffOptions = { initialMs: 1000, maxMs: 30_000 };

/** How long a worker has to go on for its crashes to be forgotten, in milliseconds. */
const STEADY_MS = 60_000;

/** How long the pool waits before it looks for descriptors again, in milliseconds. */
const SHORTAGE_PAUSE_MS = 100;

/** How long a worker may take to say whether it accepts connections, in milliseconds: probes wait for a second, mostly. */
const READY_TIMEOUT_MS = 500;

/** See the top of the file. */
export class WorkerPool<Settings extends WorkerSettings> implements Serving {
  readonly maxConnections: number;
  readonly #options: WorkerPoolOptions<Settings>;
  /** With the certificates that were loaded last. */
  #settings: Settings;
  /** Those that are not over. */
  readonly #threads = new Set<WorkerThread<Settings>>();
  readonly #ending = Promise.withResolvers<void>();
  #isEnding = false;
  #url: string | undefined;

  /** Of this thread, which has the store. */
  readonly #garbage = watchGarbage(() => 0);

  private constructor(options: WorkerPoolOptions<Settings>) {
    this.#options = options;
    this.#settings = options.settings;
    this.maxConnections = limitConnections(
      options.settings.listen.maxConnections ?? DEFAULT_MAX_CONNECTIONS,
      options.count,
    );
  }

  /** @throws {Error} A worker could not start: why. */
  static async start<Settings extends WorkerSettings>(
    options: WorkerPoolOptions<Settings>,
  ): Promise<WorkerPool<Settings>> {
    prepareForShortage(); // A panic in this thread, which has the store, would end all.
    const pool = new WorkerPool(options);
    try {
      const first = pool.#startThread(1);
      pool.#url = await first.started; // The others join it at its port.
      const others = Array.from({ length: options.count - 1 }, (_, index) => pool.#startThread(index + 2));
      await Promise.all(others.map(({ started }) => started));
      [first, ...others].forEach((thread) => pool.#keep(thread));
      return pool;
    } catch (error) {
      await pool.close();
      throw error;
    }
  }

  get url(): string {
    return this.#url!;
  }

  async connectionCount(): Promise<number> {
    const counts = await this.#ask(({ calls }) => calls.call("connectionCount"));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** The system gives a worker connections as long as it listens, so that all that serve have to accept them. */
  async notReadyReason(): Promise<string | undefined> {
    if (this.#isEnding) {
      return "the server is shutting down";
    }
    const serving = [...this.#threads].filter(({ isServing }) => isServing);
    if (serving.length === 0) {
      return "no worker serves";
    }
    const reasons = await Promise.all(serving.map((thread) => this.#reasonOf(thread)));
    return reasons.find((reason) => reason !== undefined);
  }

  async #reasonOf(thread: WorkerThread<Settings>): Promise<string | undefined> {
    const late = Promise.withResolvers<string>();
    const timer = setTimeout(() => late.resolve(`worker ${thread.number} does not respond`), READY_TIMEOUT_MS);
    try {
      return await Promise.race([thread.calls.call("notReadyReason"), late.promise]);
    } catch {
      return undefined; // It has crashed meanwhile: the system gives it no connections any more.
    } finally {
      clearTimeout(timer);
    }
  }

  async metrics(): Promise<readonly MetricsSnapshot[]> {
    const { metrics } = this.#options;
    const counted = await this.#ask(({ calls }) => calls.call("metrics"));
    return [...metrics === undefined ? [] : [await metrics.snapshot()], ...counted.flat()];
  }

  drain(): void {
    this.#stopReplacing();
    this.#ask(({ calls }) => calls.call("drain"));
  }

  cutShort(): void {
    this.#ask(({ calls }) => calls.call("cutShort"));
  }

  async shutdown(): Promise<void> {
    this.#stopReplacing();
    await this.#ask(({ calls }) => calls.call("shutdown"));
    await this.close();
  }

  async close(): Promise<void> {
    this.#garbage[Symbol.dispose]();
    this.#stopReplacing();
    await Promise.all([...this.#threads].map((thread) => thread.terminate()));
  }

  async reloadTls(certificates: TlsServerOptions): Promise<void> {
    const { listen } = this.#settings;
    const { clientCa = listen.tls?.clientCa } = certificates;
    const tls = { ...certificates, clientCa };
    assertCertificates(tls);
    this.#settings = { ...this.#settings, listen: { ...listen, tls } };
    await this.#ask(({ calls }) => calls.call("reloadTls", tls));
  }

  /** What the workers answer, but for those that crash meanwhile. */
  async #ask<T>(ask: (thread: WorkerThread<Settings>) => Promise<T>): Promise<T[]> {
    const answers = await Promise.all([...this.#threads].map(async (thread) => {
      try {
        return [await ask(thread)];
      } catch (error) {
        if (thread.isOver) {
          return [];
        }
        throw error;
      }
    }));
    return answers.flat();
  }

  #startThread(number: number): WorkerThread<Settings> {
    const { moduleUrl, store } = this.#options;
    const thread = new WorkerThread({ moduleUrl, number, settings: this.#settingsOf(number), store });
    this.#threads.add(thread);
    thread.ended.then(() => this.#threads.delete(thread));
    return thread;
  }

  #settingsOf(number: number): Settings {
    const { listen } = this.#settings;
    const { maxBufferedBytes = defaultMaxBufferedBytes() } = listen;
    return {
      ...this.#settings,
      listen: {
        ...listen,
        ...this.#url === undefined
          ? { portSharing: "claim" }
          : { portSharing: "join", port: Number(/\d+$/.exec(this.#url)) }, // `URL` would leave out 80 and 443.
        unixPath: number === 1 ? listen.unixPath : undefined,
        maxConnections: Math.ceil(this.maxConnections / this.#options.count),
        maxBufferedBytes: Math.max(MIN_BUFFERED_BYTES, Math.ceil(maxBufferedBytes / this.#options.count)),
      },
    };
  }

  /** Starts another worker whenever one has crashed, until the pool ends. */
  async #keep(thread: WorkerThread<Settings>): Promise<void> {
    const { number } = thread;
    const backoff = new Backoff(this.#options.backoff ?? DEFAULT_BACKOFF);
    while (true) {
      const startMs = performance.now();
      const error = await thread.ended;
      if (error === undefined) {
        return;
      }
      if (this.#isEnding) {
        logger.error("Worker {worker} crashed: {error}", { worker: number, error });
        return;
      }
      const lifeMs = performance.now() - startMs;
      if (lifeMs >= STEADY_MS) {
        backoff.reset();
      }
      const pauseMs = Math.max(0, Math.round(backoff.next() - lifeMs));
      logger.error("Worker {worker} crashed: {error}; starting another in {pauseMs} ms", {
        worker: number,
        error,
        pauseMs,
      });
      await this.#pause(pauseMs);
      await this.#untilDescriptors(number);
      if (this.#isEnding) {
        return;
      }
      if (number === 1) {
        this.#removeUnixSocket();
      }
      thread = this.#startThread(number);
      thread.started.then(() => logger.info("Worker {worker} serves again", { worker: number }), () => {});
    }
  }

  /** Waits until the process has descriptors for another thread, or the pool ends. */
  async #untilDescriptors(number: number): Promise<void> {
    const find = this.#options.threadShortage ?? threadShortage;
    for (let error = find(), isTold = false; error !== undefined && !this.#isEnding; error = find()) {
      if (!isTold) {
        isTold = true;
        logger.error("Worker {worker} cannot start yet: {error}", { worker: number, error });
      }
      await this.#pause(SHORTAGE_PAUSE_MS);
    }
  }

  /** Waits, but not longer than until the pool ends. */
  async #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    await Promise.race([promise, this.#ending.promise]);
    clearTimeout(timer);
  }

  #stopReplacing(): void {
    this.#isEnding = true;
    this.#ending.resolve();
  }

  /** A worker that crashed leaves its socket behind, and nobody can listen there then. */
  #removeUnixSocket(): void {
    const { unixPath } = this.#settings.listen;
    if (unixPath !== undefined) {
      try {
        Deno.removeSync(unixPath);
      } catch {
        // Somebody else did.
      }
    }
  }
}
