/** Which fields an encoder keeps in tables, and which it must not. This module performs no I/O. */
import { STATIC_TABLE } from "./static_table.ts";

/** What becomes of a field that the static table does not have. */
export const Indexing = {
  /** It goes into the dynamic table when it comes up again. */
  ALLOWED: 0,
  /** It is hardly ever sent twice, and would only push others out of the table. */
  USELESS: 1,
  /** No table may keep it, an intermediary's neither: who can guess at it could see by sizes if he is right (RFC 7541 §7.1.3). */
  FORBIDDEN: 2,
} as const;
/** One of {@linkcode Indexing}. */
export type Indexing = typeof Indexing[keyof typeof Indexing];

/** What is known of a name before anything is sent. */
export interface KnownName {
  /** The first index of the name in the static table, or 0. */
  readonly index: number;
  /** The indices of the values that the static table has with the name. */
  readonly values: Map<string, number> | undefined;
  readonly indexing: Indexing;
}

const FORBIDDEN_NAMES = ["authorization", "proxy-authorization", "cookie", "set-cookie"];

/** `date` is none of them: when there are many answers in a second it is worth its entry, and when there are few it never comes up again. */
const USELESS_NAMES = [
  "age",
  "connect-timeout-ms",
  "content-length",
  "content-range",
  "etag",
  "grpc-timeout",
  "if-modified-since",
  "if-none-match",
  "if-range",
  "if-unmodified-since",
  "last-modified",
  "location",
  "range",
];

/** The names of the static table, and those whose fields are not indexed. */
export const KNOWN_NAMES: ReadonlyMap<string, KnownName> = knownNames();

function knownNames(): Map<string, KnownName> {
  const names = new Map<string, KnownName>();
  STATIC_TABLE.forEach(({ name, value }, i) => {
    const known = names.get(name);
    if (known === undefined) {
      const values = value === "" ? undefined : new Map([[value, i + 1]]);
      names.set(name, { index: i + 1, values, indexing: Indexing.ALLOWED });
    } else {
      known.values?.set(value, i + 1);
    }
  });
  const unknown: KnownName = { index: 0, values: undefined, indexing: Indexing.ALLOWED };
  for (const name of FORBIDDEN_NAMES) {
    names.set(name, { ...names.get(name) ?? unknown, indexing: Indexing.FORBIDDEN });
  }
  for (const name of USELESS_NAMES) {
    names.set(name, { ...names.get(name) ?? unknown, indexing: Indexing.USELESS });
  }
  return names;
}
