/** What the log would say. */
import { configure, type LogRecord, reset } from "@logtape/logtape";

/** What is logged while something is done. */
export async function recordLog(task: () => void | Promise<void>): Promise<LogRecord[]> {
  await using log = await LogRecorder.start();
  await task();
  return log.records;
}

/** Keeps what is logged, until it is disposed of. */
export class LogRecorder implements AsyncDisposable {
  readonly records: LogRecord[] = [];
  #seen = 0;
  /** Wakes who waits. */
  #wake: () => void = () => {};

  static async start(): Promise<LogRecorder> {
    const log = new LogRecorder();
    await configure({
      reset: true,
      sinks: {
        records: (record) => {
          log.records.push(record);
          log.#wake();
        },
      },
      loggers: [
        { category: ["edgewire"], sinks: ["records"], lowestLevel: "debug" },
        { category: ["logtape", "meta"], sinks: [], lowestLevel: "error" },
      ],
    });
    return log;
  }

  /** What has been said, as text. */
  get texts(): string[] {
    return this.records.map(({ message }) => message.map((part) => String(part)).join(""));
  }

  /** Resolves when something matches that was logged since what this waited for before. Gives what was logged by then, as text. */
  async waitFor(pattern: RegExp): Promise<string[]> {
    while (true) {
      const texts = this.texts.slice(this.#seen);
      const index = texts.findIndex((text) => pattern.test(text));
      if (index >= 0) {
        this.#seen += index + 1;
        return texts.slice(0, index + 1);
      }
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await reset();
  }
}
