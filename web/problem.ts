/** Errors in words: what failed, why, and what to do about it. */
import { Code, ConnectError } from "@connectrpc/connect";

/** An error as it is shown. Each part is one or more sentences. */
export interface Problem {
  readonly what: string;
  readonly why: string;
  readonly advice: string;
}

/** Puts an error into words. `what` says what failed: `Cannot delete “a.txt”`. */
export function describeProblem(what: string, error: unknown): Problem {
  if (error instanceof ConnectError) {
    const describe = CONNECT_PROBLEMS[error.code] ?? unexpected;
    return { what, ...describe(error.rawMessage) };
  }
  if (error instanceof DOMException) {
    return { what, ...(DOM_PROBLEMS[error.name] ?? unexpected(error.message)) };
  }
  return { what, ...unexpected(error instanceof Error ? error.message : String(error)) };
}

type Explanation = Omit<Problem, "what">;

/** Codes that are not here are the server's fault or a fault of this page. */
const CONNECT_PROBLEMS: Partial<Record<Code, (message: string) => Explanation>> = {
  [Code.Unavailable]: () => ({
    why: "The server cannot be reached.",
    advice: "Check that it is running and that this device is online, then try again.",
  }),
  [Code.DeadlineExceeded]: () => ({
    why: "The server took too long to answer.",
    advice: "Try again; if it goes on, the network or the server is overloaded.",
  }),
  [Code.Canceled]: () => ({ why: "It was stopped.", advice: "Start it again if that was not meant." }),
  [Code.NotFound]: (message) => ({
    why: `The server does not have it: ${message}.`,
    advice: "It was deleted or has expired. Refresh the list to see what is there.",
  }),
  [Code.InvalidArgument]: (message) => ({
    why: message.startsWith("name: ") ? `The file name ${message.slice("name: ".length)}.` : `Refused: ${message}.`,
    advice: message.startsWith("name: ")
      ? "Rename the file, then upload it again."
      : "Change the input, then try again.",
  }),
  [Code.ResourceExhausted]: (message) => ({
    why: `The server has no room left: ${message}.`,
    advice: "Delete files that are no longer needed, then try again.",
  }),
  [Code.FailedPrecondition]: (message) => ({
    why: `Not possible now: ${message}.`,
    advice: "Start again from the beginning.",
  }),
  [Code.OutOfRange]: (message) => ({ why: `Not possible: ${message}.`, advice: "Start again from the beginning." }),
  [Code.PermissionDenied]: () => ({
    why: "The server does not allow it.",
    advice: "Ask the person who runs the server.",
  }),
  [Code.Unauthenticated]: () => ({
    why: "The server wants to know who you are.",
    advice: "Log in, then reload the page.",
  }),
  [Code.Unimplemented]: () => ({
    why: "The server does not know this call.",
    advice: "Reload the page: it may be older than the server.",
  }),
};

const DOM_PROBLEMS: Readonly<Record<string, Explanation>> = {
  NotReadableError: {
    why: "The file was changed, or may not be read.",
    advice: "If it is a folder, pick the files in it. If it was changed, pick it again.",
  },
  NotFoundError: { why: "The file is no longer where it was.", advice: "Pick it again." },
  QuotaExceededError: { why: "There is no room left on this device.", advice: "Free some space, then try again." },
  NotAllowedError: { why: "The browser did not allow it.", advice: "Try again and allow it when the browser asks." },
};

function unexpected(message: string): Explanation {
  return {
    why: `Something went wrong that should not: ${message || "no reason was given"}.`,
    advice: "Try again; if it happens again, the server’s log tells more.",
  };
}
