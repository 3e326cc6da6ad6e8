/** What the methods of `echo.proto` do, for servers of any library: requests come and answers go as protobuf JSON. */
import type { JsonObject } from "@bufbuild/protobuf";
import { Turns } from "./turns.ts";

/** What a library knows of a call. */
export interface EchoContext {
  /** What is left of the deadline, in milliseconds; undefined if there is none. */
  readonly timeoutMs: number | undefined;
  /** Aborts when nobody waits for an answer any more. */
  readonly signal: AbortSignal;
}

/** The metadata of a request that come back. */
export const ECHOED = { headers: ["x-header", "x-header-bin"], trailers: ["x-trailer", "x-trailer-bin"] } as const;

/** An error that a request asked for. */
export class EchoFailure extends Error {
  override readonly name = "EchoFailure";
  /** A code of gRPC. */
  readonly code: number;
  /** Its one detail, a `FailRequest`. */
  readonly detail: JsonObject;

  constructor(detail: JsonObject) {
    super(String(detail["message"] ?? ""));
    this.code = Number(detail["code"]);
    this.detail = detail;
  }
}

/** Answers a call of a method, except of Unimplemented. @throws {EchoFailure} As the request says. */
export type EchoService = (
  method: string,
  requests: AsyncIterable<JsonObject>,
  context: EchoContext,
) => AsyncGenerator<JsonObject>;

/** Makes a service, which remembers the calls that wait. */
export function createEchoService(): EchoService {
  const waits = new Map<string, Turns>();
  const waitOf = (id: string) => {
    const wait = waits.get(id) ?? new Turns();
    waits.set(id, wait);
    return wait;
  };

  async function* wait({ id }: JsonObject, answers: number, signal: AbortSignal) {
    const states = waitOf(String(id));
    states.next();
    yield* Array.from({ length: answers }, (_, number) => ({ number }));
    await new Promise((resolve) => signal.aborted ? resolve(undefined) : signal.addEventListener("abort", resolve));
    states.next();
    throw signal.reason;
  }

  return async function* (method, requests, { timeoutMs, signal }) {
    if (method === "ClientStream") {
      yield await joinRequests(requests);
      return;
    }
    let number = 0;
    for await (const request of requests) {
      switch (method) {
        case "Unary":
        case "Get":
          yield { ...request, number: 1, ...timeoutMs === undefined ? {} : { timeoutMs } };
          break;
        case "ServerStream":
          yield* repeat(request);
          break;
        case "BidiStream":
          yield { ...request, number: ++number };
          break;
        case "FailStream":
          yield* repeat(request);
          throw new EchoFailure(request);
        case "Fail":
          throw new EchoFailure(request);
        case "Wait":
          yield* wait(request, 0, signal);
          break;
        case "WaitStream":
          yield* wait(request, 1, signal);
          break;
        case "Observe":
          await waitOf(String(request["id"])).reach(request["state"] === "CALL_STATE_CANCELLED" ? 2 : 1);
          yield {};
          break;
        default:
          throw new Error(`Cannot answer ${method}`);
      }
    }
  };
}

function repeat({ text = "", answers = 0 }: JsonObject): JsonObject[] {
  return Array.from({ length: Number(answers) }, (_, number) => ({ text, number }));
}

async function joinRequests(requests: AsyncIterable<JsonObject>): Promise<JsonObject> {
  let number = 0;
  let text = "";
  let data = "";
  for await (const request of requests) {
    number++;
    text += request["text"] ?? "";
    data += atob(String(request["data"] ?? ""));
  }
  return { text, data: btoa(data), number };
}
