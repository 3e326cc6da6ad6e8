/** One header or trailer field, as it travels: HTTP/2 and HTTP/1.1 share it. This module performs no I/O. */

/** A field line (RFC 9110 §5): a name and one value. A name that occurs several times is several fields. */
export interface HeaderField {
  /** Lower case. Pseudo-header fields begin with a colon. */
  readonly name: string;
  /** Octets as characters U+0000 to U+00FF: isomorphic, not UTF-8 decoded. */
  readonly value: string;
  /** Whether no intermediary and no table may keep the value (RFC 7541 §7.1.3). Not sensitive when absent. */
  readonly sensitive?: boolean;
}

/** The value of a field, the first one if there are several; undefined when it is not there. The name is in lower case. */
export function fieldValue(fields: readonly HeaderField[], name: string): string | undefined {
  for (const field of fields) {
    if (field.name === name) {
      return field.value;
    }
  }
  return undefined;
}
