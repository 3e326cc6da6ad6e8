/** The certificate and key of a server as files, which others renew while it runs. */
import { dirname } from "node:path";
import type { KeyPair } from "./tls.ts";

/** How long a change has to be over, in milliseconds: certificate and key are two files, and are rarely written at once. */
const SETTLE_MS = 200;

/** Where certificate chain and key are, as PEM. */
export interface KeyPairPaths {
  readonly cert: string;
  readonly key: string;
}

/** @throws {Error} A file cannot be read. The message names it. */
export async function readKeyPair(paths: KeyPairPaths): Promise<KeyPair> {
  return { cert: await readText(paths.cert), key: await readText(paths.key) };
}

/** @throws {Error} The file cannot be read. The message names it. */
export async function readText(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/ \(os error \d+\).*$/s, "") : String(error);
    throw new Error(`Cannot read ${path}: ${reason}`, { cause: error });
  }
}

/** Calls `onChange` after either file was written, or replaced as renewers do: it watches their directories. To be disposed of. */
export function watchKeyPair(paths: KeyPairPaths, onChange: () => void): Disposable {
  const directories = new Set([dirname(paths.cert), dirname(paths.key)]);
  const watcher = Deno.watchFs([...directories], { recursive: false });
  let timer: ReturnType<typeof setTimeout> | undefined;
  (async () => {
    for await (const _event of watcher) {
      // Any file of the directory: links to links, as of Kubernetes and certbot, change under other names.
      clearTimeout(timer);
      timer = setTimeout(onChange, SETTLE_MS);
    }
  })();
  return {
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      watcher.close();
    },
  };
}
