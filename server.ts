/** `deno task serve`: reads the flags, starts the server, and ends it when it is told to. */
import { Command } from "commander";
import { createDevCertificate } from "./src/dev_certificate.ts";
import {
  count,
  duration,
  Environment,
  flag,
  parseCount,
  parseHosts,
  parseList,
  parsePort,
  parseRate,
  parseSize,
  parseUrl,
  parseWorkers,
} from "./src/flags/mod.ts";
import {
  createFetchBridge,
  DEFAULT_HOST,
  DEFAULT_HTTP2_LIMITS,
  DEFAULT_MAX_CONNECTIONS,
  DEFAULT_PORT,
  defaultMaxOpenCalls,
  listen,
  type ListenOptions,
  type Server,
  TlsFiles,
} from "./src/net/mod.ts";
import { reloadOnChange } from "./src/reloading.ts";
import { DEFAULT_MAX_ABANDONED_CALLS, DEFAULT_MAX_OPEN_CALLS, type Protocol } from "./src/rpc/mod.ts";
import {
  configureLogging,
  createAdminHandler,
  loadMergedMetrics,
  loadMetrics,
  LOG_LEVELS,
  logFault,
  logger,
  type LogLevel,
  logListenerFault,
  logStrayErrors,
} from "./src/ops/mod.ts";
import { type ServingSettings, startServing } from "./src/serving.ts";
import { type FileStore, MAX_UPLOAD_BYTES } from "./src/services/mod.ts";
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
  readonly allowedHosts?: string[];
  readonly grace: number;
  readonly maxConnections: number;
  readonly maxConnectionAge?: number;
  readonly maxBuffered?: number;
  readonly maxConnectionBuffered?: number;
  readonly minRate: number;
  readonly maxUploadBytes: number;
  readonly handshakeTimeout: number;
  readonly headerTimeout: number;
  readonly stallTimeout: number;
  readonly idleTimeout: number;
  readonly keepalive: number;
  readonly maxAbandonedCalls: number;
  readonly maxOpenCalls?: number;
  readonly resetBurst: number;
  readonly resetRate: number;
  readonly streamErrorBurst: number;
  readonly streamErrorRate: number;
  readonly overheadBurst: number;
  readonly overheadRate: number;
}

/** Variables of `deno task client`. */
const CLIENT_VARIABLES = ["EDGEWIRE_URL"];

