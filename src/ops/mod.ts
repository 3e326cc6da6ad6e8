/** The ops room: what an operator expects of every server. */
export { configureLogging, LOG_LEVELS, logCalls, logFault, logger, type LogLevel } from "./logging.ts";
export { parseDuration } from "./duration.ts";
export { Health, ServingStatus } from "./health.ts";
export { createReflectionRoutes } from "./reflection.ts";
