/** Progress on a terminal: a bar with rate and remaining time. */
import prettyBytes from "pretty-bytes";
import { visibleText } from "../ops/mod.ts";

/** Shows how far something is. */
export interface Progress extends Disposable {
  /** Says how many bytes are done. */
  update(bytes: number): void;
}

/** Shows nothing. */
const SILENT: Progress = { update: () => {}, [Symbol.dispose]: () => {} };

/**
 * Begins to show progress on stderr, if that is a terminal. The end of the scope takes it away again.
 *
 * @param total in bytes; undefined when it is not known
 */
export async function startProgress(label: string, total: number | undefined): Promise<Progress> {
  if (!Deno.stderr.isTerminal()) {
    return SILENT;
  }
  // Loaded here since most calls have no bar to show.
  // @ts-types="@types/cli-progress"
  const { default: { Presets, SingleBar } } = await import("cli-progress");
  const format = total === undefined
    ? "{label} {done} {rate}"
    : "{label} {bar} {percentage} % {done} of {size} {rate} {eta_formatted} left";
  const bar = new SingleBar({
    format,
    barsize: 24,
    clearOnComplete: true,
    hideCursor: true,
    // The signal ends the call, and the scope of the call ends the bar.
    gracefulExit: false,
  }, Presets.shades_classic);
  const title = visibleText(label);
  const startMs = performance.now();
  const payload = (bytes: number) => ({
    label: title,
    done: prettyBytes(bytes),
    size: prettyBytes(total ?? 0),
    rate: `${prettyBytes(bytes / Math.max(performance.now() - startMs, 1) * 1000)}/s`,
  });
  bar.start(total ?? 0, 0, payload(0));
  return {
    update: (bytes) => bar.update(bytes, payload(bytes)),
    [Symbol.dispose]: () => bar.stop(),
  };
}

/** The same chunks, counted by `progress` as they are taken. */
export async function* counted(chunks: AsyncIterable<Uint8Array>, progress: Progress): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of chunks) {
    yield chunk;
    bytes += chunk.length;
    progress.update(bytes);
  }
}
