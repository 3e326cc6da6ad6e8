/** A File service in memory with a network that can be made to fail: what the page's parts are tested against. */
import { type Client, Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { File as FileService } from "../../gen/edgewire/v1/file_pb.ts";
import { createInProcessTransport } from "../../src/rpc/mod.ts";
import { MemoryStore } from "../../src/services/mod.ts";
import { testServices } from "../support/services.ts";

/** What happens to a call of `method`, of which there were `before` others. `act` has the server act on it, and answer. */
export type Network = <T>(method: string, before: number, act: () => Promise<T>) => Promise<T>;

/** Why a call fails that does not arrive, or whose answer does not. */
export function unavailable(): ConnectError {
  return new ConnectError("the server cannot be reached", Code.Unavailable);
}

/** What networks do that work. */
export const reliable: Network = (_method, _before, act) => act();

/** Its files, its client and the calls it saw. */
export class FileServer {
  readonly store = new MemoryStore();
  readonly files: Client<typeof FileService>;
  /** The methods that were called, in order. */
  readonly calls: string[] = [];
  /** Everything is answered, until a test has other plans. */
  network: Network = reliable;

  constructor() {
    const transport = createInProcessTransport(testServices({ store: this.store }), { interceptors: [this.#carry] });
    this.files = createClient(FileService, transport);
  }

  /** How often a method was called. */
  count(method: string): number {
    return this.calls.filter((call) => call === method).length;
  }

  /** Stores a file. */
  async put(name: string, content: Uint8Array): Promise<void> {
    const upload = await this.store.startUpload({ name, size: content.length, digest: undefined }, {
      resumable: false,
    });
    await upload.write(0, content);
    await upload.finish(() => Promise.resolve());
  }

  /** The content of a stored file. */
  async content(name: string): Promise<Uint8Array> {
    await using file = await this.store.open(name);
    if (file === undefined) {
      throw new Error(`No file "${name}"`);
    }
    return new Uint8Array(await new Response(ReadableStream.from(file.read(0, file.file.size))).arrayBuffer());
  }

  readonly #carry: Interceptor = (next) => (request) => {
    const method = request.method.name;
    const before = this.count(method);
    this.calls.push(method);
    return this.network(method, before, () => next(request));
  };
}
