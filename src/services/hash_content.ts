/** How File has content hashed: the lecture's point, a service that reuses another through its generated stub. */
import { type CallOptions, type Client, Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import type { Hash } from "../../gen/edgewire/v1/hash_pb.ts";
import type { ConcreteHashAlgorithm } from "./hasher.ts";

/** Whom File has content hashed by. */
export interface HashServer {
  /** The stub of one of `registerHash` in this process, or of another server's. */
  readonly hash: Client<typeof Hash>;
  /** Where that is, as errors say it; undefined for this process. */
  readonly hashUrl?: string | undefined;
}

/** What the Hash service answered. */
export interface HashResult {
  readonly algorithm: ConcreteHashAlgorithm;
  /** Lower-case hexadecimal. */
  readonly hex: string;
  readonly byteCount: number;
}

/** How many bytes are hashed between two reports: a report costs little beside them, and a bar still moves. */
const PROGRESS_BYTES = 8 * 1024 * 1024;

/** What is kept of the caller's time, so that it still hears which server was slow: a tenth, and no more than 100 ms. */
const RESERVED_SHARE = 0.1;
const MAX_RESERVED_MS = 100;

/** Whom content is hashed for. */
export type HashCaller = Pick<HandlerContext, "values" | "timeoutMs">;

/**
 * Has `content` hashed. The call is cancelled with the caller's, and out of time a little before it.
 *
 * @param signal Cancels the call, too.
 * @throws {ConnectError} `canceled`, `deadline_exceeded`, `unavailable`, or `internal` for all else that Hash may answer.
 */
export async function hashContent(
  { hash, hashUrl }: HashServer,
  content: AsyncIterable<Uint8Array>,
  algorithm: ConcreteHashAlgorithm,
  caller: HashCaller,
  signal?: AbortSignal,
): Promise<HashResult> {
  try {
    const options = { ...callOptions(caller), ...signal === undefined ? {} : { signal } };
    const { digest, byteCount } = await hash.shaStream(toRequests(content, algorithm), options);
    if (digest?.algorithm !== algorithm) {
      throw new ConnectError("answered without the digest that was asked for", Code.Internal);
    }
    return { algorithm, hex: digest.hex, byteCount: Number(byteCount) };
  } catch (error) {
    throw hashServiceError(error, hashUrl);
  }
}

function callOptions(caller: HashCaller): CallOptions {
  const leftMs = caller.timeoutMs();
  return leftMs === undefined
    ? { contextValues: caller.values }
    : { contextValues: caller.values, timeoutMs: leftMs - Math.min(leftMs * RESERVED_SHARE, MAX_RESERVED_MS) };
}

/** Codes that say of this call what they say of the call to Hash. Others, `unimplemented` say, would mislead. */
const SHARED_CODES: ReadonlySet<Code> = new Set([Code.Canceled, Code.DeadlineExceeded, Code.Unavailable]);

function hashServiceError(error: unknown, hashUrl: string | undefined): ConnectError {
  const { code, rawMessage } = ConnectError.from(error);
  return new ConnectError(
    `hash service${hashUrl === undefined ? "" : ` at ${hashUrl}`}: ${rawMessage}`,
    SHARED_CODES.has(code) ? code : Code.Internal,
    undefined,
    undefined,
    error,
  );
}

/** Has `content` hashed, and tells now and then how many bytes were handed over, and at last the result. */
export async function* hashWithProgress(
  server: HashServer,
  content: AsyncIterable<Uint8Array>,
  algorithm: ConcreteHashAlgorithm,
  caller: HashCaller,
): AsyncGenerator<number | HashResult> {
  // Ends the call when the caller no longer listens.
  const listening = new AbortController();
  let handedOver = 0;
  let reported = 0;
  let news = Promise.withResolvers<void>();
  const counted = (async function* () {
    for await (const chunk of content) {
      yield chunk;
      handedOver += chunk.length;
      if (handedOver - reported >= PROGRESS_BYTES) {
        news.resolve();
      }
    }
  })();
  const result = hashContent(server, counted, algorithm, caller, listening.signal);
  result.catch(() => {}); // It is awaited below, unless the caller stops listening first.
  try {
    yield 0;
    while (await Promise.race([news.promise.then(() => true), result.then(() => false)])) {
      news = Promise.withResolvers();
      reported = handedOver;
      yield reported;
    }
    yield await result;
  } finally {
    listening.abort();
  }
}

async function* toRequests(content: AsyncIterable<Uint8Array>, algorithm: ConcreteHashAlgorithm) {
  yield { part: { case: "options" as const, value: { algorithm } } };
  for await (const value of content) {
    yield { part: { case: "chunk" as const, value } };
  }
}
