/** Reads what connectconformance prints. */

/** What a run came to. */
export interface Report {
  readonly total: number;
  readonly passed: number;
  /** A text for each case that failed, without what was sent and received. */
  readonly failures: readonly string[];
}

/** Takes its output apart: its exit code is 0 even when cases could not be run, so it is the totals that count. */
export function readReport(output: string): Report {
  const totals = /^Total cases: (\d+)\n(\d+) passed/m.exec(output);
  const failures = output.matchAll(/^FAILED: .*\n(?:\t.*\n)*/gm);
  return {
    total: Number(totals?.[1] ?? 0),
    passed: Number(totals?.[2] ?? 0),
    failures: Array.from(failures, ([text]) => text.slice("FAILED: ".length).trimEnd()),
  };
}
