/** The drop zone, and the uploads below it. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Page } from "../page.ts";
import { UploadIcon } from "./icons.tsx";
import { UploadRow } from "./upload_row.tsx";

/** Files can be dropped anywhere on the page; the zone shows that, and opens the file picker. */
export function UploadPanel({ page }: { page: Page }) {
  const dropTarget = useDropTarget((files) => page.uploads.add(files));
  const heading = useRef<HTMLHeadingElement>(null);
  const uploads = page.uploads.uploads.value;
  const stored = uploads.filter((upload) => upload.state.value.kind === "stored");

  function clearStored(): void {
    stored.forEach((upload) => void page.uploads.remove(upload));
    heading.current?.focus();
  }

  return (
    <>
      <label class={dropTarget.value ? "drop-zone over" : "drop-zone"}>
        <input
          type="file"
          multiple
          class="visually-hidden"
          onChange={({ currentTarget }) => {
            page.uploads.add([...currentTarget.files ?? []]);
            currentTarget.value = ""; // So that the same file can be picked again.
          }}
        />
        <UploadIcon />
        <span>
          <strong>Choose files</strong> or drop them here
        </span>
        <small>Uploads survive a broken network and a reload of the page.</small>
      </label>
      <label class="check">
        <input
          type="checkbox"
          checked={page.checks.value}
          onChange={({ currentTarget }) => {
            page.checks.value = currentTarget.checked;
          }}
        />
        Hash beside the upload, and compare with the server’s copy
      </label>
      {uploads.length > 0 && (
        <div class="uploads">
          <div class="bar">
            <h3 ref={heading} tabIndex={-1}>Uploads</h3>
            {stored.length > 0 && (
              <button type="button" class="quiet" onClick={clearStored}>
                Clear finished
              </button>
            )}
          </div>
          <ul>
            {uploads.map((upload) => (
              <UploadRow
                key={upload}
                upload={upload}
                queue={page.uploads}
                onRemove={() => heading.current?.focus()}
              />
            ))}
          </ul>
        </div>
      )}
    </>
  );
}

/** Takes files that are dropped on the page. The signal tells whether some are held over it. */
function useDropTarget(onDrop: (files: File[]) => void) {
  const over = useSignal(false);
  useEffect(() => {
    const listening = new AbortController();
    const { signal } = listening;
    addEventListener("dragover", ({ dataTransfer }) => {
      over.value = dataTransfer?.types.includes("Files") ?? false;
    }, { signal });
    addEventListener("dragleave", ({ relatedTarget }) => {
      over.value &&= relatedTarget !== null; // Null: the pointer left the window.
    }, { signal });
    addEventListener("drop", ({ dataTransfer }) => {
      over.value = false;
      onDrop([...dataTransfer?.files ?? []]);
    }, { signal });
    return () => listening.abort();
  }, []);
  return over;
}
