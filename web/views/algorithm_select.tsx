/** The choice of a digest algorithm. */
import type { Signal } from "@preact/signals";
import { ALGORITHMS, type ChosenAlgorithm, chosenAlgorithm } from "../algorithms.ts";

/** Writes the choice into `chosen`. */
export function AlgorithmSelect({ chosen }: { chosen: Signal<ChosenAlgorithm> }) {
  return (
    <label class="field">
      <span>Algorithm</span>
      <select
        value={chosen.value}
        onChange={(event) => {
          chosen.value = chosenAlgorithm(Number(event.currentTarget.value));
        }}
      >
        {ALGORITHMS.map(({ algorithm, label }) => <option key={algorithm} value={algorithm}>{label}</option>)}
      </select>
    </label>
  );
}
