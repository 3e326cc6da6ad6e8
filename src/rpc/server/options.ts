/** What can be set about the server side of RPC, and what it is when nothing is said. */
import type { ConnectRouter, HandlerContext, Interceptor } from "@connectrpc/connect";
import { checkWholeNumber, type LimitChanges, MAX_COUNT } from "../../http/mod.ts";
import { guardReporter, printMistake } from "../../user_code/mod.ts";
import { type Compression, createWebCompressions } from "../compression.ts";
import type { DeadlineWheel } from "../deadline_wheel.ts";
import { type ErrorLimits, resolveErrorLimits } from "../error_limits.ts";
import type { BinaryOptions, JsonOptions } from "../message_codec.ts";
import {
  checkMessageBytes,
  DEFAULT_COMPRESS_MIN_BYTES,
  DEFAULT_MAX_MESSAGE_BYTES,
  defaultMaxDecodedBytes,
} from "../message_limits.ts";
import type { CallObserver } from "./call_observer.ts";

/** What {@linkcode RpcOptions.maxAbandonedCalls} is by default. */
export const DEFAULT_MAX_ABANDONED_CALLS = 1024;

/** What {@linkcode RpcOptions.maxOpenCalls} is by default. */
export const DEFAULT_MAX_OPEN_CALLS = 65_536;

/** Options of a server, whatever carries it. */
export interface RpcOptions {
  /** Adds the services: `(router) => router.service(Greeter, { ... })`. */
  readonly routes: (router: ConnectRouter) => void;
  /** As on clients, see connect-es. The first is the outermost. None by default. */
  readonly interceptors?: readonly Interceptor[] | undefined;
  /**
   * Called when a call's head is there, before anything of its body is read or decoded: the place to refuse a call cheaply. It throws a
   * `ConnectError` for that. It may set context values and response fields.
   */
  readonly requestGate?: ((context: HandlerContext) => void | Promise<void>) | undefined;
  /** The largest message to receive, before and after decompression, in bytes. @default 4 MiB */
  readonly maxMessageBytes?: number | undefined;
  /**
   * What a received message may take in memory once it is decoded, in bytes, by an estimate: objects count, numbers and text that are about as large as they
   * were do not. A smaller message may take 1 MiB and 256 bytes for each byte of it. It bounds the time of decoding, too: 25 ms by default. Beyond it a call
   * is `resource_exhausted`. By default 4 times `maxMessageBytes`, that is, 16 MiB.
   */
  readonly maxDecodedBytes?: number | undefined;
  /** The largest message to send, before compression, in bytes. By default as large as those to receive. */
  readonly maxResponseBytes?: number | undefined;
  /** How much an answer may say of its error, and beside its messages. */
  readonly errorLimits?: LimitChanges<ErrorLimits> | undefined;
  /** How messages may be compressed, the best first. @default `createWebCompressions()`; with `serve`, `nodeCompressions` */
  readonly compressions?: readonly Compression[] | undefined;
  /** From how many bytes on a message is compressed for clients that take it. @default 1024 */
  readonly compressMinBytes?: number | undefined;
  /** How messages are read and written in JSON. */
  readonly jsonOptions?: JsonOptions | undefined;
  /** How messages are read and written in the binary format. */
  readonly binaryOptions?: BinaryOptions | undefined;
  /**
   * The origins of pages that may call, as in `https://example.com`; `*` for all. Calls by GET of pages of other origins are refused, as far as
   * browsers say that they are (`Sec-Fetch-Site`); for other calls browsers ask before they make them. None by default.
   */
  readonly corsOrigins?: readonly string[] | undefined;
  /** Refuses requests of the Connect protocol that do not say so by `connect-protocol-version` or `connect=v1`. @default false */
  readonly requireConnectProtocolHeader?: boolean | undefined;
  /**
   * How many handlers of a connection may still run after their call was cancelled or its deadline passed; above, new calls are refused. Stops Rapid Reset
   * (CVE-2023-44487) and MadeYouReset (CVE-2025-8671) from piling up handlers. Our own choice: enough for 5000 calls a second that pass a deadline of 20 ms on
   * a method that takes 200 ms.
   *
   * @default 1024
   */
  readonly maxAbandonedCalls?: number | undefined;
  /**
   * How many calls may be under way on all connections together; above, new ones are `unavailable`. A stream on which nothing is sent takes 7 KiB, and a peer
   * may have 128 of them on each of its connections.
   *
   * @default 65536; with `serve`, one for each 64 KiB of memory that the process may use, from 4096 to 65536
   */
  readonly maxOpenCalls?: number | undefined;
  /** When it aborts, all calls under way end with its reason, `unavailable` if that is no `ConnectError`. */
  readonly shutdownSignal?: AbortSignal | undefined;
  /** Told of each call: for logs, metrics and traces. The first is the outermost. None by default, at no cost. */
  readonly observers?: readonly CallObserver[] | undefined;
  /**
   * Told what handlers throw that is no `ConnectError`, what listeners of their signals throw, and that they gave what is no message: once for each
   * call. Clients are told `internal` without a text. By default it is logged to the console.
   */
  readonly onError?: ((error: unknown, context: HandlerContext) => void) | undefined;
}

