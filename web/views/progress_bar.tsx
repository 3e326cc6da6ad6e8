/** A bar with what it says in words below it. */
import { formatBytes, formatDuration, formatPercent, formatRate } from "../format.ts";
import type { Progress } from "../progress.ts";

/** `label` tells a screen reader what progresses. While `moving` is not set, rate and remaining time are left out. */
export function ProgressBar({ progress, label, moving }: { progress: Progress; label: string; moving: boolean }) {
  const fraction = progress.fraction.value;
  const rate = progress.bytesPerSecond.value;
  const remainingMs = progress.remainingMs.value;
  const facts = [`${formatBytes(progress.done.value)} of ${formatBytes(progress.total)}`];
  if (moving && rate !== undefined) {
    facts.push(formatRate(rate));
    if (remainingMs !== undefined && fraction < 1) {
      facts.push(`${formatDuration(remainingMs)} left`);
    }
  }
  return (
    <div class={moving ? "progress moving" : "progress"}>
      <progress aria-label={label} value={fraction} max={1} />
      <p class="facts">
        <span class="percent">{formatPercent(fraction)}</span>
        <span>{facts.join(" · ")}</span>
      </p>
    </div>
  );
}
