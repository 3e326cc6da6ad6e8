/** The ops room: what an operator expects of every server. */
export { accessLog } from "./access_log.ts";
export { type AdminSources, createAdminHandler } from "./admin.ts";
export { abuseLog, type EndedConnection } from "./connection_log.ts";
export {
  configureLogging,
  LOG_LEVELS,
  logFault,
  logger,
  type LogLevel,
  logListenerFault,
  logStrayErrors,
  logStrayRejections,
} from "./logging.ts";
export { parseByteSize } from "./byte_size.ts";
export { parseDuration } from "./duration.ts";
export { Health } from "./health.ts";
export { loadMergedMetrics, loadMetrics, loadTelemetry, type Telemetry } from "./loading.ts";
export type { Metrics, MetricsSnapshot } from "./metrics.ts";
export { createRefusalLog } from "./refusal_log.ts";
export { createReflectionRoutes } from "./reflection.ts";
export { visibleJson, visibleText } from "./visible_text.ts";
export { servicesOf } from "./services_of.ts";
