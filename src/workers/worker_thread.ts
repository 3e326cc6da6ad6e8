/** A worker, as the main thread sees it. */
import { logger } from "../ops/mod.ts";
import type { FileStore } from "../services/mod.ts";
import { fromErrorData } from "./error_data.ts";
import { PortCalls } from "./port_calls.ts";
import type { WorkerSettings } from "./serving.ts";
import { StoreHost } from "./store_host.ts";
import type { MainMethods, WorkerMethods } from "./worker_calls.ts";

/** Options of {@linkcode WorkerThread}. */
export interface WorkerThreadOptions<Settings extends WorkerSettings> {
  /** The module that calls `runWorker`. */
  readonly moduleUrl: string;
  /** From 1. */
  readonly number: number;
  readonly settings: Settings;
  readonly store: FileStore;
}

/** See the top of the file. It is over when it has crashed, could not start, or was terminated. */
export class WorkerThread<Settings extends WorkerSettings> {
  readonly number: number;
  /** They fail with what it crashed with, or when it is terminated. */
  readonly calls: PortCalls<MainMethods, WorkerMethods<Settings>>;
  /** Where it listens, once it does. @throws {Error} It could not start. */
  readonly started: Promise<string>;
  /** Resolves when it is over, to what it crashed with or could not start for. What it had of the store is closed by then. */
  readonly ended: Promise<Error | undefined>;
  readonly #worker: Worker;
  readonly #store: StoreHost;
  readonly #end = Promise.withResolvers<Error | undefined>();
  #hasStarted = false;
  #isOver = false;

  constructor({ moduleUrl, number, settings, store }: WorkerThreadOptions<Settings>) {
    this.number = number;
    this.ended = this.#end.promise;
    const [main, files] = [new MessageChannel(), new MessageChannel()];
    this.calls = new PortCalls(main.port1, { crashed: (error) => this.#finish(fromErrorData(error)) });
    this.#store = new StoreHost(store, files.port1);
    this.#worker = new Worker(moduleUrl, { type: "module", name: `worker ${number}` });
    this.#worker.addEventListener("error", (event) => { // Its module cannot be loaded.
      event.preventDefault();
      this.#finish(new Error(event.message));
    });
    this.#worker.postMessage(main.port2, [main.port2]);
    this.started = this.#start(settings, files.port2);
  }

  /** Whether it has started, and is not over. */
  get isServing(): boolean {
    return this.#hasStarted && !this.#isOver;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Ends it at once, and its connections. */
  async terminate(): Promise<void> {
    this.#finish(undefined);
    await this.ended;
  }

  async #start(settings: Settings, store: MessagePort): Promise<string> {
    try {
      const url = await this.calls.call("start", settings, this.number, store);
      this.#hasStarted = true;
      return url;
    } catch (error) {
      this.#finish(error as Error);
      throw error;
    }
  }

  /** The first reason counts. */
  #finish(error: Error | undefined): void {
    if (this.#isOver) {
      return;
    }
    this.#isOver = true;
    this.#worker.terminate();
    this.calls.close(error ?? new Error(`Worker ${this.number} was terminated`));
    this.#end.resolve(this.#closeStore().then(() => error));
  }

  async #closeStore(): Promise<void> {
    try {
      await this.#store.close();
    } catch (error) {
      logger.error("Cannot close the files of worker {worker}: {error}", { worker: this.number, error });
    }
  }
}
