/** Numbers and times as people read them. */

const BYTE_UNITS = ["bytes", "kB", "MB", "GB", "TB"] as const;
const threeDigits = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });
const dateAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** `1 byte`, `12.3 kB`, `50 MB`: units of 1000, as file managers show them. */
export function formatBytes(bytes: number): string {
  if (bytes === 1) {
    return "1 byte";
  }
  let unit = 0;
  // What would be rounded to 1000 of one unit is 1 of the next.
  for (; bytes >= 999.5 && unit < BYTE_UNITS.length - 1; unit++) {
    bytes /= 1000;
  }
  return `${threeDigits.format(bytes)} ${BYTE_UNITS[unit]}`;
}

/** `31 MB/s`. */
export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(Math.round(bytesPerSecond))}/s`;
}

/** `less than a second`, `12 s`, `3 min 5 s`, `1 h 4 min`. */
export function formatDuration(durationMs: number): string {
  const seconds = Math.round(durationMs / 1000);
  if (seconds < 1) {
    return "less than a second";
  }
  if (seconds < 60) {
    return `${seconds} s`;
  }
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** `45 %`. It reaches 100 % at the end only. */
export function formatPercent(fraction: number): string {
  return `${Math.floor(fraction * 100)} %`;
}

/** In the reader's language and time zone. */
export function formatDate(date: Date): string {
  return dateAndTime.format(date);
}
