/** The page's connection to its server: the clients, the protocol they speak, the last call, and whether the server is there. */
import { type Client, Code, ConnectError, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { File } from "../gen/edgewire/v1/file_pb.ts";
import { Greeter } from "../gen/edgewire/v1/greeter_pb.ts";
import { Hash } from "../gen/edgewire/v1/hash_pb.ts";
import { createPageTransport, type Protocol } from "./transport.ts";

/** A call that has ended. */
export interface CallRecord {
  /** Service and method: `Greeter.SayHello`. */
  readonly method: string;
  readonly protocol: Protocol;
  /** From the request to the answer; of a stream, to its head. In milliseconds. */
  readonly durationMs: number;
}

/** How often a server that is away is looked for, in milliseconds. */
const PROBE_INTERVAL_MS = 3000;

/** One for the life of the page. */
export class ServerConnection {
  readonly baseUrl: string;
  /** The protocol of the calls to come. */
  readonly protocol: Signal<Protocol> = signal<Protocol>("connect");
  readonly greeter: Client<typeof Greeter>;
  readonly hash: Client<typeof Hash>;
  readonly file: Client<typeof File>;
  readonly #lastCall = signal<CallRecord>();
  readonly #reachable = signal(true);

  constructor(baseUrl: string) {
    this.baseUrl = baseUrl;
    const interceptors = [this.#observe];
    const transports: Record<Protocol, Transport> = {
      "connect": createPageTransport({ baseUrl, protocol: "connect", interceptors }),
      "grpc-web": createPageTransport({ baseUrl, protocol: "grpc-web", interceptors }),
    };
    const chosen: Transport = {
      unary: (...call) => transports[this.protocol.peek()].unary(...call),
      stream: (...call) => transports[this.protocol.peek()].stream(...call),
    };
    this.greeter = createClient(Greeter, chosen);
    this.hash = createClient(Hash, chosen);
    this.file = createClient(File, chosen);
  }

  /** The last call that was answered. */
  get lastCall(): ReadonlySignal<CallRecord | undefined> {
    return this.#lastCall;
  }

  /** Whether the last call reached the server. While it is away it is looked for, so this becomes true again by itself. */
  get reachable(): ReadonlySignal<boolean> {
    return this.#reachable;
  }

  readonly #observe: Interceptor = (next) => async (request) => {
    const protocol = this.protocol.peek();
    const start = performance.now();
    try {
      const response = await next(request);
      const method = `${request.service.name}.${request.method.name}`;
      this.#lastCall.value = { method, protocol, durationMs: performance.now() - start };
      this.#reachable.value = true;
      return response;
    } catch (error) {
      if (!(error instanceof ConnectError)) {
        throw error; // Aborted by the page: that says nothing about the server.
      }
      if (error.code !== Code.Unavailable) {
        this.#reachable.value = true;
      } else if (this.#reachable.peek()) {
        this.#reachable.value = false;
        this.#probeLater();
      }
      throw error;
    }
  };

  #probeLater(): void {
    setTimeout(async () => {
      await this.greeter.sayHello({}).catch(() => {}); // What it finds out, `#observe` notes.
      if (!this.#reachable.peek()) {
        this.#probeLater();
      }
    }, PROBE_INTERVAL_MS);
  }
}
