/** The log: where it goes, how much it says, and what it says of faults. */
import type { HandlerContext } from "@connectrpc/connect";
import {
  configure,
  getAnsiColorFormatter,
  getJsonLinesFormatter,
  getLogger,
  getTextFormatter,
  type LogLevel as LogtapeLevel,
  type LogRecord,
} from "@logtape/logtape";
import { visibleJson, visibleLines, visibleText } from "./visible_text.ts";

/**
 * How much the log says: nothing; faults of the server; also its start and end; also each call.
 */
export const LOG_LEVELS = ["off", "error", "info", "debug"] as const;

/** One of {@linkcode LOG_LEVELS}. */
export type LogLevel = typeof LOG_LEVELS[number];

/** Edgewire's own messages. Until {@linkcode configureLogging} is called they go nowhere. */
export const logger = getLogger(["edgewire"]);

/**
 * Writes the log to stderr: text to a terminal, coloured unless `NO_COLOR` is set, a JSON object a line to anything else. Control characters in what
 * it tells of others are visible in both.
 *
 * @param properties What each message has beside its own. @default {}
 */
export async function configureLogging(level: LogLevel, properties: Record<string, unknown> = {}): Promise<void> {
  const lowestLevel: LogtapeLevel | null = level === "off" ? null : level === "error" ? "error" : level;
  const format = Deno.stderr.isTerminal() ? textFormat(!Deno.noColor) : jsonFormat();
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

/** How a terminal shows a record. */
export function textFormat(isColoured: boolean): (record: LogRecord) => string {
  const getFormatter = isColoured ? getAnsiColorFormatter : getTextFormatter;
  return getFormatter({
    value: (value, inspect) => typeof value === "string" ? visibleText(value) : visibleLines(inspect(value)),
  });
}

/** How a record is written for programs. */
export function jsonFormat(): (record: LogRecord) => string {
  const format = getJsonLinesFormatter({ message: "template" });
  return (record) => visibleJson(format(record).trimEnd());
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
