/** Errors of the system that say that a resource of the process or of the machine is used up, not that a peer or a file is at fault. */

/** Their codes, as of accept(2), open(2) and socket(2). */
const CODES: ReadonlySet<unknown> = new Set(["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"]);

/** Some errors of Deno have no code: EMFILE and ENFILE have these numbers on Linux, macOS and the BSDs. */
const DESCRIPTORS_IN_TEXT = /\(os error 2[34]\)/;

/**
 * Returns whether an error says that there are no file descriptors, buffers or memory left. It does not read the error's stack, and never throws, although
 * user code may throw proxies and errors with getters that throw.
 */
export function isOutOfResources(error: unknown): error is Error {
  try {
    return error instanceof Error &&
      (CODES.has((error as { readonly code?: unknown }).code) || DESCRIPTORS_IN_TEXT.test(error.message));
  } catch {
    return false;
  }
}
