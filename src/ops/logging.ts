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
import { loggable } from "./log_values.ts";
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
 * Writes the log to stderr: text to a terminal, coloured unless `NO_COLOR` is set, a JSON object per line to anything else. Long values are cut, and
 * control characters are made visible.
 *
 * @param properties What each message has beside its own. @default {}
 */
export async function configureLogging(level: LogLevel, properties: Record<string, unknown> = {}): Promise<void> {
  const lowestLevel: LogtapeLevel | null = level === "off" ? null : level === "error" ? "error" : level;
  const format = createFormatter(Deno.stderr.isTerminal(), !Deno.noColor);
  await configure({
    reset: true,
    sinks: {
      stderr: (record) => console.error(format({ ...record, properties: { ...properties, ...record.properties } })),
    },
    loggers: [
      { category: ["edgewire"], sinks: ["stderr"], lowestLevel },
      { category: ["logtape", "meta"], sinks: ["stderr"], lowestLevel: "warning" },
    ],
  });
}

/** Returns the function that writes a record as one text: for a terminal, or as one line of JSON. */
export function createFormatter(isTerminal: boolean, isColoured: boolean): (record: LogRecord) => string {
  const getFormatter = isColoured ? getAnsiColorFormatter : getTextFormatter;
  const format = isTerminal
    ? getFormatter({
      value: (value, inspect) =>
        typeof value === "string" ? visibleText(value) : visibleLines(inspect(value, { colors: false })),
    })
    : getJsonLinesFormatter({ message: "template" });
  return (record) => {
    const entries = Object.entries(record.properties).map(([name, value]) => [name, loggable(value)]);
    const line = format({
      ...record,
      message: record.message.map((part, index) => index % 2 === 0 ? part : loggable(part)),
      properties: Object.fromEntries(entries),
    }).trimEnd();
    return isTerminal ? line : visibleJson(line);
  };
}

/**
 * Logs errors and rejections that no call can be told of, and lets the server go on: what one call caused must not end all the others. Without this, Deno
 * ends the process.
 */
export function logStrayErrors(): void {
  addEventListener("error", (event) => {
    event.preventDefault();
    logger.error("An error was thrown where no call can be told of it: {error}", { error: event.error });
  });
  logStrayRejections();
}

/** Logs rejected promises that nothing awaits. See {@linkcode logStrayErrors}. */
export function logStrayRejections(): void {
  addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    logger.error("A promise was rejected that nothing awaits: {error}", { error: event.reason });
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
