/** A client of HTTP/2 that sends again only what it was told to be unprocessed. */
import { Http2StreamError } from "../../../src/http2/mod.ts";
import { connectHttp2, type Http2Client } from "../../../src/net/mod.ts";

/** A stream that the server says it did nothing with, or a connection that took none. */
export class UnprocessedError extends Error {
  override readonly name = "UnprocessedError";
}

/** One call on one connection. @throws {UnprocessedError} It may be made again. @throws {Error} It failed. */
export function callOnce({ connection }: Http2Client, path: string, content: Uint8Array): Promise<number> {
  if (!connection.canOpenStream) {
    return Promise.reject(new UnprocessedError("The connection takes no streams"));
  }
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let status = 0;
  let length = 0;
  const end = () => {
    const isRight = status === 200 && length === content.length;
    return isRight ? resolve(status) : reject(new Error(`Status ${status}, ${length} octets`));
  };
  const stream = connection.openStream([
    { name: ":method", value: "POST" },
    { name: ":scheme", value: "http" },
    { name: ":path", value: path },
    { name: ":authority", value: "localhost" },
  ], {
    onResponse: (_stream, head, endStream) => {
      status = head.status;
      if (endStream) {
        end();
      }
    },
    onData: (stream, _buffer, start, stop, endStream) => {
      length += stop - start;
      stream.release(stop - start);
      if (endStream) {
        end();
      }
    },
    onTrailers: end,
    onWritable: () => {},
    onReset: (_stream, error) => {
      const isUnprocessed = error instanceof Http2StreamError && error.isUnprocessed;
      reject(isUnprocessed ? new UnprocessedError(error.message) : error);
    },
  });
  stream.end(content);
  return promise;
}

/** A connection that is made anew when it ends. */
export class LastingClient {
  /** How many connections there were, and calls that were made again. */
  connections = 0;
  retries = 0;
  readonly #port: number;
  #client: Promise<Http2Client> | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  /** A call, on as many connections as it takes. */
  async call(path: string, content: Uint8Array): Promise<void> {
    while (true) {
      const connecting = this.#client ??= this.#connect();
      const client = await connecting;
      try {
        await callOnce(client, path, content);
        return;
      } catch (error) {
        if (!(error instanceof UnprocessedError)) {
          throw error;
        }
        this.retries++;
        if (this.#client === connecting) {
          this.#client = undefined;
          client.shutdown();
        }
      }
    }
  }

  async close(): Promise<void> {
    await (await this.#client)?.close();
  }

  async #connect(): Promise<Http2Client> {
    this.connections++;
    const client = await connectHttp2({ hostname: "127.0.0.1", port: this.#port });
    return client;
  }
}
