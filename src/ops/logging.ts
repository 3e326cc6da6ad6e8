/** The log: where it goes, how much it says, and what it says of faults. */
import type { HandlerContext } from "@connectrpc/connect";
import {
  configure,
  getAnsiColorFormatter,
  getJsonLinesFormatter,
  getLogger,
  type LogLevel as LogtapeLevel,
  type LogRecord,
} from "@logtape/logtape";
import { loggable, visible } from "./log_values.ts";

/**
 * How much the log says: nothing; faults of the server; also its start and end; also each call.
 */
export const LOG_LEVELS = ["off", "error", "info", "debug"] as const;

/** One of {@linkcode LOG_LEVELS}. */
export type LogLevel = typeof LOG_LEVELS[number];

/** Edgewire's own messages. Until {@linkcode configureLogging} is called they go nowhere. */
export const logger = getLogger(["edgewire"]);

/**
 * Writes the log to stderr: coloured text to a terminal, a JSON object a line to anything else. Long values are cut, control characters are made
 * visible.
 *
 * @param properties What each message has beside its own. @default {}
 */
export async function configureLogging(level: LogLevel, properties: Record<string, unknown> = {}): Promise<void> {
  const lowestLevel: LogtapeLevel | null = level === "off" ? null : level === "error" ? "error" : level;
  const format = createFormatter(Deno.stderr.isTerminal());
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

/** Makes what writes a record as one text: for a terminal, or as a JSON object in a line. */
export function createFormatter(isTerminal: boolean): (record: LogRecord) => string {
  const format = isTerminal
    ? getAnsiColorFormatter({
      value: (value, inspect) => visible(typeof value === "string" ? value : inspect(value, { colors: false })),
    })
    : getJsonLinesFormatter({ message: "template" });
  return (record) => {
    const entries = Object.entries(record.properties).map(([name, value]) => [name, loggable(value)]);
    const line = format({
      ...record,
      message: record.message.map((part, index) => index % 2 === 0 ? part : loggable(part)),
      properties: Object.fromEntries(entries),
    }).trimEnd();
    return isTerminal ? line : visible(line);
  };
}

/** Logs what ends a program that nobody told what to do about it: the server goes on. What a call caused must not end all others. */
export function logStrayErrors(): void {
  addEventListener("error", (event) => {
    event.preventDefault();
    logger.error("An error was thrown where no call can be told of it: {error}", { error: event.error });
  });
  logStrayRejections();
}

/** As {@linkcode logStrayErrors}, of promises that are rejected and not awaited. */
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
