/** What a judge says. */

/** One line of the table. */
export interface Verdict {
  /** Who judged what. */
  readonly judge: string;
  readonly passed: number;
  readonly total: number;
  /** What went wrong, or is worth knowing. */
  readonly notes: readonly string[];
}

/** Whether nothing failed, and something was judged at all. */
export function isGood({ passed, total }: Verdict): boolean {
  return passed === total && total > 0;
}

/** A line of the table, and what went wrong below it. */
export function verdictText(verdict: Verdict): string {
  const { judge, passed, total, notes } = verdict;
  const line = `${isGood(verdict) ? "ok  " : "FAIL"} ${judge.padEnd(56)} ${`${passed}/${total}`.padStart(15)}`;
  return [line, ...notes.map((note) => `     ${note.replaceAll("\n", "\n     ")}`)].join("\n");
}

/** Prints verdicts as they come, and ends the process with 1 if one of them is bad: for a judge that runs by itself. */
export async function runJudge(judge: () => AsyncIterable<Verdict>): Promise<void> {
  let [good, all] = [0, 0];
  for await (const verdict of judge()) {
    console.log(verdictText(verdict));
    good += isGood(verdict) ? 1 : 0;
    all++;
  }
  console.log(`${good} of ${all} are good`);
  if (good < all) {
    Deno.exitCode = 1;
  }
}