/** Probes and metrics ask one at a time. The descriptors for them are those that connections leave, see `limitConnections`. */
const MAX_ADMIN_CONNECTIONS = 64;

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
  .addOption(
    flag(
      "--allowed-hosts <hosts>",
      "hosts that requests may be for, with commas, .example.com for all below it, * for any (default: on loopback addresses those of this machine)",
      "EDGEWIRE_ALLOWED_HOSTS",
    )
      .argParser(parseHosts),
  )
  .addOption(duration("--grace", "how long calls may go on after SIGTERM", "10s"))
  .addOption(
    flag("--max-connections <number>", "connections at a time, shared out among workers", "EDGEWIRE_MAX_CONNECTIONS")
      .argParser(parseCount).default(DEFAULT_MAX_CONNECTIONS),
  )
  .addOption(
    flag(
      "--max-open-calls <number>",
      "calls under way at a time, shared out among workers (default: one for each 64KiB of memory, at most 65536)",
      "EDGEWIRE_MAX_OPEN_CALLS",
    ).argParser(parseCount),
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
  .addOption(
    flag(
      "--max-upload-bytes <number>",
      "bytes of unfinished uploads, half of it for each client address",
      "EDGEWIRE_MAX_UPLOAD_BYTES",
    )
      .argParser(parseCount).default(MAX_UPLOAD_BYTES, "64 GiB"),
  )
  .addOption(duration("--handshake-timeout", "time for TLS, and for the first octets", "10s"))
  .addOption(duration("--header-timeout", "time for a request's head, from its first octet on", "10s"))
  .addOption(duration("--stall-timeout", "time in which a peer must take or send something it is expected to", "30s"))
  .addOption(duration("--idle-timeout", "time a connection may be without a request", "5m"))
  .addOption(duration("--keepalive", "silence after which an HTTP/2 client is asked for a sign of life", "2h"))
  .addOption(
    count(
      "--max-abandoned-calls",
      "handlers of a connection that may still run after their call has ended",
      DEFAULT_MAX_ABANDONED_CALLS,
    ),
  )
  .addOption(count("--reset-burst", "RST_STREAM frames of a connection at once", DEFAULT_HTTP2_LIMITS.resetBurst))
  .addOption(count("--reset-rate", "the same, per second", DEFAULT_HTTP2_LIMITS.resetsPerSecond))
  .addOption(
    count(
      "--stream-error-burst",
      "stream errors of a connection at once, such as malformed requests",
      DEFAULT_HTTP2_LIMITS.streamErrorBurst,
    ),
  )
  .addOption(
    count("--stream-error-rate", "the same, per second", DEFAULT_HTTP2_LIMITS.streamErrorsPerSecond),
  )
  .addOption(
    count(
      "--overhead-burst",
      "frames without a message of a connection at once, such as PING",
      DEFAULT_HTTP2_LIMITS.overheadBurst,
    ),
  )
  .addOption(
    count("--overhead-rate", "the same, per second", DEFAULT_HTTP2_LIMITS.overheadPerSecond),
  )
  .helpOption("--help", "show this help")
  .addHelpText(
    "after",
    "\nA flag wins over its environment variable; an empty one counts as not set. PORT and HOST count where EDGEWIRE_* are not set. Durations: 500ms, 30s, 5m, 2h. Sizes: 512KiB, 64MiB, 1GiB. Flags without a value, in variables: 1, true, yes, on, or 0, false, no, off.",
  )
  .allowExcessArguments(false)
  .exitOverride(({ exitCode }) => Deno.exit(exitCode === 0 ? 0 : 2))
  .action(main);
const environment = new Environment(program);
await program.parseAsync(Deno.args, { from: "user" });

async function main(flags: Flags): Promise<void> {
  checkTls(flags);
  await configureLogging(flags.log);
  environment.noteUnknown(program, CLIENT_VARIABLES);
  environment.notices.forEach((notice) => logger.warn("Ignored {variable}: {reason}", { ...notice }));
  try {
    const files = await openStore(flags.dataDir, flags.maxUploadBytes);
    const tlsFiles = await findTlsFiles(flags);
    const serving = await start(flags, tlsFiles, files.store);
    logConnectionLimit(serving, flags);
    using _reloading = tlsFiles && await reloadOnChange(serving, tlsFiles);
    const admin = flags.adminPort === undefined ? undefined : await listenForOperators(flags, serving);
    logStrayErrors(); // Not before: what is wrong at the start is to be seen.
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
async function start(flags: Flags, tlsFiles: TlsFiles | undefined, store: FileStore): Promise<Serving> {
  const { workers: count, hashUrl, hashProtocol, corsOrigin: corsOrigins, log, adminPort } = flags;
  const hasMetrics = adminPort !== undefined;
  const settings: ServingSettings = {
    app: { hashUrl, hashProtocol, corsOrigins },
    maxAbandonedCalls: flags.maxAbandonedCalls,
    maxOpenCalls: Math.ceil((flags.maxOpenCalls ?? defaultMaxOpenCalls(DEFAULT_MAX_OPEN_CALLS)) / count),
    listen: await listenOptions(flags, tlsFiles),
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
    notReadyReason: () => serving.notReadyReason(),
    metrics: await loadMergedMetrics(() => serving.metrics()),
  });
  const { adminHost: host, adminPort: port, allowedHosts } = flags;
  return await listen(createFetchBridge(handler, onError), {
    host,
    port,
    allowedHosts,
    maxConnections: MAX_ADMIN_CONNECTIONS,
    maxBufferedBytes: MAX_ADMIN_BUFFERED,
    onError,
    onListenerFault: logListenerFault,
  });
}

function checkTls({ tlsCert, tlsKey, tlsDev, clientCa, proxyProtocol }: Flags): void {
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
}

/** Where the certificates are that flags name, and the one that is made for `--tls-dev`; undefined without TLS. */
async function findTlsFiles({ tlsCert: cert, tlsKey: key, tlsDev, clientCa }: Flags): Promise<TlsFiles | undefined> {
  return cert === undefined && !tlsDev
    ? undefined
    : new TlsFiles({ cert, key, clientCa }, tlsDev ? await createDevCertificate() : undefined);
}

async function listenOptions(flags: Flags, tlsFiles: TlsFiles | undefined): Promise<ListenOptions> {
  const { headerTimeout, stallTimeout: stalledStreamTimeoutMs, idleTimeout: idleTimeoutMs, minRate } = flags;
  return {
    host: flags.host,
    port: flags.port,
    unixPath: flags.unix,
    proxyProtocol: flags.proxyProtocol,
    allowedHosts: flags.allowedHosts,
    trustForwarded: flags.trustForwarded,
    tls: await tlsFiles?.read(),
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
      resetBurst: flags.resetBurst,
      resetsPerSecond: flags.resetRate,
      streamErrorBurst: flags.streamErrorBurst,
      streamErrorsPerSecond: flags.streamErrorRate,
      overheadBurst: flags.overheadBurst,
      overheadPerSecond: flags.overheadRate,
    },
  };
}

/** Says if there may be fewer connections than were asked for. */
function logConnectionLimit({ maxConnections }: Serving, { maxConnections: wanted }: Flags): void {
  if (maxConnections < wanted) {
    logger.warn("There are file descriptors for {maxConnections} connections, not for {wanted}: see ulimit -n", {
      maxConnections,
      wanted,
    });
  }
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
