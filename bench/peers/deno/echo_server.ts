/**
 * The engine alone: an echo as a gRPC call looks on the wire (HEADERS, DATA, trailers), without gRPC. Also whole bodies in each direction.
 *
 * `echo_server.ts PORT`: `POST /echo` sends back what it gets; `POST /upload` takes it; `GET /download/N` sends N octets.
 */
import type { ExchangeHandler, HttpExchange } from "../../../src/http/mod.ts";
import { serveHttp } from "../../../src/net/mod.ts";

const HEAD = Object.freeze([{ name: ":status", value: "200" }, { name: "content-type", value: "application/grpc" }]);
const TRAILERS = Object.freeze([{ name: "grpc-status", value: "0" }]);
const CHUNK = new Uint8Array(65_536);

const echo: ExchangeHandler = {
  onData(stream, buffer, start, end, endStream) {
    if (!stream.headSent) {
      stream.respond(HEAD);
    }
    const offset = stream.reserve(end - start);
    if (offset >= 0) {
      const output = stream.outputBuffer;
      for (let index = start; index < end; index++) {
        output[offset + index - start] = buffer[index]!;
      }
      stream.commit(end - start);
    } else {
      stream.write(buffer, start, end);
    }
    stream.release(end - start);
    if (endStream) {
      stream.endWithTrailers(TRAILERS);
    }
  },
  onTrailers: (stream) => stream.endWithTrailers(TRAILERS),
  onWritable: () => {},
  onReset: () => {},
};

const upload: ExchangeHandler = {
  ...echo,
  onData(stream, _buffer, start, end, endStream) {
    stream.release(end - start);
    if (endStream) {
      stream.respond(HEAD, true);
    }
  },
};

/** The octets that are still to be sent are the stream's context. */
const download: ExchangeHandler = { ...echo, onWritable: send };

function send(stream: HttpExchange): void {
  let left = stream.context as number;
  while (left > 0) {
    const length = Math.min(left, CHUNK.length);
    left -= length;
    stream.context = left;
    if (!stream.write(CHUNK, 0, length)) {
      return;
    }
  }
  stream.end();
}

await serveHttp((stream, { path }) => {
  if (path === "/upload") {
    stream.handler = upload;
  } else if (path.startsWith("/download/")) {
    stream.handler = download;
    stream.context = Number(path.slice("/download/".length));
    stream.respond(HEAD);
    send(stream);
  } else {
    stream.handler = echo;
  }
}, {
  port: Number(Deno.args[0]),
});
console.log("ready");
