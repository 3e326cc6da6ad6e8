import type { HttpConnection, HttpExchange, RequestHead } from "../http/mod.ts";
export interface Http1Limits {
  readonly x: number;
}
export function createHttp1Connection(
  _: {
    nowMs: number;
    limits?: unknown;
    maxAgeMs?: number | undefined;
    date: () => string;
    handler: {
      onRequest(e: HttpExchange, h: RequestHead, end: boolean): void;
      onOutput(): void;
      onClose(e: Error | undefined): void;
    };
  },
): HttpConnection {
  throw new Error("none");
}
