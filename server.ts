/** `deno task serve`: reads the flags, starts the server, and ends it when it is told to. */
import { Command, InvalidArgumentError, Option } from "commander";
import { createDevCertificate } from "./src/dev_certificate.ts";
import {
  createFetchBridge,
  DEFAULT_HOST,
  DEFAULT_MAX_CONNECTIONS,
  DEFAULT_PORT,
  type KeyPairPaths,
  listen,
  type ListenOptions,
  MAX_TIMEOUT_MS,
  MIN_BUFFERED_BYTES,
  readKeyPair,
  readText,
  type Server,
  watchKeyPair,
} from "./src/net/mod.ts";
import type { Protocol } from "./src/rpc/mod.ts";
import {
  configureLogging,
  createAdminHandler,
  loadMergedMetrics,
  loadMetrics,
  LOG_LEVELS,
  logFault,
  logger,
  type LogLevel,
  parseByteSize,
  parseDuration,
} from "./src/ops/mod.ts";
import { type ServingSettings, startServing } from "./src/serving.ts";
import type { FileStore } from "./src/services/mod.ts";
import { openStore } from "./src/store.ts";
import { type Serving, WorkerPool } from "./src/workers/mod.ts";
import config from "./deno.json" with { type: "json" };

interface Flags {
  readonly host?: string[];
  readonly port: number;
  readonly dataDir: string;
  readonly hashUrl?: string;
  readonly hashProtocol: Protocol;
  readonly log: LogLevel;
  readonly adminHost: string[];
  readonly adminPort?: number;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsDev: boolean;
  readonly clientCa?: string;
  readonly workers: number;
  readonly unix?: string;
  readonly proxyProtocol: boolean;
  readonly trustForwarded: boolean;
  readonly corsOrigin?: string[];
  readonly grace: number;
  readonly maxConnections: number;
  readonly maxConnectionAge?: number;
  readonly maxBuffered?: number;
  readonly maxConnectionBuffered?: number;
  readonly minRate: number;
  readonly handshakeTimeout: number;
  readonly headerTimeout: number;
  readonly stallTimeout: number;
  readonly idleTimeout: number;
  readonly keepalive: number;
}

/** More workers than this are a slip: a worker for each core is as much as helps. */
const MAX_WORKERS = 256;

/** What may wait of requests to the admin address, and of their responses: metrics of a few KiB, in bytes. */
const MAX_ADMIN_BUFFERED = 4 << 20;

/** What is still said after a shutdown that took too long, and has been cut short. */
const LAST_WORDS_MS = 1000;

