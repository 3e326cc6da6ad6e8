/** What the parts of a generated file have in common: names, and what is imported. */
import type { DescEnum, DescMessage } from "@bufbuild/protobuf";
import type { GeneratedFile, Printable } from "@bufbuild/protoplugin";

/** A line of source. */
export type Line = Printable;

/** A file that is being generated. */
export interface Source {
  readonly file: GeneratedFile;
  /** Imports something of `src/codec/wire/mod.ts`. */
  runtime(name: string): Printable;
  /** The function that reads, bounds or writes messages of a type: of this file, or imported. */
  codecFunction(kind: "read" | "bound" | "write", message: DescMessage): Printable;
  /** The set of the numbers that a closed enum has. */
  numbersOf(desc: DescEnum): Printable;
}

/** Indents lines, and lines within. */
export function indent(lines: readonly Line[]): Line[] {
  return lines.map((line) => ["  ", line]);
}

/** `if`, in one line if it is about one statement. */
export function when(condition: Printable, ...lines: Line[]): Line[] {
  return lines.length === 1
    ? [["if (", condition, ") ", lines[0]!]]
    : [["if (", condition, ") {"], ...indent(lines), "}"];
}

/** The name of a scalar's functions after `read` and `write`. */
export function functionName(scalar: { readonly name: string }): string {
  return scalar.name[0]!.toUpperCase() + scalar.name.slice(1);
}
