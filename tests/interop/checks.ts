/** Checks by name, each with its own end. */
import type { Verdict } from "../conformance/verdict.ts";

/** How long one check may take, in milliseconds. */
const CHECK_TIMEOUT_MS = 30_000;

/** One thing that has to work. It rejects when it does not. */
export type Check = readonly [name: string, run: () => Promise<void>];

/** Does one check after the other; `also` are the results of checks that were done elsewhere. */
export async function runChecks(judge: string, checks: readonly Check[]): Promise<Verdict> {
  const results: CheckResult[] = [];
  for (const [name, run] of checks) {
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error(`took more than ${CHECK_TIMEOUT_MS} ms`)), CHECK_TIMEOUT_MS);
    try {
      await Promise.race([run(), promise]);
      results.push({ check: name });
    } catch (error) {
      results.push({ check: name, error: error instanceof Error ? error.message : String(error) });
    } finally {
      clearTimeout(timer);
    }
  }
  return verdictOf(judge, results);
}

/** What became of a check. */
export interface CheckResult {
  readonly check: string;
  readonly error?: string;
}

/** All results as one line of the table, with the names of the checks. */
export function verdictOf(judge: string, results: readonly CheckResult[]): Verdict {
  const good = results.filter(({ error }) => error === undefined).map(({ check }) => check);
  const bad = results.filter(({ error }) => error !== undefined).map(({ check, error }) => `${check}: ${error}`);
  return { judge, passed: good.length, total: results.length, notes: [good.join(", "), ...bad].filter(Boolean) };
}

/** The results that a program of ours wrote, a line of JSON each. There have to be `count` of them: it may have ended early. */
export function readResults(output: string, count: number): CheckResult[] {
  const results = output.split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
  return results.length >= count
    ? results
    : [...results, { check: "all checks were made", error: `${results.length} of ${count}` }];
}
