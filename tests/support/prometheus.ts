/** Reads what is written for Prometheus. */

/** Gives the value of a metric with exactly these labels; undefined when there is none. @throws {Error} A line is none of the format. */
export function readMetrics(
  text: string,
): (name: string, labels?: Readonly<Record<string, string>>) => number | undefined {
  const values = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) {
      continue;
    }
    const [, name, labels = "", value] = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (name === undefined || Number.isNaN(Number(value?.replace("Inf", "Infinity")))) {
      throw new Error(`No line of Prometheus: ${line}`);
    }
    const pairs = [...labels.matchAll(/([a-z_]+)="([^"]*)"/g)].map(([, label, text]) => [label!, text!] as const);
    values.set(keyOf(name, pairs), Number(value));
  }
  return (name, labels = {}) => values.get(keyOf(name, Object.entries(labels)));
}

function keyOf(name: string, labels: readonly (readonly [string, string])[]): string {
  return JSON.stringify([name, ...[...labels].sort(([a], [b]) => a < b ? -1 : 1)]);
}
