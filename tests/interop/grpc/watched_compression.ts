/** gzip that a test watches and controls: which messages came compressed, and which are to be sent so. */
import type { Compression } from "../../../mod.ts";
import { nodeCompressions } from "../../../mod.ts";

const gzip = nodeCompressions.find(({ name }) => name === "gzip");

/** See the top of the file. */
export class WatchedCompression implements Compression {
  readonly name = "gzip";
  /** Whether the next message is to be compressed. One that compression makes no smaller is sent as it is. */
  isOn = true;
  readonly #lengths: number[] = [];

  compress(data: Uint8Array): Uint8Array | Promise<Uint8Array> {
    return this.isOn ? this.#gzip.compress(data) : data;
  }

  async decompress(data: Uint8Array, maxBytes: number): Promise<Uint8Array> {
    const message = await this.#gzip.decompress(data, maxBytes);
    this.#lengths.push(message.length);
    return message;
  }

  /** Whether a message of so many octets came compressed, since it was last asked. */
  take(length: number): boolean {
    const index = this.#lengths.indexOf(length);
    if (index >= 0) {
      this.#lengths.splice(index, 1);
    }
    return index >= 0;
  }

  get #gzip(): Compression {
    if (gzip === undefined) {
      throw new Error("Cannot compress: there is no gzip");
    }
    return gzip;
  }
}
