/** One upload: how far it is, and what can be done with it. */
import { useSignal } from "@preact/signals";
import { formatBytes, formatDuration } from "../format.ts";
import type { CopyCheck, Upload, UploadState } from "../upload.ts";
import type { UploadQueue } from "../upload_queue.ts";
import { CheckIcon, CloseIcon, PauseIcon, PlayIcon } from "./icons.tsx";
import { ProblemNote } from "./problem_note.tsx";
import { ProgressBar } from "./progress_bar.tsx";

/** What an {@linkcode UploadRow} shows. */
export interface UploadRowProps {
  readonly upload: Upload;
  readonly queue: UploadQueue;
  /** Called when the row's own button took it away, and the focus with it. */
  readonly onRemove: () => void;
}

/** A row of the list of uploads. */
export function UploadRow({ upload, queue, onRemove }: UploadRowProps) {
  const state = upload.state.value;
  // A bar for what never began would only be in the way.
  const showsProgress = state.kind === "failed" ? upload.progress.done.value > 0 : state.kind !== "stored";
  function remove(): void {
    onRemove();
    void queue.remove(upload);
  }
  return (
    <li class="upload" data-state={state.kind}>
      <div class="row">
        <p class="title">
          <span class="name">{upload.name}</span>
          <span class="state">{stateWords(state, upload.size)}</span>
        </p>
        {state.kind !== "finishing" && (
          <p class="actions">
            <RunButton upload={upload} queue={queue} />
            <button type="button" aria-label={`${removal(state)} ${upload.name}`} onClick={remove}>
              <CloseIcon />
              {removal(state)}
            </button>
          </p>
        )}
      </div>
      {showsProgress && (
        <ProgressBar
          progress={upload.progress}
          label={`Upload of ${upload.name}`}
          moving={state.kind === "sending"}
        />
      )}
      {state.kind === "stored" && <CheckNote name={upload.name} check={state.check} />}
      {state.kind === "failed" && <ProblemNote problem={state.problem} />}
      {state.kind === "interrupted" && <PickAgain upload={upload} queue={queue} />}
    </li>
  );
}

function removal({ kind }: UploadState): string {
  return kind === "stored" ? "Clear" : kind === "interrupted" ? "Discard" : "Cancel";
}

/** One button for pause and resume, so that it keeps the focus when it changes its meaning. */
function RunButton({ upload, queue }: { upload: Upload; queue: UploadQueue }) {
  switch (upload.state.value.kind) {
    case "waiting":
    case "sending":
    case "retrying":
      return (
        <button
          key="run"
          type="button"
          aria-label={`Pause ${upload.name}`}
          onClick={() => void queue.pause(upload)}
        >
          <PauseIcon />Pause
        </button>
      );
    case "paused":
    case "failed": {
      const label = upload.state.value.kind === "paused" ? "Resume" : "Try again";
      return (
        <button
          key="run"
          type="button"
          aria-label={`${label} ${upload.name}`}
          onClick={() => queue.resume(upload)}
        >
          <PlayIcon />
          {label}
        </button>
      );
    }
    default:
      return null;
  }
}

function stateWords(state: UploadState, size: number): string {
  switch (state.kind) {
    case "interrupted":
      return "Interrupted";
    case "waiting":
      return "Waiting";
    case "sending":
      return "Uploading";
    case "retrying":
      return `${state.problem.why} Trying again in ${formatDuration(state.delayMs)}.`;
    case "paused":
      return "Paused";
    case "finishing":
      return "Finishing";
    case "stored":
      return `Stored · ${formatBytes(size)}`;
    case "failed":
      return "Failed";
  }
}

function CheckNote({ name, check }: { name: string; check: CopyCheck }) {
  switch (check.kind) {
    case "off":
      return null;
    case "running":
      return <p class="note">Comparing SHA-256 with the server’s copy…</p>;
    case "unknown":
      return <p class="note">The check by SHA-256 could not be made. Compare the digests in the list below.</p>;
    case "agrees":
      return (
        <p class="note good">
          <CheckIcon />
          <span>
            SHA-256 agrees with the server’s copy: <code title={check.digest}>{check.digest.slice(0, 12)}…</code>
          </span>
        </p>
      );
    case "differs":
      return (
        <ProblemNote
          problem={{
            what: `The server’s copy of “${name}” is not the file on this device`,
            why: "It has another SHA-256: it was damaged on its way, or replaced by somebody since.",
            advice: "Upload the file again.",
          }}
        />
      );
  }
}

function PickAgain({ upload, queue }: { upload: Upload; queue: UploadQueue }) {
  const other = useSignal<string>();
  function attach(file: File | undefined): void {
    if (file === undefined) {
      return;
    }
    other.value = upload.isOf(file) ? undefined : file.name;
    if (upload.isOf(file)) {
      queue.add([file]);
    }
  }
  return (
    <>
      <p class="note">The page was closed or reloaded. Pick the same file again to go on where it stopped.</p>
      {other.value !== undefined && (
        <ProblemNote
          problem={{
            what: `“${other.value}” is another file`,
            why: `Name, size and date must be those of the “${upload.name}” that was begun.`,
            advice: "Pick that one, or discard this upload and start a new one.",
          }}
        />
      )}
      <label class="button primary">
        <input
          type="file"
          class="visually-hidden"
          aria-label={`Pick ${upload.name} again`}
          onChange={({ currentTarget }) => {
            attach(currentTarget.files?.[0]);
            currentTarget.value = "";
          }}
        />
        <PlayIcon />Pick the file again
      </label>
    </>
  );
}
