/** One run of the client: its server, its signal, and how it says results and failures. */
import { type CallOptions, type Client, createClient } from "@connectrpc/connect";
import { File } from "../../gen/edgewire/v1/file_codec.ts";
import { Hash, type HashAlgorithm } from "../../gen/edgewire/v1/hash_codec.ts";
import { Greeter } from "../../gen/hello_codec.ts";
import { createHttp2Client } from "../net/mod.ts";
import { visibleJson, visibleText } from "../ops/mod.ts";
import { createFetchClient, createTransport, type Protocol } from "../rpc/mod.ts";
import { type AlgorithmName, ALGORITHMS } from "./algorithms.ts";
import { writeAll } from "./local_file.ts";

/** The options that every command takes. */
export interface GlobalFlags {
  readonly url: string;
  readonly protocol: Protocol;
  readonly algorithm: AlgorithmName;
  readonly json: boolean;
  readonly http1: boolean;
  /** In milliseconds. */
  readonly timeout?: number;
}

/** See the top of the file. */
export class Session {
  /** The lecture's, which servers in other languages have, too. */
  readonly greeter: Client<typeof Greeter>;
  readonly hash: Client<typeof Hash>;
  readonly file: Client<typeof File>;
  readonly algorithm: HashAlgorithm;
  /** For each call: what cancels it, and its deadline. */
  readonly callOptions: CallOptions;
  readonly #json: boolean;
  readonly #signal: AbortSignal;
  #failed = false;

  constructor(flags: GlobalFlags, signal: AbortSignal) {
    const transport = createTransport({
      baseUrl: flags.url,
      protocol: flags.protocol,
      httpClient: flags.http1 ? createFetchClient() : createHttp2Client({ baseUrl: flags.url }),
    });
    this.greeter = createClient(Greeter, transport);
    this.hash = createClient(Hash, transport);
    this.file = createClient(File, transport);
    this.algorithm = ALGORITHMS[flags.algorithm];
    this.callOptions = { signal, ...(flags.timeout === undefined ? {} : { timeoutMs: flags.timeout }) };
    this.#json = flags.json;
    this.#signal = signal;
  }

  /** Whether something was said to have failed. */
  get failed(): boolean {
    return this.#failed;
  }

  /** Prints a result: as one line of JSON if that was asked for, else as text, of which a terminal shows control characters instead of obeying them. */
  async print(lines: string | readonly string[], json: Record<string, unknown>): Promise<void> {
    const show = Deno.stdout.isTerminal() ? visibleText : (line: string) => line;
    const text = this.#json ? visibleJson(JSON.stringify(json)) : [lines].flat().map(show).join("\n");
    await writeAll(Deno.stdout, new TextEncoder().encode(`${text}\n`));
  }

  /** Does something with each of several subjects. When it fails with one of them, that is said, and the next one's turn comes. */
  async forEach(subjects: readonly string[], task: (subject: string) => Promise<void>): Promise<void> {
    for (const subject of subjects) {
      try {
        await task(subject);
      } catch (error) {
        if (this.#signal.aborted || error instanceof Deno.errors.BrokenPipe) {
          throw error;
        }
        this.#failed = true;
        console.error(visibleText(`edgewire: ${subject}: ${describeError(error)}`));
      }
    }
  }
}

/** An error in one line of words. */
export function describeError(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  // Deno adds the call and the path, which the line says already: "No such file or directory (os error 2): open 'x'".
  return message.replace(/ \(os error \d+\).*$/s, "").replaceAll("\n", " ");
}
