/** A compression that takes its time: until the test says what came of it. */
import type { Compression } from "../../src/rpc/mod.ts";

/** See the top of the file. Named `late`. */
export class LateCompression implements Compression {
  readonly name = "late";
  readonly waiting: PromiseWithResolvers<Uint8Array>[] = [];

  compress(): Promise<Uint8Array> {
    const late = Promise.withResolvers<Uint8Array>();
    this.waiting.push(late);
    return late.promise;
  }

  decompress(data: Uint8Array): Uint8Array {
    return data;
  }
}
