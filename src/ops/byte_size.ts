/** Sizes as people write them: `64MiB`, `512KiB`, `1.5GiB`; a number alone is bytes. */

const UNIT_BYTES: Readonly<Record<string, number>> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/** The size in bytes, at least 1; undefined when the text is none. */
export function parseByteSize(text: string): number | undefined {
  const [, amount, unit = "B"] = /^(\d+(?:\.\d+)?)(B|KiB|MiB|GiB)?$/.exec(text) ?? [];
  const bytes = Math.round(Number(amount) * UNIT_BYTES[unit]!);
  return bytes >= 1 && Number.isSafeInteger(bytes) ? bytes : undefined;
}
