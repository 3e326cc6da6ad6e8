/** What the programs of Node have in common: their command line, and the lines of `../lines.ts`. */
import type { AddressInfo, Server } from "node:net";
import process from "node:process";
import { createInterface } from "node:readline";
import type { Caller } from "../call.ts";
import type { CallLine, OutcomeLine } from "../lines.ts";
import type { ClientTask, ServerTask } from "../task.ts";

/** The longest message that peers take, where they have no limit of their own. */
export const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

/** As often as clients ask for a sign of life. */
export const KEEPALIVE_INTERVAL_MS = 100;

/** Reads the command line. */
export function readTask(): ServerTask | ClientTask {
  return JSON.parse(process.argv[2] ?? "");
}

/** Says on which port a server listens. */
export function sayPort(port: number): void {
  console.log(`listening on ${port}`);
}

/** Has a server listen, and says on which port. */
export function listen(server: Server): void {
  server.listen(0, "127.0.0.1", () => sayPort((server.address() as AddressInfo).port));
}

/** Makes calls until stdin ends, and ends. */
export async function makeCalls(call: Caller): Promise<void> {
  const aborts = new Map<number, AbortController>();
  for await (const text of createInterface({ input: process.stdin })) {
    const line: CallLine = JSON.parse(text);
    if ("cancel" in line) {
      aborts.get(line.id)?.abort();
      continue;
    }
    const abort = new AbortController();
    aborts.set(line.id, abort);
    const say = (rest: Omit<OutcomeLine, "id">) => console.log(JSON.stringify({ id: line.id, ...rest }));
    call(line.call, abort.signal).then((outcome) => say({ outcome }), (error) => say({ failure: String(error) }));
  }
  process.exit(0);
}
