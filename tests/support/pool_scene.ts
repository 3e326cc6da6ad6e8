/** A pool of workers that can be made to fail, with clients of which each has a connection of its own. */
import { createClient, type Transport } from "@connectrpc/connect";
import { File } from "../../gen/edgewire/v1/file_pb.ts";
import { createHttp2Client } from "../../src/net/mod.ts";
import { createTransport } from "../../src/rpc/mod.ts";
import { DiskStore } from "../../src/services/deno/mod.ts";
import { WorkerPool, type WorkerPoolOptions } from "../../src/workers/mod.ts";
import type { MisbehavingSettings } from "./misbehaving_worker.ts";

type Options = Partial<Omit<WorkerPoolOptions<MisbehavingSettings>, "settings">>;

/** A client whose calls go to one worker. */
export interface WorkerClient {
  /** Which one it is, from 1. */
  readonly worker: number;
  readonly transport: Transport;
  close(): Promise<void>;
}

/** See the top of the file. To be disposed of. */
export class PoolScene implements AsyncDisposable {
  readonly directory: string;
  readonly store: DiskStore;
  readonly pool: WorkerPool<MisbehavingSettings>;
  /** A file that says which worker may not start. */
  readonly mayNotStartPath: string;
  readonly #clients: WorkerClient[] = [];

  private constructor(directory: string, store: DiskStore, pool: WorkerPool<MisbehavingSettings>) {
    this.directory = directory;
    this.mayNotStartPath = `${directory}/may_not_start`;
    this.store = store;
    this.pool = pool;
  }

  /** By default there are two workers, of which one that crashes starts again at once. @throws {Error} What the pool throws. */
  static async start(settings: Partial<MisbehavingSettings> = {}, options: Options = {}): Promise<PoolScene> {
    const directory = await Deno.makeTempDir();
    const store = await DiskStore.open(directory);
    try {
      const pool = await WorkerPool.start<MisbehavingSettings>({
        moduleUrl: import.meta.resolve("./misbehaving_worker.ts"),
        count: 2,
        settings: {
          app: {},
          listen: { host: "127.0.0.1", port: 0 },
          log: "off",
          hasMetrics: false,
          mayNotStartPath: `${directory}/may_not_start`,
          loopingPath: `${directory}/looping`,
          ...settings,
        },
        store,
        backoff: { initialMs: 0, maxMs: 0 },
        ...options,
      });
      return new PoolScene(directory, store, pool);
    } catch (error) {
      await store.close();
      await Deno.remove(directory, { recursive: true });
      throw error;
    }
  }

  /** Connects once more. The system decides to whom. */
  async connect(caCerts?: readonly string[]): Promise<WorkerClient> {
    const httpClient = createHttp2Client({ baseUrl: this.pool.url, caCerts });
    const transport = createTransport({ httpClient, protocol: "grpc" });
    const { file } = await createClient(File, transport).stat({ name: "worker" });
    const client = { worker: Number(file?.size), transport, close: () => httpClient.close() };
    this.#clients.push(client);
    return client;
  }

  /** Connects until there is a client of each worker. Gives them in the order of their numbers. */
  async connectToAll(count: number, caCerts?: readonly string[]): Promise<WorkerClient[]> {
    const clients = new Map<number, WorkerClient>();
    while (clients.size < count) {
      const client = await this.connect(caCerts);
      clients.set(client.worker, client);
    }
    return [...clients.values()].sort((a, b) => a.worker - b.worker);
  }

  /** Has a worker do what it should not. Whether it answers before that takes effect is chance. */
  async misbehave({ transport }: WorkerClient, deed: string): Promise<void> {
    await createClient(File, transport).stat({ name: deed }).catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    await this.pool.close();
    await this.store.close();
    await Deno.remove(this.directory, { recursive: true });
  }
}
