/** The log: where it goes, how much it says, and what it says of faults. */
import type { HandlerContext } from "@connectrpc/connect";
import {
  configure,
  getAnsiColorFormatter,
  getJsonLinesFormatter,
  getLogger,
  type LogLevel as LogtapeLevel,
} from "@logtape/logtape";

/**
 * How much the log says: nothing; faults of the server; also its start and end; also each call.
 */
export const LOG_LEVELS = ["off", "error", "info", "debug"] as const;

/** One of {@linkcode LOG_LEVELS}. */
export type LogLevel = typeof LOG_LEVELS[number];

/** Edgewire's own messages. Until {@linkcode configureLogging} is called they go nowhere. */
export const logger = getLogger(["edgewire"]);

/**
 * Writes the log to stderr: coloured text to a terminal, a JSON object a line to anything else.
 *
 * @param properties What each message has beside its own. @default {}
 */
export async function configureLogging(level: LogLevel, properties: Record<string, unknown> = {}): Promise<void> {
  const lowestLevel: LogtapeLevel | null = level === "off" ? null : level === "error" ? "error" : level;
  const format = Deno.stderr.isTerminal()
    ? getAnsiColorFormatter({ value: (value, inspect) => typeof value === "string" ? value : inspect(value) })
    : getJsonLinesFormatter({ message: "template" });
  await configure({
    reset: true,
    sinks: {
      stderr: (record) =>
        console.error(format({ ...record, properties: { ...properties, ...record.properties } }).trimEnd()),
    },
    loggers: [
      { category: ["edgewire"], sinks: ["stderr"], lowestLevel },
      { category: ["logtape", "meta"], sinks: ["stderr"], lowestLevel: "warning" },
    ],
  });
}

/** Logs what a handler threw that is no answer: the caller is told no details of these. */
export function logFault(error: unknown, context: HandlerContext | undefined): void {
  if (context === undefined) {
    logger.error("A connection was lost by a mistake in the server: {error}", { error });
  } else {
    const procedure = `${context.service.typeName}/${context.method.name}`;
    logger.error("{procedure} failed: {error}", { procedure, error });
  }
}

/** Logs that a listener accepts no connections. */
export function logListenerFault(fault: string): void {
  logger.error("{fault}", { fault });
}
