/** File: uploads, and the list of what is stored. */
import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import type { FileInfo } from "../../gen/edgewire/v1/file_pb.ts";
import type { Page } from "../page.ts";
import { DeleteDialog } from "./delete_dialog.tsx";
import { FileRow } from "./file_row.tsx";
import { RefreshIcon } from "./icons.tsx";
import { ProblemNote } from "./problem_note.tsx";
import { UploadPanel } from "./upload_panel.tsx";

/** Everything the page does with files. */
export function FileSection({ page }: { page: Page }) {
  const { list } = page;
  const files = list.files.value;
  const toDelete = useSignal<{ readonly file: FileInfo }>();
  const heading = useRef<HTMLHeadingElement>(null);

  function noteDeleted({ name }: FileInfo): void {
    page.announce(`Deleted: ${name}.`);
    heading.current?.focus(); // The button that had the focus is gone.
  }

  return (
    <section class="card files" aria-labelledby="files">
      <header>
        <h2 id="files">Files</h2>
        <code class="method">File</code>
      </header>
      <UploadPanel page={page} />
      <div class="bar">
        <h3 ref={heading} tabIndex={-1} id="stored">On the server</h3>
        <button type="button" class="quiet" disabled={list.loading.value} onClick={() => list.refresh()}>
          <RefreshIcon />Refresh
        </button>
      </div>
      {list.problem.value !== undefined && <ProblemNote problem={list.problem.value} />}
      {files?.length === 0 && (
        <div class="nothing">
          <p>Nothing stored yet</p>
          <small>Choose a file above: it shows up here, to download, to compare and to delete.</small>
        </div>
      )}
      {files !== undefined && files.length > 0 && (
        <ul aria-labelledby="stored" class="stored">
          {files.map((file) => (
            <FileRow
              key={file.name}
              file={file}
              page={page}
              onDelete={() => {
                toDelete.value = { file };
              }}
            />
          ))}
        </ul>
      )}
      <Pager page={page} />
      <DeleteDialog target={toDelete} list={list} onDelete={noteDeleted} />
    </section>
  );
}

function Pager({ page: { list } }: { page: Page }) {
  const number = list.pageNumber.value;
  const hasNext = list.hasNext.value;
  if (number === 1 && !hasNext) {
    return null;
  }
  return (
    <nav class="pager" aria-label="Pages of the list">
      <button type="button" disabled={number === 1 || list.loading.value} onClick={() => list.previous()}>
        Previous
      </button>
      <span role="status">Page {number}</span>
      <button type="button" disabled={!hasNext || list.loading.value} onClick={() => list.next()}>
        Next
      </button>
    </nav>
  );
}
