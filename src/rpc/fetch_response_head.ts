/** The head of a `Response`, as exchanges give it. */
import type { HeaderField } from "../http/mod.ts";

/** The fields of frozen lists, as `Response` takes them. */
const keptFields = new WeakMap<readonly HeaderField[], [string, string][]>();

/** The status of a response's head; NaN when `:status` is not its first field. */
export function statusOf(fields: readonly HeaderField[]): number {
  return fields[0]?.name === ":status" ? Number(fields[0].value) : NaN;
}

/** The fields of a response's head after its status, for `new Response`. */
export function responseFieldsOf(fields: readonly HeaderField[]): [string, string][] {
  let kept = keptFields.get(fields);
  if (kept === undefined) {
    kept = fields.slice(1).map(({ name, value }) => [name, value]);
    if (Object.isFrozen(fields)) {
      keptFields.set(fields, kept);
    }
  }
  return kept;
}