/** {@linkcode RpcOptions} with nothing left open. */
export interface ResolvedOptions {
  readonly interceptors: readonly Interceptor[];
  readonly requestGate: ((context: HandlerContext) => void | Promise<void>) | undefined;
  readonly maxMessageBytes: number;
  readonly maxDecodedBytes: number;
  readonly maxResponseBytes: number;
  readonly errorLimits: ErrorLimits;
  readonly compressions: readonly Compression[];
  readonly compressMinBytes: number;
  readonly jsonOptions: JsonOptions | undefined;
  readonly binaryOptions: BinaryOptions | undefined;
  readonly corsOrigins: readonly string[];
  readonly requireConnectProtocolHeader: boolean;
  readonly maxAbandonedCalls: number;
  readonly maxOpenCalls: number;
  /** Undefined when there are none. */
  readonly observers: readonly CallObserver[] | undefined;
  /** Never throws. */
  readonly onError: (error: unknown, context: HandlerContext) => void;
  readonly deadlines: DeadlineWheel;
}

/** Prints what a method failed with, and which one, to the console. @param context Undefined when it was none. */
export function printFault(error: unknown, context: HandlerContext | undefined): void {
  printMistake(error, context && `${context.service.typeName}/${context.method.name} failed:`);
}

/** @throws {RangeError} A number is none that it can be. */
export function resolveOptions(options: RpcOptions, deadlines: DeadlineWheel): ResolvedOptions {
  const { maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES } = options;
  const resolved = {
    interceptors: options.interceptors ?? [],
    requestGate: options.requestGate,
    maxMessageBytes,
    maxDecodedBytes: options.maxDecodedBytes ?? defaultMaxDecodedBytes(maxMessageBytes),
    maxResponseBytes: options.maxResponseBytes ?? maxMessageBytes,
    errorLimits: resolveErrorLimits(options.errorLimits),
    compressions: options.compressions ?? createWebCompressions(),
    compressMinBytes: options.compressMinBytes ?? DEFAULT_COMPRESS_MIN_BYTES,
    jsonOptions: options.jsonOptions,
    binaryOptions: options.binaryOptions,
    corsOrigins: options.corsOrigins ?? [],
    requireConnectProtocolHeader: options.requireConnectProtocolHeader ?? false,
    maxAbandonedCalls: options.maxAbandonedCalls ?? DEFAULT_MAX_ABANDONED_CALLS,
    maxOpenCalls: options.maxOpenCalls ?? DEFAULT_MAX_OPEN_CALLS,
    observers: options.observers?.length === 0 ? undefined : options.observers,
    onError: guardReporter<[unknown, HandlerContext]>(options.onError ?? printFault),
    deadlines,
  };
  checkMessageBytes("maxMessageBytes", resolved.maxMessageBytes);
  checkWholeNumber("maxDecodedBytes", resolved.maxDecodedBytes, 0, MAX_COUNT);
  checkMessageBytes("maxResponseBytes", resolved.maxResponseBytes);
  checkWholeNumber("compressMinBytes", resolved.compressMinBytes, 0, MAX_COUNT);
  checkWholeNumber("maxAbandonedCalls", resolved.maxAbandonedCalls, 0, MAX_COUNT);
  checkWholeNumber("maxOpenCalls", resolved.maxOpenCalls, 1, MAX_COUNT);
  return resolved;
}
