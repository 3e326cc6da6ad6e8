/** A file hashed on the server and in the browser, side by side. */
import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useId } from "preact/hooks";
import type { FileInfo } from "../../gen/edgewire/v1/file_pb.ts";
import { HashAlgorithm } from "../../gen/edgewire/v1/hash_pb.ts";
import type { ChosenAlgorithm } from "../algorithms.ts";
import { Comparison, type Hashing, type Verdict } from "../comparison.ts";
import type { Page } from "../page.ts";
import { AlgorithmSelect } from "./algorithm_select.tsx";
import { Digest } from "./digest.tsx";
import { ProblemNote } from "./problem_note.tsx";
import { ProgressBar } from "./progress_bar.tsx";

const VERDICTS: Readonly<Record<Verdict, string>> = {
  running: "Hashing…",
  agree: "They agree",
  differ: "They differ",
  failed: "Not compared",
  stopped: "Stopped",
};

/** Compares when asked to; what runs ends with the panel. */
export function ComparisonPanel({ file, page }: { file: FileInfo; page: Page }) {
  const { name } = file;
  const algorithm = useSignal<ChosenAlgorithm>(HashAlgorithm.SHA256);
  const comparison = useSignal<Comparison>();
  const uploaded = page.localFile(name);
  const picked = useSignal<File>();
  const fromDevice = useSignal(uploaded !== undefined);
  const local = picked.value ?? uploaded;
  useEffect(() => () => comparison.peek()?.stop(), []);

  function compare(event: Event): void {
    event.preventDefault();
    comparison.value?.stop();
    comparison.value = new Comparison(
      {
        name,
        size: Number(file.size),
        algorithm: algorithm.value,
        local: fromDevice.value ? local : undefined,
      },
      page.connection,
      page.hasher,
    );
  }

  return (
    <section class="comparison" aria-label={`Digests of ${name}`}>
      <form onSubmit={compare}>
        <AlgorithmSelect chosen={algorithm} />
        <SourceChoice fromDevice={fromDevice} local={local} picked={picked} />
        <button type="submit" class="primary" disabled={fromDevice.value && local === undefined}>Hash both</button>
      </form>
      {comparison.value !== undefined && <Result comparison={comparison.value} announce={page.announce} />}
    </section>
  );
}

/** Which bytes the browser hashes. */
function SourceChoice(
  props: { fromDevice: Signal<boolean>; local: File | undefined; picked: Signal<File | undefined> },
) {
  const { fromDevice, local, picked } = props;
  const group = useId();
  return (
    <fieldset class="sources">
      <legend>The browser hashes</legend>
      <label class="check">
        <input type="radio" name={group} checked={!fromDevice.value} onChange={() => void (fromDevice.value = false)} />
        the server’s copy, downloaded
      </label>
      <label class="check">
        <input type="radio" name={group} checked={fromDevice.value} onChange={() => void (fromDevice.value = true)} />
        a file on this device
      </label>
      {fromDevice.value && (
        <label class="button">
          <input
            type="file"
            class="visually-hidden"
            onChange={({ currentTarget }) => {
              picked.value = currentTarget.files?.[0] ?? picked.value;
            }}
          />
          {local === undefined ? "Pick the file" : <span class="name">{local.name}</span>}
        </label>
      )}
    </fieldset>
  );
}

function Result({ comparison, announce }: { comparison: Comparison; announce: (text: string) => void }) {
  const verdict = comparison.verdict.value;
  const shared = { stopped: verdict === "stopped", announce };
  return (
    <div class={`result ${verdict}`}>
      <div class="sides">
        <Side title="Server" hashing={comparison.server.value} {...shared} />
        <Side title="Browser" hashing={comparison.browser.value} {...shared} />
      </div>
      <p class="verdict">
        <span role="status">{VERDICTS[verdict]}</span>
        {verdict === "running" && (
          <button type="button" class="quiet" onClick={() => comparison.stop()}>
            Stop
          </button>
        )}
      </p>
    </div>
  );
}

interface SideProps {
  readonly title: "Server" | "Browser";
  readonly hashing: Hashing;
  /** Whether the comparison was stopped: that is no problem to tell of. */
  readonly stopped: boolean;
  readonly announce: (text: string) => void;
}

function Side({ title, hashing, stopped, announce }: SideProps) {
  const by = `by the ${title.toLowerCase()}`;
  return (
    <div class="side">
      <h4>{title}</h4>
      {hashing.kind === "done" && <Digest hex={hashing.hex} label={`the file, ${by}`} announce={announce} />}
      {hashing.kind === "running" && <ProgressBar progress={hashing.progress} label={`Hash ${by}`} moving />}
      {hashing.kind === "failed" &&
        (stopped ? <p class="note">Stopped.</p> : <ProblemNote problem={hashing.problem} />)}
    </div>
  );
}
