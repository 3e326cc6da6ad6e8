/** Our client in interop tests: whole requests and answers, with back-pressure in between. */
import { connectHttp2, type Http2Client } from "../../../src/net/mod.ts";
import type { HeaderField } from "../../../src/http/mod.ts";
import type { Http2Stream, StreamHandler } from "../../../src/http2/mod.ts";
import type { Certificate } from "../../support/certificate.ts";
import { concat } from "../../support/frame_builder.ts";

/** A server somewhere. */
export interface Target {
  readonly port: number;
  /** What it shows, if it speaks TLS. */
  readonly certificate?: Certificate | undefined;
}

/** All of an answer. */
export interface Answer {
  readonly status: number;
  readonly fields: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
  readonly trailers: ReadonlyMap<string, string>;
}

/** What to ask for. */
export interface Request {
  readonly path: string;
  /** @default "GET" without a body, "POST" with one */
  readonly method?: string;
  readonly body?: Uint8Array;
  readonly trailers?: readonly HeaderField[];
  /** Called for every piece of the answer's body. */
  readonly onPiece?: (stream: Http2Stream) => void;
}

/** Connects to a server. */
export function connect({ port, certificate }: Target): Promise<Http2Client> {
  return connectHttp2({
    hostname: "localhost",
    port,
    tls: certificate !== undefined,
    caCerts: certificate === undefined ? undefined : [certificate.cert],
  });
}

const PIECE = 16_384;

function toMap(fields: readonly HeaderField[]): Map<string, string> {
  return new Map(fields.map(({ name, value }) => [name, value]));
}

/** Sends a request, and resolves to its answer. It rejects with `Http2StreamError` when the stream is reset. */
export function send(client: Http2Client, target: Target, request: Request): Promise<Answer> {
  const { path, body, trailers, method = body === undefined ? "GET" : "POST" } = request;
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const pieces: Uint8Array[] = [];
  let answer: Answer = { status: 0, fields: new Map(), body: new Uint8Array(0), trailers: new Map() };
  const end = () => resolve({ ...answer, body: concat(...pieces) });
  let sent = 0;
  const sendBody = (stream: Http2Stream) => {
    while (body !== undefined && sent < body.length) {
      const start = sent;
      sent = Math.min(body.length, start + PIECE);
      if (!stream.write(body, start, sent)) {
        return;
      }
    }
    if (!stream.isLocallyClosed) {
      finish(stream);
    }
  };
  let isFinished = false;
  const finish = (stream: Http2Stream) => {
    if (isFinished) {
      return;
    }
    isFinished = true;
    if (trailers === undefined) {
      stream.end();
    } else {
      stream.endWithTrailers(trailers);
    }
  };
  const handler: StreamHandler = {
    onResponse: (_stream, { status, fields }, endStream) => {
      answer = { ...answer, status, fields: toMap(fields) };
      if (endStream) {
        end();
      }
    },
    onData: (stream, buffer, start, stop, endStream) => {
      pieces.push(buffer.slice(start, stop));
      stream.release(stop - start);
      request.onPiece?.(stream);
      if (endStream) {
        end();
      }
    },
    onTrailers: (_stream, fields) => {
      answer = { ...answer, trailers: toMap(fields) };
      end();
    },
    onWritable: sendBody,
    onReset: (_stream, error) => reject(error),
  };
  const stream = client.connection.openStream(
    [
      { name: ":method", value: method },
      { name: ":scheme", value: target.certificate === undefined ? "http" : "https" },
      { name: ":authority", value: `localhost:${target.port}` },
      { name: ":path", value: path },
      // Go's server gives a handler those trailers only that were announced.
      ...(trailers ?? []).map(({ name }) => ({ name: "trailer", value: name })),
    ],
    handler,
    body === undefined,
  );
  if (body !== undefined) {
    sendBody(stream);
  }
  return promise;
}
