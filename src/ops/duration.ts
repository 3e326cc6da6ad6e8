/** Durations as people write them: `500ms`, `30s`, `1.5m`, `2h`; a number alone is seconds. */

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** The duration in milliseconds, at least 1; undefined when the text is none. */
export function parseDuration(text: string): number | undefined {
  const [, amount, unit = "s"] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text) ?? [];
  const milliseconds = Math.round(Number(amount) * UNIT_MS[unit]!);
  return milliseconds >= 1 ? milliseconds : undefined;
}