const program = new Command("deno task serve")
  .description(
    "Serves Greeter, Hash, File and their page: Connect, gRPC and gRPC-Web, on every version of HTTP, on one port.",
  )
  .version(config.version)
  .addOption(
    flag(
      "--host <addresses>",
      "addresses to listen on, with commas (default: this machine only)",
      "EDGEWIRE_HOST",
      "HOST",
    )
      .argParser(parseList),
  )
  .addOption(
    flag("--port <number>", "port to listen on, 0 for any free one", "EDGEWIRE_PORT", "PORT")
      .argParser(parsePort).default(DEFAULT_PORT),
  )
  .addOption(
    flag("--workers <number>", "threads that serve, for as many cores", "EDGEWIRE_WORKERS")
      .argParser(parseWorkers).default(1),
  )
  .addOption(flag("--unix <path>", "a Unix socket to listen on, too (one worker does)", "EDGEWIRE_UNIX"))
  .addOption(
    flag("--proxy-protocol", "connections begin with a PROXY header, of version 1 or 2", "EDGEWIRE_PROXY_PROTOCOL")
      .default(false),
  )
  .addOption(
    flag("--trust-forwarded", "believe Forwarded and X-Forwarded-*", "EDGEWIRE_TRUST_FORWARDED").default(false),
  )
  .addOption(flag("--data-dir <directory>", "where files are kept", "EDGEWIRE_DATA_DIR").default("data"))
  .addOption(
    flag("--hash-url <url>", "server whose Hash service hashes the files (default: this one)", "EDGEWIRE_HASH_URL")
      .argParser(parseUrl),
  )
  .addOption(
    flag("--hash-protocol <name>", "how to call it", "EDGEWIRE_HASH_PROTOCOL")
      .choices(["connect", "grpc", "grpc-web"]).default("connect"),
  )
  .addOption(
    flag("--log <level>", "how much to log to stderr", "EDGEWIRE_LOG").choices(LOG_LEVELS).default("info" as LogLevel),
  )
  .addOption(
    flag("--admin-port <number>", "port for /metrics, /healthz and /readyz (default: none)", "EDGEWIRE_ADMIN_PORT")
      .argParser(parsePort),
  )
  .addOption(
    flag("--admin-host <addresses>", "addresses for them, with commas", "EDGEWIRE_ADMIN_HOST")
      .argParser(parseList).default([DEFAULT_HOST], DEFAULT_HOST),
  )
  .addOption(flag("--tls-cert <file>", "certificate chain, as PEM; read again when it changes", "EDGEWIRE_TLS_CERT"))
  .addOption(flag("--tls-key <file>", "its private key, as PEM", "EDGEWIRE_TLS_KEY"))
  .addOption(
    flag("--tls-dev", "make a certificate for localhost that nobody trusts", "EDGEWIRE_TLS_DEV").default(false),
  )
  .addOption(
    flag("--client-ca <file>", "who may sign the certificates that clients must show, as PEM", "EDGEWIRE_CLIENT_CA"),
  )
  .addOption(
    flag("--cors-origin <origins>", "origins whose pages may call, with commas; * for all", "EDGEWIRE_CORS_ORIGIN")
      .argParser(parseList),
  )
  .addOption(duration("--grace", "how long calls may go on after SIGTERM", "10s"))
  .addOption(
    flag("--max-connections <number>", "connections at a time, shared out among workers", "EDGEWIRE_MAX_CONNECTIONS")
      .argParser(parseCount).default(DEFAULT_MAX_CONNECTIONS),
  )
  .addOption(
    flag(
      "--max-buffered <size>",
      "bytes of requests and responses that may wait, shared out among workers (default: an eighth of the memory, at most 256MiB)",
      "EDGEWIRE_MAX_BUFFERED",
    ).argParser(parseSize),
  )
  .addOption(
    flag(
      "--max-connection-buffered <size>",
      "how many of them one connection may have (default: 32MiB, or half of all)",
      "EDGEWIRE_MAX_CONNECTION_BUFFERED",
    ).argParser(parseSize),
  )
  .addOption(
    flag(
      "--min-rate <bytes>",
      "bytes per second that a peer must take or send of what waits, 0 for any",
      "EDGEWIRE_MIN_RATE",
    )
      .argParser(parseRate).default(240),
  )
  .addOption(duration("--max-connection-age", "how old a connection may get, a tenth more or less (default: any age)"))
  .addOption(duration("--handshake-timeout", "time for TLS, and for the first octets", "10s"))
  .addOption(duration("--header-timeout", "time for a request's head, from its first octet on", "10s"))
  .addOption(duration("--stall-timeout", "time in which a peer must take or send something it is expected to", "30s"))
  .addOption(duration("--idle-timeout", "time a connection may be without a request", "5m"))
  .addOption(duration("--keepalive", "silence after which an HTTP/2 client is asked for a sign of life", "2h"))
  .helpOption("--help", "show this help")
  .addHelpText(
    "after",
    "\nA flag wins over its environment variable. PORT and HOST count where EDGEWIRE_* are not set. Durations: 500ms, 30s, 5m, 2h. Sizes: 512KiB, 64MiB, 1GiB.",
  )
  .allowExcessArguments(false)
  .exitOverride(({ exitCode }) => Deno.exit(exitCode === 0 ? 0 : 2))
  .action(main);
await program.parseAsync(Deno.args, { from: "user" });

