/** Whether services take calls, for probes and load balancers: https://github.com/grpc/grpc/blob/master/doc/health-checking.md */
import type { DescService } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import { Health as HealthProtocol, HealthCheckResponse_ServingStatus } from "../../gen/grpc/health/v1/health_codec.ts";

/** What a service may be doing, and, in an answer to Watch, that there is none. */
export const ServingStatus = HealthCheckResponse_ServingStatus;
/** One of {@linkcode ServingStatus}. */
export type ServingStatus = HealthCheckResponse_ServingStatus;

/** The name of the server as a whole. */
const SERVER = "";

/** The status of a server and of each of its services. All of them serve when it is made. */
export class Health {
  readonly #statuses = new Map<string, ServingStatus>();
  /** Those who wait for the next change. */
  readonly #watchers = new Set<() => void>();
  #isShutDown = false;

  /** @param services Those to tell of, beside the server as a whole. */
  constructor(services: readonly DescService[] = []) {
    for (const name of [SERVER, ...services.map(({ typeName }) => typeName)]) {
      this.#statuses.set(name, ServingStatus.SERVING);
    }
  }

  /** The status of a service, by its full name; undefined when it is not known. */
  get(service: string): ServingStatus | undefined {
    return this.#statuses.get(service);
  }

  /** Sets the status of a service; after {@linkcode shutdown} it does nothing. */
  set(service: string, status: typeof ServingStatus.SERVING | typeof ServingStatus.NOT_SERVING): void {
    if (!this.#isShutDown) {
      this.#statuses.set(service, status);
      this.#tell();
    }
  }

  /** From now on nothing serves. Those who watch are told so, and their streams end. */
  shutdown(): void {
    for (const service of this.#statuses.keys()) {
      this.#statuses.set(service, ServingStatus.NOT_SERVING);
    }
    this.#isShutDown = true;
    this.#tell();
  }

  /** Adds `grpc.health.v1.Health` to a router. */
  readonly routes = (router: ConnectRouter): void => {
    router.service(HealthProtocol, {
      check: ({ service }) => {
        const status = this.#statuses.get(service);
        if (status === undefined) {
          throw new ConnectError(`service: there is none named "${service}"`, Code.NotFound);
        }
        return { status };
      },
      list: () => ({
        statuses: Object.fromEntries([...this.#statuses].map(([service, status]) => [service, { status }])),
      }),
      watch: ({ service }, { signal }) => this.#watch(service, signal),
    });
  };

  /** Tells the status now and whenever it has changed; of several changes at a time the last. */
  async *#watch(service: string, signal: AbortSignal): AsyncGenerator<{ status: ServingStatus }> {
    let told: ServingStatus | undefined;
    while (true) {
      const status = this.#statuses.get(service) ?? ServingStatus.SERVICE_UNKNOWN;
      if (status !== told) {
        told = status;
        yield { status };
      } else if (this.#isShutDown) {
        return;
      } else {
        await this.#change(signal);
      }
    }
  }

  async #change(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = () => reject(signal.reason);
    this.#watchers.add(resolve);
    signal.addEventListener("abort", abort);
    if (signal.aborted) {
      abort();
    }
    try {
      await promise;
    } finally {
      this.#watchers.delete(resolve);
      signal.removeEventListener("abort", abort);
    }
  }

  #tell(): void {
    this.#watchers.forEach((resolve) => resolve());
  }
}
