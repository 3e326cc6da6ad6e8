/** The requests of a soak that no client would make, each on a connection of its own, and what has to come of them. */
import type { RawClient } from "../../tests/support/raw_client.ts";
import { same } from "./outcome.ts";

/** A kind of bad request. */
export interface BadInput {
  readonly name: string;
  /** How often it is made: this much of the sum of all kinds, those of calls too. */
  readonly share: number;
  /** @throws {Error} The server did not do what it has to. */
  readonly send: (client: RawClient) => Promise<void>;
}

const PATH = "/edgewire.v1.Greeter/SayHello";

function post(path: string, contentType: string, body: string, ...fields: readonly string[]): string {
  return [
    `POST ${path} HTTP/1.1`,
    "host: localhost",
    `content-type: ${contentType}`,
    `content-length: ${body.length}`,
    ...fields,
    "",
    body,
  ].join("\r\n");
}

/** A request, and the status and code of Connect that it is answered with. */
function answered(name: string, request: string, status: number, code?: string): BadInput {
  return {
    name,
    share: 5,
    send: async (client) => {
      await client.send(request);
      const answer = await client.readAnswer();
      same([answer.status, code && JSON.parse(answer.body).code], [status, code]);
    },
  };
}

/** What is sent before the connection is closed, in the middle of something. */
function broken(name: string, request: string): BadInput {
  return { name, share: 5, send: (client) => client.send(request) };
}

const HTTP2_PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const EMPTY_SETTINGS = "\0\0\0\x04\0\0\0\0\0";

export const BAD_INPUTS: readonly BadInput[] = [
  answered("bad request line", "GET  / HTTP/1.1\r\nhost: localhost\r\n\r\n", 400),
  answered("no host", "GET / HTTP/1.1\r\n\r\n", 400),
  answered("two lengths", post(PATH, "application/json", "{}", "content-length: 3"), 400),
  answered("no such method", post("/edgewire.v1.Greeter/No", "application/json", "{}"), 404, "unimplemented"),
  answered("media type of nobody", post(PATH, "text/plain", "{}"), 415),
  answered("damaged JSON", post(PATH, "application/json", `{"name":`), 400, "invalid_argument"),
  answered("damaged protobuf", post(PATH, "application/proto", "\x0a\xff"), 400, "invalid_argument"),
  answered("damaged gzip", post(PATH, "application/json", "{}", "content-encoding: gzip"), 400, "invalid_argument"),
  answered("unknown compression", post(PATH, "application/json", "{}", "content-encoding: no"), 501, "unimplemented"),
  broken("half a head", `POST ${PATH} HTTP/1.1\r\nhost: loc`),
  broken("half a body", post(PATH, "application/json", "{}").slice(0, -1)),
  broken(
    "half a message",
    post(PATH, "application/grpc-web+proto", "\0\0\0\0\x09\x0a").replace("length: 6", "length: 14"),
  ),
  broken("half a preface", HTTP2_PREFACE.slice(0, 20)),
  broken("HTTP/2 and silence", HTTP2_PREFACE + EMPTY_SETTINGS),
  {
    name: "no frame of HTTP/2",
    share: 5,
    send: async (client) => {
      await client.send(`${HTTP2_PREFACE}${EMPTY_SETTINGS}\0\0\x05\x06\0\0\0\0\0PING?`);
      const received = await client.readAll();
      same(received.includes("\x07\0\0\0\0\0"), true);
    },
  },
];