async function main(flags: Flags): Promise<void> {
  const keyPairPaths = checkTls(flags);
  await configureLogging(flags.log);
  try {
    const files = await openStore(flags.dataDir);
    const serving = await start(flags, keyPairPaths, files.store);
    using _reloading = keyPairPaths && reloadOnChange(serving, keyPairPaths);
    const admin = flags.adminPort === undefined ? undefined : await listenForOperators(flags, serving);
    console.log(`Edgewire listening on ${serving.url}`);
    if (admin !== undefined) {
      console.log(`Metrics and probes on ${admin.url}`);
    }
    const signal = await firstSignal();
    logger.info("{signal}: finishing the calls under way; once more ends at once", { signal });
    serving.drain();
    const timer = setTimeout(async () => {
      const counting = serving.connectionCount();
      serving.cutShort();
      setTimeout(() => serving.close(), LAST_WORDS_MS);
      logger.info("{count} connections are open after {grace} ms: cancelling their calls", {
        count: await counting,
        grace: flags.grace,
      });
    }, flags.grace);
    await serving.shutdown();
    clearTimeout(timer);
    await files.close();
    Deno.exit(0);
  } catch (error) {
    console.error(`edgewire: ${error instanceof Error ? error.message : error}`);
    Deno.exit(1);
  }
}

/** Starts the server, in this thread if it is to have one. */
async function start(flags: Flags, keyPairPaths: KeyPairPaths | undefined, store: FileStore): Promise<Serving> {
  const { workers: count, hashUrl, hashProtocol, corsOrigin: corsOrigins, log, adminPort } = flags;
  const hasMetrics = adminPort !== undefined;
  const settings: ServingSettings = {
    app: { hashUrl, hashProtocol, corsOrigins },
    listen: await listenOptions(flags, keyPairPaths),
    log,
    hasMetrics,
  };
  const metrics = hasMetrics ? await loadMetrics() : undefined;
  const moduleUrl = import.meta.resolve("./src/worker.ts");
  return count === 1
    ? await startServing(settings, store, metrics)
    : await WorkerPool.start({ moduleUrl, count, settings, store, metrics });
}

/** Answers operators until the process ends, so that probes hear of the shutdown. */
async function listenForOperators(flags: Flags, serving: Serving): Promise<Server> {
  const onError = (error: unknown) => logFault(error, undefined);
  const handler = createAdminHandler({
    isReady: () => serving.isReady(),
    metrics: await loadMergedMetrics(() => serving.metrics()),
  });
  return await listen(createFetchBridge(handler, onError), {
    host: flags.adminHost,
    port: flags.adminPort,
    maxBufferedBytes: MAX_ADMIN_BUFFERED,
    onError,
  });
}

/** Where certificate and key are; undefined without them. */
function checkTls({ tlsCert, tlsKey, tlsDev, clientCa, proxyProtocol }: Flags): KeyPairPaths | undefined {
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    program.error("error: --tls-cert and --tls-key go together");
  }
  if (tlsDev && tlsCert !== undefined) {
    program.error("error: --tls-dev makes a certificate of its own, and goes without --tls-cert");
  }
  if (proxyProtocol && (tlsDev || tlsCert !== undefined)) {
    program.error("error: --proxy-protocol comes before TLS: let the balancer end TLS, or leave it out");
  }
  if (clientCa !== undefined && tlsCert === undefined && !tlsDev) {
    program.error("error: --client-ca needs --tls-cert and --tls-key, or --tls-dev");
  }
  return tlsCert === undefined || tlsKey === undefined ? undefined : { cert: tlsCert, key: tlsKey };
}

async function listenOptions(
  flags: Flags,
  keyPairPaths: KeyPairPaths | undefined,
): Promise<ListenOptions> {
  const keyPair = keyPairPaths !== undefined
    ? await readKeyPair(keyPairPaths)
    : flags.tlsDev
    ? await createDevCertificate()
    : undefined;
  const clientCa = flags.clientCa === undefined ? undefined : await readText(flags.clientCa);
  const { headerTimeout, stallTimeout: stalledStreamTimeoutMs, idleTimeout: idleTimeoutMs, minRate } = flags;
  return {
    host: flags.host,
    port: flags.port,
    unixPath: flags.unix,
    proxyProtocol: flags.proxyProtocol,
    trustForwarded: flags.trustForwarded,
    tls: keyPair && { ...keyPair, clientCa },
    maxConnections: flags.maxConnections,
    maxConnectionAgeMs: flags.maxConnectionAge,
    maxBufferedBytes: flags.maxBuffered,
    maxConnectionBufferedBytes: flags.maxConnectionBuffered,
    handshakeTimeoutMs: flags.handshakeTimeout,
    keepaliveIntervalMs: flags.keepalive,
    http1: {
      headerTimeoutMs: headerTimeout,
      bodyTimeoutMs: stalledStreamTimeoutMs,
      stalledStreamTimeoutMs,
      minBodyRate: minRate,
      minResponseRate: minRate,
      idleTimeoutMs,
    },
    http2: {
      handshakeTimeoutMs: flags.handshakeTimeout,
      headerBlockTimeoutMs: headerTimeout,
      stalledStreamTimeoutMs,
      minBodyRate: minRate,
      minResponseRate: minRate,
      idleTimeoutMs,
    },
  };
}

