/** Has a program make the calls, which speaks as `lines.ts` says. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import type { Call, Outcome, RunningClient } from "./call.ts";
import type { CallLine, OutcomeLine } from "./lines.ts";

/** How long a program may take to end when it has nothing to do any more, in milliseconds. */
const END_TIMEOUT_MS = 2000;

/** Starts a program. Calls that are under way when it ends are rejected with what it wrote to stderr. */
export function startProgramCaller(command: string, args: readonly string[]): RunningClient {
  const child = spawn(command, args, { stdio: "pipe" });
  const pending = new Map<number, PromiseWithResolvers<Outcome>>();
  let lastId = 0;
  child.stdin.on("error", () => {}); // The program has ended, which is told below.
  const send = (line: CallLine) => void child.stdin.write(`${JSON.stringify(line)}\n`);

  const read = async () => {
    for await (const line of createInterface({ input: child.stdout })) {
      const { id, outcome, failure }: OutcomeLine = JSON.parse(line);
      const result = pending.get(id);
      pending.delete(id);
      if (outcome === undefined) {
        result?.reject(new Error(`${command} failed: ${failure}`));
      } else {
        result?.resolve(outcome);
      }
    }
  };
  const ended = Promise.all([once(child, "close"), text(child.stderr), read()]).then(([[code], stderr]) => {
    for (const result of pending.values()) {
      result.reject(new Error(`${command} ended with ${code}: ${stderr}`));
    }
  });

  return {
    call: async (call: Call, signal?: AbortSignal) => {
      const id = ++lastId;
      const result = Promise.withResolvers<Outcome>();
      pending.set(id, result);
      send({ id, call });
      const cancel = () => send({ id, cancel: true });
      signal?.addEventListener("abort", cancel);
      try {
        return await result.promise;
      } finally {
        signal?.removeEventListener("abort", cancel);
      }
    },
    [Symbol.asyncDispose]: async () => {
      child.stdin.end();
      const timer = setTimeout(() => child.kill("SIGKILL"), END_TIMEOUT_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}
