/** Certificates that are taken while a server runs, and what keeps them from being taken. */
import assert from "node:assert/strict";
import { TlsFiles, type TlsServerOptions } from "../../src/net/mod.ts";
import { reloadOnChange } from "../../src/reloading.ts";
import { LogRecorder } from "../support/log_records.ts";
import { within } from "../support/sockets.ts";

async function withFiles(action: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    for (const name of ["cert", "key", "ca"]) {
      await Deno.writeTextFile(`${directory}/${name}`, `${name} 1`);
    }
    await action(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const pathsIn = (directory: string) => ({
  cert: `${directory}/cert`,
  key: `${directory}/key`,
  clientCa: `${directory}/ca`,
});

Deno.test("reloading: without watches the server goes on, and SIGHUP is left", () =>
  withFiles(async (directory) => {
    await using log = await LogRecorder.start();
    const taken = Promise.withResolvers<TlsServerOptions>();
    const serving = { reloadTls: (certificates: TlsServerOptions) => Promise.resolve(taken.resolve(certificates)) };
    const watch = () => {
      throw new Error("Too many open files (os error 24)");
    };
    const files = new TlsFiles(pathsIn(directory), undefined, { watch });
    await files.read();
    using _reloading = await reloadOnChange(serving, files);
    const names = `${directory}/cert, ${directory}/key, ${directory}/ca`;
    assert.deepEqual(log.texts, [
      `Cannot watch ${names}, only SIGHUP loads them again: Error: Too many open files (os error 24)`,
    ]);
    await Deno.writeTextFile(`${directory}/ca`, "ca 2");
    Deno.kill(Deno.pid, "SIGHUP");
    assert.deepEqual(await within(10_000, taken.promise), { cert: "cert 1", key: "key 1", clientCa: "ca 2" });
    await log.waitFor(/^Reloaded /);
  }));

Deno.test("reloading: what the server does not take is logged, and what it takes later, too", () =>
  withFiles(async (directory) => {
    await using log = await LogRecorder.start();
    const serving = {
      reloadTls: ({ clientCa }: TlsServerOptions) =>
        clientCa === "ca 2" ? Promise.reject(new Error("Cannot read the client CA")) : Promise.resolve(),
    };
    const files = new TlsFiles(pathsIn(directory));
    await files.read();
    using _reloading = await reloadOnChange(serving, files);
    await Deno.writeTextFile(`${directory}/ca`, "ca 2");
    await log.waitFor(/^Cannot reload .*, going on with the old certificates: Error: Cannot read the client CA$/);
    await Deno.writeTextFile(`${directory}/ca`, "ca 3");
    await log.waitFor(/^Reloaded .*\/cert, .*\/key, .*\/ca$/);
  }));
