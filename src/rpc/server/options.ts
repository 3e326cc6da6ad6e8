/** What can be set about the server side of RPC, and what it is when nothing is said. */
import type { ConnectRouter, HandlerContext, Interceptor } from "@connectrpc/connect";
import { checkWholeNumber, MAX_COUNT } from "../../http/mod.ts";
import { type Compression, createWebCompressions } from "../compression.ts";
import type { DeadlineWheel } from "../deadline_wheel.ts";
import type { BinaryOptions, JsonOptions } from "../message_codec.ts";
import {
  checkMessageBytes,
  DEFAULT_COMPRESS_MIN_BYTES,
  DEFAULT_MAX_MESSAGE_BYTES,
  defaultMaxDecodedBytes,
} from "../message_limits.ts";
import type { CallObserver } from "./call_observer.ts";

/**
 * Calls that their clients have given up, and whose handlers still run, count for the connection that they came by. Twice as many as it may have
 * streams: who gives up all calls at once may make as many new ones while the handlers of the old ones find out.
 */
const DEFAULT_MAX_ABANDONED_CALLS = 256;

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
   * were do not. A smaller message may take 1 MiB and 256 bytes for each byte of it. It bounds the time of decoding, too: 50 ms by default. Beyond it a call
   * is `resource_exhausted`. By default 8 times `maxMessageBytes`, that is, 32 MiB.
   */
  readonly maxDecodedBytes?: number | undefined;
  /** The largest message to send, before compression, in bytes. By default as large as those to receive. */
  readonly maxResponseBytes?: number | undefined;
  /** How messages may be compressed, the best first. @default `createWebCompressions()`; with `serve`, `nodeCompressions` */
  readonly compressions?: readonly Compression[] | undefined;
  /** From how many bytes on a message is compressed for clients that take it. @default 1024 */
  readonly compressMinBytes?: number | undefined;
  /** How messages are read and written in JSON. */
  readonly jsonOptions?: JsonOptions | undefined;
  /** How messages are read and written in the binary format. */
  readonly binaryOptions?: BinaryOptions | undefined;
  /** Refuses requests of the Connect protocol that do not say so by `connect-protocol-version` or `connect=v1`. @default false */
  readonly requireConnectProtocolHeader?: boolean | undefined;
  /** How many calls of a connection may go on after their client gave them up, before it gets no new ones. @default 256 */
  readonly maxAbandonedCalls?: number | undefined;
  /** When it aborts, all calls under way end with its reason, `unavailable` if that is no `ConnectError`. */
  readonly shutdownSignal?: AbortSignal | undefined;
  /** Told of each call: for logs, metrics and traces. The first is the outermost. None by default, at no cost. */
  readonly observers?: readonly CallObserver[] | undefined;
  /** Told what handlers throw that is no `ConnectError`. Clients are told `internal` without a text. By default it is logged to the console. */
  readonly onError?: ((error: unknown, context: HandlerContext) => void) | undefined;
}

/** {@linkcode RpcOptions} with nothing left open. */
export interface ResolvedOptions {
  readonly interceptors: readonly Interceptor[];
  readonly requestGate: ((context: HandlerContext) => void | Promise<void>) | undefined;
  readonly maxMessageBytes: number;
  readonly maxDecodedBytes: number;
  readonly maxResponseBytes: number;
  readonly compressions: readonly Compression[];
  readonly compressMinBytes: number;
  readonly jsonOptions: JsonOptions | undefined;
  readonly binaryOptions: BinaryOptions | undefined;
  readonly requireConnectProtocolHeader: boolean;
  readonly maxAbandonedCalls: number;
  /** Undefined when there are none. */
  readonly observers: readonly CallObserver[] | undefined;
  readonly onError: (error: unknown, context: HandlerContext) => void;
  readonly deadlines: DeadlineWheel;
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
    compressions: options.compressions ?? createWebCompressions(),
    compressMinBytes: options.compressMinBytes ?? DEFAULT_COMPRESS_MIN_BYTES,
    jsonOptions: options.jsonOptions,
    binaryOptions: options.binaryOptions,
    requireConnectProtocolHeader: options.requireConnectProtocolHeader ?? false,
    maxAbandonedCalls: options.maxAbandonedCalls ?? DEFAULT_MAX_ABANDONED_CALLS,
    observers: options.observers?.length === 0 ? undefined : options.observers,
    onError: options.onError ?? ((error) => console.error(error)),
    deadlines,
  };
  checkMessageBytes("maxMessageBytes", resolved.maxMessageBytes);
  checkWholeNumber("maxDecodedBytes", resolved.maxDecodedBytes, 0, MAX_COUNT);
  checkMessageBytes("maxResponseBytes", resolved.maxResponseBytes);
  checkWholeNumber("compressMinBytes", resolved.compressMinBytes, 0, MAX_COUNT);
  checkWholeNumber("maxAbandonedCalls", resolved.maxAbandonedCalls, 0, MAX_COUNT);
  return resolved;
}
