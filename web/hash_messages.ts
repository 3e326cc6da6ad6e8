/** What the page and its hash worker say to each other. */
import type { Code } from "@connectrpc/connect";
import type { ChosenAlgorithm } from "./algorithms.ts";
import type { Protocol } from "./transport.ts";

/** What is hashed. */
export type HashSource =
  /** A file on this device. */
  | { readonly kind: "local"; readonly blob: Blob }
  /** A file on the server. The worker downloads it, and keeps nothing of it. */
  | { readonly kind: "stored"; readonly name: string; readonly baseUrl: string; readonly protocol: Protocol };

/** From the page. */
export type HashRequest =
  | { readonly kind: "hash"; readonly id: number; readonly algorithm: ChosenAlgorithm; readonly source: HashSource }
  | { readonly kind: "cancel"; readonly id: number };

/** From the worker. After `done` or `failed` there is no more of that id. */
export type HashReply =
  | { readonly kind: "progress"; readonly id: number; readonly hashedBytes: number }
  | { readonly kind: "done"; readonly id: number; readonly hex: string; readonly hashedBytes: number }
  | { readonly kind: "failed"; readonly id: number; readonly error: HashFailure };

/** An error in a form that can be sent: a ConnectError with its code, or a DOMException with its name. */
export interface HashFailure {
  readonly code?: Code;
  readonly name: string;
  readonly message: string;
}
