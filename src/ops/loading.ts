/** What is only loaded where it is used: a server without metrics and traces does not pay for their libraries. */
import type { Interceptor } from "@connectrpc/connect";
import type { CallObserver, ObservedCall } from "../rpc/mod.ts";
import type { AdminSources } from "./admin.ts";
import type { Metrics, MetricsSnapshot } from "./metrics.ts";

/** Traces and measures calls for OpenTelemetry. */
export interface Telemetry {
  /** For `observers` of a server: a span for each call, in the trace of its caller. What the handler does is in the span's context. */
  readonly observer: CallObserver;
  /**
   * Makes one of the `interceptors` of a transport: a span for each call, of which the server is told. It is best the innermost, the last.
   *
   * @param isFetched Whether `fetch` carries the calls: where it is traced itself, it tells the server.
   */
  traceCalls(protocol: NonNullable<ObservedCall["protocolName"]>, isFetched: boolean): Interceptor;
}

/** Where OpenTelemetry's API finds who is registered with it. */
const OPEN_TELEMETRY = Symbol.for("opentelemetry.js.api.1");

/** Undefined where nobody exports what it would find: on Deno without `OTEL_DENO=true`. */
export async function loadTelemetry(): Promise<Telemetry | undefined> {
  return OPEN_TELEMETRY in globalThis ? (await import("./telemetry.ts")).createTelemetry() : undefined;
}

/** Metrics for Prometheus. */
export async function loadMetrics(): Promise<Metrics> {
  const { Metrics } = await import("./metrics.ts");
  return new Metrics();
}

/** What several threads have counted, as one. */
export async function loadMergedMetrics(
  read: () => Promise<readonly MetricsSnapshot[]>,
): Promise<AdminSources["metrics"]> {
  const { mergeMetrics } = await import("./metrics.ts");
  return mergeMetrics(read);
}
