/** An error in words, where it happened. */
import type { Problem } from "../problem.ts";

/** What failed, why, and what to do. Read out as soon as it appears. */
export function ProblemNote({ problem }: { problem: Problem }) {
  return (
    <div class="problem" role="alert">
      <strong>{problem.what}.</strong> {problem.why} {problem.advice}
    </div>
  );
}
