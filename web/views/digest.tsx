/** A digest, to read and to copy. */
import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { CheckIcon, CopyIcon } from "./icons.tsx";

/** What a {@linkcode Digest} shows. */
export interface DigestProps {
  readonly hex: string;
  /** Of what it is the digest. */
  readonly label: string;
  /** Has a screen reader say that it was copied. */
  readonly announce: (text: string) => void;
}

/** In hexadecimal, with a button that copies it. */
export function Digest({ hex, label, announce }: DigestProps) {
  const copied = useSignal<string>();
  const code = useRef<HTMLElement>(null);
  async function copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(hex);
      copied.value = hex;
      announce(`Copied: the digest of ${label}.`);
    } catch {
      // Not allowed: selected, it can be copied by hand.
      getSelection()?.selectAllChildren(code.current!);
    }
  }
  const isCopied = copied.value === hex;
  // Without TLS, on another machine than this, browsers have no clipboard for pages.
  const canCopy = globalThis.isSecureContext;
  return (
    <span class="digest">
      <code ref={code}>{hex}</code>
      {canCopy && (
        <button type="button" class="quiet" title="Copy" aria-label={`Copy the digest of ${label}`} onClick={copy}>
          {isCopied ? <CheckIcon /> : <CopyIcon />}
        </button>
      )}
    </span>
  );
}
