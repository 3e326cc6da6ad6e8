/** The lines of `sha256sum` and its family (GNU coreutils): `sha256sum --check` and the like read them. */

/**
 * `DIGEST  NAME`. A name with a backslash, a newline or a carriage return is escaped, and a backslash at the beginning
 * of the line says so.
 */
export function checksumLine(hex: string, name: string): string {
  const escaped = escapeName(name);
  return `${escaped === name ? "" : "\\"}${hex}  ${escaped}`;
}

/** A name without what would end its line. */
export function escapeName(name: string): string {
  return name.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\r", "\\r");
}
