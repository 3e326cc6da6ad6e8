/** How the values of flags are written, on a command line and in variables. What is none is an `InvalidArgumentError`, which says what one is. */
import { InvalidArgumentError } from "commander";
import { checkAllowedHosts, MAX_TIMEOUT_MS, MIN_BUFFERED_BYTES } from "../net/mod.ts";
import { parseByteSize, parseDuration } from "../ops/mod.ts";
import { type Flag, flag } from "./flag.ts";

/** More workers than this are a slip: a worker for each core is as much as helps. */
const MAX_WORKERS = 256;

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...["1", "true", "yes", "on"].map((text) => [text, true] as const),
  ...["0", "false", "no", "off"].map((text) => [text, false] as const),
]);

/** Declares a flag whose value is a duration; its environment variable has the same name. */
export function duration(name: string, description: string, value?: string): Flag {
  const option = flag(`${name} <duration>`, description, variableOf(name)).argParser(parseMilliseconds);
  return value === undefined ? option : option.default(parseMilliseconds(value), value);
}

/** Declares a flag whose value is a whole number from 1 on; its environment variable has the same name. */
export function count(name: string, description: string, value: number): Flag {
  return flag(`${name} <number>`, description, variableOf(name)).argParser(parseCount).default(value);
}

/** Returns the name of the environment variable that stands for a flag. */
function variableOf(name: string): string {
  return `EDGEWIRE_${name.slice(2).replaceAll("-", "_").toUpperCase()}`;
}

/** Parses a duration, to milliseconds. */
export function parseMilliseconds(value: string): number {
  const milliseconds = parseDuration(value);
  if (milliseconds === undefined || milliseconds > MAX_TIMEOUT_MS) {
    throw new InvalidArgumentError("Must be a duration like 500ms, 30s, 5m or 2h, of at most 596h.");
  }
  return milliseconds;
}

/** Parses a whole number from 1 on. */
export function parseCount(value: string): number {
  const count = Number(value);
  if (!/^[1-9]\d*$/.test(value) || !Number.isSafeInteger(count)) {
    throw new InvalidArgumentError("Must be a whole number from 1 on.");
  }
  return count;
}

/** Parses a size of buffers, to bytes. */
export function parseSize(value: string): number {
  const bytes = parseByteSize(value);
  if (bytes === undefined || bytes < MIN_BUFFERED_BYTES) {
    throw new InvalidArgumentError("Must be a size like 64MiB, 1GiB or 16777216, of at least 1MiB.");
  }
  return bytes;
}

/** Parses a rate in bytes per second. */
export function parseRate(value: string): number {
  const rate = Number(value);
  if (!/^\d+$/.test(value) || !Number.isSafeInteger(rate)) {
    throw new InvalidArgumentError("Must be a whole number of bytes per second, 0 for any.");
  }
  return rate;
}

/** Parses a number of workers. */
export function parseWorkers(value: string): number {
  const count = parseCount(value);
  if (count > MAX_WORKERS) {
    throw new InvalidArgumentError(`Must be at most ${MAX_WORKERS}: one for each core is as much as helps.`);
  }
  return count;
}

/** Parses a list with commas, of which one item at least is not empty. */
export function parseList(value: string): string[] {
  const items = value.split(",").map((item) => item.trim()).filter((item) => item !== "");
  if (items.length === 0) {
    throw new InvalidArgumentError("Must not be empty.");
  }
  return items;
}

/** Parses a port, or 0 for any. */
export function parsePort(value: string): number {
  const port = Number(value);
  if (!/^\d+$/.test(value) || port > 65535) {
    throw new InvalidArgumentError("Must be a whole number from 0 to 65535.");
  }
  return port;
}

/** Parses the URL of a server, which stays a text. */
export function parseUrl(value: string): string {
  const url = URL.parse(value);
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    throw new InvalidArgumentError("Must be a URL that begins with http:// or https://.");
  }
  return value;
}

/** Parses hosts that are allowed, with commas. */
export function parseHosts(value: string): string[] {
  const hosts = parseList(value);
  try {
    checkAllowedHosts(hosts);
  } catch (error) {
    throw new InvalidArgumentError(`${error instanceof Error ? error.message : error}.`);
  }
  return hosts;
}

/** Parses the value of a variable for a flag that is there or not, in capitals or not. */
export function parseBoolean(value: string): boolean {
  const parsed = BOOLEANS.get(value.trim().toLowerCase());
  if (parsed === undefined) {
    throw new InvalidArgumentError("Must be 1, true, yes or on, or 0, false, no or off.");
  }
  return parsed;
}
