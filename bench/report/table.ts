/** Results for a terminal. */
import { figuresOf, median, type Results, type ScenarioResult } from "./results.ts";

const NAME_WIDTH = 30;

function format(figure: number): string {
  return figure >= 100 ? figure.toFixed(0) : figure >= 1 ? figure.toFixed(1) : figure.toFixed(2);
}

/** The median of some figures, and in brackets the lowest and the highest. */
export function formatFigures(figures: readonly number[]): string {
  const spread = figures.length > 1 ? ` (${format(Math.min(...figures))}-${format(Math.max(...figures))})` : "";
  return `${format(median(figures))}${spread}`;
}

/** A scenario's table: a row for each peer, a column for each metric, and what became of the goals. */
export function formatScenario({ title, metrics, peers, goals }: ScenarioResult): string {
  const names = metrics.map(({ name, better }) => better === "less" ? `${name} (less is better)` : name);
  const widths = names.map((name) => Math.max(name.length, 22) + 2);
  const cells = (texts: readonly string[]) => texts.map((text, index) => text.padStart(widths[index]!)).join("");
  const lines = [title, `  ${"".padEnd(NAME_WIDTH)}${cells(names)}`];
  for (const peer of peers) {
    const texts = metrics.map((_, metric) => {
      const figures = figuresOf(peer, metric);
      return figures.length > 0 ? formatFigures(figures) : "";
    });
    lines.push(`  ${peer.name.padEnd(NAME_WIDTH)}${cells(texts)}`);
    if (peer.failure !== undefined) {
      lines.push(`    failed: ${peer.failure}`);
    }
  }
  for (const { ours, other, metric, atLeast, ratio } of goals) {
    const verdict = ratio >= atLeast ? "reached" : "NOT reached";
    lines.push(`  ${ours} : ${other}, ${metrics[metric]!.name}: ${ratio.toFixed(2)}; goal ${atLeast}, ${verdict}`);
  }
  return lines.join("\n");
}

/** What figures were measured on, and how much they say. */
export function formatSetting({ date, commit, machine, versions, rounds, seconds, noise }: Results): string {
  const programs = Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(", ");
  return `${date.slice(0, 10)}, commit ${commit}; ${machine.cpu}, ${machine.cores} cores, Linux ${machine.kernel}; ` +
    `${programs}; ${rounds} ${
      rounds === 1 ? "round" : "rounds"
    } of ${seconds} s. Other work on the machine: ${noise.otherCores} cores, ` +
    `stolen from it: ${noise.stolenCores}, load average before: ${noise.loadAverage.toFixed(1)}.`;
}
