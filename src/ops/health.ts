/** Whether services take calls, for probes and load balancers: https://github.com/grpc/grpc/blob/master/doc/health-checking.md */
import type { DescService } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import {
  Health as HealthProtocol,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../gen/grpc/health/v1/health_codec.ts";

/** The name of the server as a whole. */
const SERVER = "";

/**
 * Tells whether a server and each of its services take calls. All of them do when it is made.
 *
 * ```ts
 * import { Health, serve, servicesOf } from "@edgewire/edgewire";
 * import type { ConnectRouter } from "@connectrpc/connect";
 * import { Greeter } from "./gen/edgewire/v1/greeter_pb.ts";
 *
 * const routes = (router: ConnectRouter) => {
 *   router.service(Greeter, { sayHello: ({ name }) => ({ message: `Hello, ${name}!` }) });
 * };
 * const health = new Health(servicesOf(routes));
 * const server = await serve({
 *   routes: (router) => {
 *     routes(router);
 *     health.routes(router);
 *   },
 * });
 * health.shutdown(); // Before:
 * await server.shutdown();
 * ```
 */
export class Health {
  /** Whether each of them serves. */
  readonly #services = new Map<string, boolean>();
  /** Those who wait for the next change. */
  readonly #watchers = new Set<() => void>();
  #isShutDown = false;

  /** All serve. @param services Those to tell of, beside the server as a whole. */
  constructor(services: readonly DescService[] = []) {
    for (const name of [SERVER, ...services.map(({ typeName }) => typeName)]) {
      this.#services.set(name, true);
    }
  }

  /** Whether a service serves, by its full name, empty for the server as a whole; undefined when it is not known. */
  get(service: string): boolean | undefined {
    return this.#services.get(service);
  }

  /** Says whether a service serves; after {@linkcode shutdown} it does nothing. */
  set(service: string, isServing: boolean): void {
    if (!this.#isShutDown) {
      this.#services.set(service, isServing);
      this.#tell();
    }
  }

  /** From now on nothing serves. Those who watch are told so, and their streams end. */
  shutdown(): void {
    for (const service of this.#services.keys()) {
      this.#services.set(service, false);
    }
    this.#isShutDown = true;
    this.#tell();
  }

  /** Adds `grpc.health.v1.Health` to a router. */
  readonly routes = (router: ConnectRouter): void => {
    router.service(HealthProtocol, {
      check: ({ service }) => {
        const isServing = this.#services.get(service);
        if (isServing === undefined) {
          throw new ConnectError(`service: there is none named "${service}"`, Code.NotFound);
        }
        return { status: statusOf(isServing) };
      },
      list: () => ({
        statuses: Object.fromEntries(
          [...this.#services].map(([service, isServing]) => [service, { status: statusOf(isServing) }]),
        ),
      }),
      watch: ({ service }, { signal }) => this.#watch(service, signal),
    });
  };

  /** Tells the status now and whenever it has changed; of several changes at a time the last. */
  async *#watch(service: string, signal: AbortSignal): AsyncGenerator<{ status: ServingStatus }> {
    let told: ServingStatus | undefined;
    while (true) {
      const status = statusOf(this.#services.get(service));
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

/** Undefined is a service that is not known. */
function statusOf(isServing: boolean | undefined): ServingStatus {
  if (isServing === undefined) {
    return ServingStatus.SERVICE_UNKNOWN;
  }
  return isServing ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
}
