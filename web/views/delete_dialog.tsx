/** Asks before a file is deleted. */
import { type Signal, useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { FileInfo } from "../../gen/edgewire/v1/file_pb.ts";
import type { FileList } from "../file_list.ts";
import { formatBytes } from "../format.ts";
import { describeProblem, type Problem } from "../problem.ts";
import { ProblemNote } from "./problem_note.tsx";

/** What a {@linkcode DeleteDialog} works with. */
export interface DeleteDialogProps {
  /** The file to ask about, in a new object each time. The dialog is open while there is one, and takes it away when it closes. */
  readonly target: Signal<{ readonly file: FileInfo } | undefined>;
  readonly list: FileList;
  /** Called when the file is gone. */
  readonly onDelete: (file: FileInfo) => void;
}

/** A modal dialog, closed by Escape as by its button. */
export function DeleteDialog({ target, list, onDelete }: DeleteDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const problem = useSignal<Problem>();
  const deleting = useSignal(false);
  const asked = target.value;
  const file = asked?.file;

  // At once, so that the event of the last time it was closed finds it open.
  useLayoutEffect(() => {
    if (asked !== undefined) {
      problem.value = undefined;
      dialog.current?.showModal();
    }
  }, [asked]);

  async function confirm(): Promise<void> {
    deleting.value = true;
    try {
      await list.delete(file!.name);
      dialog.current?.close();
      onDelete(file!);
    } catch (error) {
      problem.value = describeProblem(`Cannot delete “${file!.name}”`, error);
    }
    deleting.value = false;
  }

  /** The event comes a moment after the dialog has closed: it may be open again by then. */
  function forgetIfClosed(): void {
    if (!dialog.current?.open) {
      target.value = undefined;
    }
  }

  return (
    <dialog
      ref={dialog}
      onClose={forgetIfClosed}
      aria-labelledby="delete-title"
      aria-describedby="delete-text"
    >
      <h2 id="delete-title">Delete this file?</h2>
      <p id="delete-text">
        <span class="name">{file?.name}</span>{" "}
        ({formatBytes(Number(file?.size ?? 0))}) will be gone from the server for everyone. This cannot be undone.
      </p>
      {problem.value !== undefined && <ProblemNote problem={problem.value} />}
      <p class="actions">
        <button type="button" autofocus onClick={() => dialog.current?.close()}>Keep it</button>
        <button type="button" class="danger solid" disabled={deleting.value} onClick={confirm}>Delete</button>
      </p>
    </dialog>
  );
}
