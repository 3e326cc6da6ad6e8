/** What a peer is told of its faults. This module performs no I/O. */
import type { Fault } from "./faults.ts";
import { octetsOf } from "./octets.ts";
import { responseHeadOf } from "./response_head.ts";
import type { ResponseWriter } from "./response_writer.ts";

/** Writes the answer that names a fault, with `connection: close`. @param isHead Whether the request was HEAD, as far as it is known. */
export function writeFault(writer: ResponseWriter, fault: Fault, isHead: boolean, date: string | undefined): void {
  const body = octetsOf(`${fault.reason}\n`);
  const head = responseHeadOf([
    { name: ":status", value: `${fault.status}` },
    { name: "content-type", value: "text/plain; charset=utf-8" },
    { name: "content-length", value: `${body.length}` },
  ]);
  writer.begin(head, { isHead, takesChunks: false, closes: true, date }, false);
  writer.write(body, 0, body.length, true);
  writer.end(true, undefined);
}
