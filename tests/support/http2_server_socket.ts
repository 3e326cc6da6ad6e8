/** An HTTP/2 server in memory, behind a {@linkcode FakeSocket}: what a client writes there is answered by our own engine. */
import { type Connection, createConnection, type Http2Limits, type Http2Stream } from "../../src/http2/mod.ts";
import { FakeSocket } from "./fake_socket.ts";
import { fieldList } from "./test_peer.ts";

const OK = fieldList({ ":status": "200" });

/** See the top of the file. Streams stay open until they are answered. */
export class Http2ServerSocket {
  readonly socket = new FakeSocket();
  /** Those that have not ended, in their order. */
  readonly streams: Http2Stream[] = [];
  readonly connection: Connection;

  constructor(limits: { readonly [Name in keyof Http2Limits]?: number } = {}) {
    this.connection = createConnection({
      role: "server",
      nowMs: 0,
      limits,
      handler: {
        onRequest: (stream) => {
          this.streams.push(stream);
        },
        onOutput: () => this.#answer(),
        onClose: () => this.socket.end(),
      },
    });
    const write = this.socket.write.bind(this.socket);
    this.socket.write = async (octets) => {
      const length = await write(octets);
      for (let position = 0; position < length && !this.connection.isClosed;) {
        position = this.connection.handleInput(octets.subarray(0, length), 0, position);
      }
      this.#answer();
      return length;
    };
    const closeWrite = this.socket.closeWrite.bind(this.socket);
    this.socket.closeWrite = async () => {
      await closeWrite();
      this.connection.handleEof();
      this.socket.end();
    };
    this.#answer();
  }

  /** Answers the oldest stream, which ends it. */
  answer(): void {
    const stream = this.streams.shift()!;
    stream.respond(OK, true);
  }

  /** Refuses the newest stream: it was not processed. */
  refuse(): void {
    this.streams.pop()!.reset(0x7);
  }

  /** Goes away: the streams that are there may end, others are lost. */
  goAway(): void {
    this.connection.shutdown();
    this.#answer();
  }

  #answer(): void {
    for (let output = this.connection.pollOutput(); output !== undefined; output = this.connection.pollOutput()) {
      this.socket.give(output.slice());
      this.connection.releaseOutput(output);
    }
  }
}
