/** A client and a server in one process, joined by octets in chunks of any size, each frame of which is counted by an audit. */
import assert from "node:assert/strict";
import {
  type Connection,
  type ConnectionHandler,
  type ConnectionOptions,
  createConnection,
} from "../../src/http2/mod.ts";
import { FrameText } from "./frame_text.ts";
import { type Side, WindowAudit } from "./window_audit.ts";

/** Options of one side. */
export interface SideOptions extends Partial<Omit<ConnectionOptions, "role" | "nowMs" | "handler">> {
  readonly handler?: Partial<ConnectionHandler>;
}

/** Options of both sides. */
export interface ConnectionPairOptions {
  readonly client?: SideOptions;
  readonly server?: SideOptions;
  /** Octets of the next chunk. @default all there are */
  readonly chunkLength?: () => number;
}

const QUIET = { onOutput: () => {}, onClose: () => {} };

/** See the top of the file. Time stands still unless it is advanced. */
export class ConnectionPair {
  readonly client: Connection;
  readonly server: Connection;
  readonly audit = new WindowAudit();
  nowMs = 0;
  readonly #chunkLength: () => number;
  readonly #texts = { client: new FrameText("client"), server: new FrameText("server") };
  readonly #ended = { client: false, server: false };

  constructor(options: ConnectionPairOptions = {}) {
    this.#chunkLength = options.chunkLength ?? (() => Infinity);
    const of = (role: Side) =>
      createConnection({
        ...options[role],
        role,
        nowMs: this.nowMs,
        handler: { ...QUIET, ...options[role]?.handler },
      });
    this.client = of("client");
    this.server = of("server");
  }

  /** Carries everything to the other side, until nobody has anything to say. */
  flush(): void {
    for (let rounds = 0; this.#carry("client") || this.#carry("server"); rounds++) {
      assert.ok(rounds < 1e6, "They come to an end");
    }
  }

  /** Carries what one side has to say now. @returns Whether there was anything. */
  step(from: Side): boolean {
    return this.#carry(from);
  }

  /** Lets time go by. */
  advance(milliseconds: number): void {
    const end = this.nowMs + milliseconds;
    for (let rounds = 0;; rounds++) {
      assert.ok(rounds < 1000, "The timers come to an end");
      const next = Math.min(this.client.pollTimeout() ?? Infinity, this.server.pollTimeout() ?? Infinity);
      if (next > end) {
        break;
      }
      this.nowMs = Math.max(this.nowMs, next);
      this.client.handleTimeout(this.nowMs);
      this.server.handleTimeout(this.nowMs);
      this.flush();
    }
    this.nowMs = end;
  }

  #carry(from: Side): boolean {
    const to = from === "client" ? "server" : "client";
    const output = this[from].pollOutput();
    if (output === undefined) {
      if (this[from].isClosed && !this.#ended[from]) {
        this.#ended[from] = true;
        this[to].handleEof();
        return true;
      }
      return false;
    }
    const frames = this.#texts[from].read(output);
    frames.forEach((frame) => this.audit.sent(from, frame));
    frames.forEach((frame) => this.audit.received(to, frame));
    for (let position = 0; position < output.length;) {
      const chunk = output.slice(position, position + this.#chunkLength());
      for (let taken = 0; taken < chunk.length;) {
        taken = this[to].handleInput(chunk, this.nowMs, taken);
      }
      position += chunk.length;
      chunk.fill(0xee);
    }
    this[from].releaseOutput(output);
    return true;
  }
}
