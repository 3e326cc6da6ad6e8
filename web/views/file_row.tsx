/** One stored file: what it is, and what can be done with it. */
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import type { FileInfo } from "../../gen/edgewire/v1/file_pb.ts";
import type { Download } from "../downloads.ts";
import { formatBytes, formatDate, formatDuration } from "../format.ts";
import type { Page } from "../page.ts";
import { ComparisonPanel } from "./comparison_panel.tsx";
import { CloseIcon, CompareIcon, DeleteIcon, DownloadIcon } from "./icons.tsx";
import { ProblemNote } from "./problem_note.tsx";
import { ProgressBar } from "./progress_bar.tsx";

/** A row of the list of files. */
export function FileRow({ file, page, onDelete }: { file: FileInfo; page: Page; onDelete: () => void }) {
  const { name } = file;
  const comparing = useSignal(false);
  const panelId = useId();
  const download = page.downloads.byName.value.get(name);
  return (
    <li class="file">
      <div class="row">
        <p class="title">
          <span class="name">{name}</span>
          <span class="facts">
            {formatBytes(Number(file.size))}
            {file.modified !== undefined && <Stored date={timestampDate(file.modified)} />}
          </span>
        </p>
        <p class="actions">
          <button type="button" aria-label={`Download ${name}`} onClick={() => void page.downloads.start(file)}>
            <DownloadIcon />Download
          </button>
          <button
            type="button"
            aria-label={`Compare digests of ${name}`}
            aria-expanded={comparing.value}
            aria-controls={panelId}
            onClick={() => {
              comparing.value = !comparing.value;
            }}
          >
            <CompareIcon />Compare
          </button>
          <button type="button" class="danger" aria-label={`Delete ${name}`} onClick={onDelete}>
            <DeleteIcon />Delete
          </button>
        </p>
      </div>
      {download !== undefined && <DownloadStatus download={download} onCancel={() => page.downloads.cancel(name)} />}
      <div id={panelId} hidden={!comparing.value}>
        {comparing.value && <ComparisonPanel file={file} page={page} />}
      </div>
    </li>
  );
}

function Stored({ date }: { date: Date }) {
  return <time dateTime={date.toISOString()}>{formatDate(date)}</time>;
}

function DownloadStatus({ download, onCancel }: { download: Download; onCancel: () => void }) {
  const state = download.state.value;
  return (
    <div class="download">
      {state.kind === "failed" ? <ProblemNote problem={state.problem} /> : (
        <ProgressBar
          progress={download.progress}
          label={`Download of ${download.name}`}
          moving={state.kind === "running"}
        />
      )}
      {state.kind === "retrying" && (
        <p class="note">{state.problem.why} Trying again in {formatDuration(state.delayMs)}.</p>
      )}
      <button type="button" class="quiet" aria-label={`Cancel the download of ${download.name}`} onClick={onCancel}>
        <CloseIcon />
        {state.kind === "failed" ? "Close" : "Cancel"}
      </button>
    </div>
  );
}
