/** Hash: a text in, its digest out. */
import { useSignal } from "@preact/signals";
import { HashAlgorithm } from "../../gen/edgewire/v1/hash_pb.ts";
import type { ChosenAlgorithm } from "../algorithms.ts";
import type { Page } from "../page.ts";
import { AlgorithmSelect } from "./algorithm_select.tsx";
import { CallForm } from "./call_form.tsx";
import { Digest } from "./digest.tsx";

/** Calls `Hash.Sha`. */
export function HashCard({ page }: { page: Page }) {
  const input = useSignal("");
  const algorithm = useSignal<ChosenAlgorithm>(HashAlgorithm.SHA256);
  async function hash() {
    const { digest } = await page.connection.hash.sha({ input: input.value, algorithm: algorithm.value });
    return <Digest hex={digest} label="the text" announce={page.announce} />;
  }
  return (
    <CallForm
      id="hash"
      title="Hash a text"
      method="Hash.Sha"
      submit="Hash"
      failure="Cannot hash the text"
      hint="The digest of the text’s UTF-8 bytes appears here."
      call={hash}
    >
      <label class="field">
        <span>Text</span>
        <textarea
          rows={3}
          value={input.value}
          onInput={(event) => {
            input.value = event.currentTarget.value;
          }}
        />
      </label>
      <AlgorithmSelect chosen={algorithm} />
    </CallForm>
  );
}
