/** The icons, drawn for this page. They stand beside words, so a screen reader passes them over. */
import type { ComponentChildren } from "preact";

function icon(children: ComponentChildren) {
  return function Icon() {
    return (
      <svg class="icon" viewBox="0 0 20 20" aria-hidden="true">
        {children}
      </svg>
    );
  };
}

export const UploadIcon = icon(<path d="M10 13V3.5M6 7l4-4 4 4M3.5 12.5v4h13v-4" />);
export const DownloadIcon = icon(<path d="M10 3v9.5M6 9l4 4 4-4M3.5 12.5v4h13v-4" />);
export const CompareIcon = icon(<path d="M3 6.5h9M3 13.5h9M12 6.5l5 3.5-5 3.5" />);
export const DeleteIcon = icon(<path d="M3.5 5.5h13M8 5.5v-2h4v2M5 5.5l1 11h8l1-11M8.5 9v4.5M11.5 9v4.5" />);
export const PauseIcon = icon(<path d="M7 4.5v11M13 4.5v11" />);
export const PlayIcon = icon(<path d="M6.5 4l9 6-9 6z" />);
export const CloseIcon = icon(<path d="M5 5l10 10M15 5L5 15" />);
export const RefreshIcon = icon(<path d="M16 10a6 6 0 1 1-1.8-4.3M16 3v3.5h-3.5" />);
export const CopyIcon = icon(<path d="M7 7V3.5h9.5V13H13M3.5 7H13v9.5H3.5z" />);
export const CheckIcon = icon(<path d="M4 10.5l4 4 8-9" />);

/** The mark of Edgewire: a signal's edge on a wire, between two ends. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 40 40" aria-hidden="true">
      <path d="M8 28h8.5l7-16H32" />
      <circle cx="7" cy="28" r="3.5" />
      <circle cx="33" cy="12" r="3.5" />
    </svg>
  );
}
