/** Certificates that are taken while the server runs. */
import type { TlsFiles, TlsServerOptions } from "./net/mod.ts";
import { logger } from "./ops/mod.ts";
import type { Serving } from "./workers/mod.ts";

/**
 * Takes other certificates when their files change, and at SIGHUP. Those that are no good are logged, and the old ones go on. So is what keeps the files
 * from being watched, and SIGHUP is left then.
 */
export async function reloadOnChange(serving: Pick<Serving, "reloadTls">, files: TlsFiles): Promise<Disposable> {
  const { names } = files;
  const fail = (error: unknown) =>
    logger.error("Cannot reload {names}, going on with the old certificates: {error}", { names, error });
  const take = async (certificates: TlsServerOptions) => {
    try {
      await serving.reloadTls(certificates);
      logger.info("Reloaded {names}", { names });
    } catch (error) {
      fail(error);
    }
  };
  const reload = async () => {
    try {
      await take(await files.read());
    } catch (error) {
      fail(error);
    }
  };
  Deno.addSignalListener("SIGHUP", reload);
  let watch: Disposable | undefined;
  try {
    watch = await files.watch({ onChange: take, onFailure: fail });
  } catch (error) {
    logger.error("Cannot watch {names}, only SIGHUP loads them again: {error}", { names, error });
  }
  return {
    [Symbol.dispose]: () => {
      Deno.removeSignalListener("SIGHUP", reload);
      watch?.[Symbol.dispose]();
    },
  };
}