/** Takes a new certificate when its files change, and at SIGHUP. One that is no good is logged, and the old one goes on. */
function reloadOnChange(serving: Serving, paths: KeyPairPaths): Disposable {
  const reload = async () => {
    try {
      await serving.reloadTls(await readKeyPair(paths));
      logger.info("Reloaded {cert}", { cert: paths.cert });
    } catch (error) {
      logger.error("Cannot reload {cert}, going on with the old certificate: {error}", { cert: paths.cert, error });
    }
  };
  Deno.addSignalListener("SIGHUP", reload);
  return watchKeyPair(paths, reload);
}

/** A flag that can also be set by an environment variable, and that by another. */
function flag(flags: string, description: string, variable: string, alias?: string): Option {
  const set = [variable, alias].find((name) => name !== undefined && Deno.env.get(name));
  return new Option(flags, description).env(set ?? variable);
}

/** A flag whose value is a duration; its environment variable has the same name. */
function duration(name: string, description: string, value?: string): Option {
  const variable = `EDGEWIRE_${name.slice(2).replaceAll("-", "_").toUpperCase()}`;
  const option = flag(`${name} <duration>`, description, variable).argParser(parseMilliseconds);
  return value === undefined ? option : option.default(parseMilliseconds(value), value);
}

function parseMilliseconds(value: string): number {
  const milliseconds = parseDuration(value);
  if (milliseconds === undefined || milliseconds > MAX_TIMEOUT_MS) {
    throw new InvalidArgumentError("Must be a duration like 500ms, 30s, 5m or 2h, of at most 596h.");
  }
  return milliseconds;
}

function parseSize(value: string): number {
  const bytes = parseByteSize(value);
  if (bytes === undefined || bytes < MIN_BUFFERED_BYTES) {
    throw new InvalidArgumentError("Must be a size like 64MiB, 1GiB or 16777216, of at least 1MiB.");
  }
  return bytes;
}

function parseRate(value: string): number {
  const rate = Number(value);
  if (!/^\d+$/.test(value) || !Number.isSafeInteger(rate)) {
    throw new InvalidArgumentError("Must be a whole number of bytes per second, 0 for any.");
  }
  return rate;
}

function parseCount(value: string): number {
  const count = Number(value);
  if (!/^[1-9]\d*$/.test(value) || !Number.isSafeInteger(count)) {
    throw new InvalidArgumentError("Must be a whole number from 1 on.");
  }
  return count;
}

function parseWorkers(value: string): number {
  const count = parseCount(value);
  if (count > MAX_WORKERS) {
    throw new InvalidArgumentError(`Must be at most ${MAX_WORKERS}: one for each core is as much as helps.`);
  }
  return count;
}

function parseList(value: string): string[] {
  const items = value.split(",").map((item) => item.trim()).filter((item) => item !== "");
  if (items.length === 0) {
    throw new InvalidArgumentError("Must not be empty.");
  }
  return items;
}

function parsePort(value: string): number {
  const port = Number(value);
  if (!/^\d+$/.test(value) || port > 65535) {
    throw new InvalidArgumentError("Must be a whole number from 0 to 65535.");
  }
  return port;
}

function parseUrl(value: string): string {
  const url = URL.parse(value);
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    throw new InvalidArgumentError("Must be a URL that begins with http:// or https://.");
  }
  return value;
}

/** Resolves at the first SIGINT or SIGTERM; the second ends the process. */
function firstSignal(): Promise<Deno.Signal> {
  const { promise, resolve } = Promise.withResolvers<Deno.Signal>();
  let signalled = false;
  const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      if (signalled) {
        Deno.exit(exitCodes[signal]);
      }
      signalled = true;
      resolve(signal);
    });
  }
  return promise;
}
