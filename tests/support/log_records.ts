/** What the log would say. */
import { configure, type LogRecord, reset } from "@logtape/logtape";

/** What is logged while something is done. */
export async function recordLog(task: () => void | Promise<void>): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  await configure({
    reset: true,
    sinks: { records: (record) => void records.push(record) },
    loggers: [
      { category: ["edgewire"], sinks: ["records"], lowestLevel: "debug" },
      { category: ["logtape", "meta"], sinks: [], lowestLevel: "error" },
    ],
  });
  try {
    await task();
  } finally {
    await reset();
  }
  return records;
}
