/** A flag, and the environment variables that may set it in its place. */
import { InvalidArgumentError, Option } from "commander";

/** See the top of the file. What a flag says wins over what its variables say. */
export class Flag extends Option {
  /** The first one that is set counts. */
  readonly variables: readonly string[];

  constructor(flags: string, description: string, variables: readonly string[]) {
    super(flags, description);
    this.variables = variables;
    if (this.required) {
      this.argParser(parseText);
    }
  }
}

/** Declares a flag that can also be set by an environment variable, and that by another. A text must not be empty. */
export function flag(flags: string, description: string, variable: string, alias?: string): Flag {
  return new Flag(flags, description, alias === undefined ? [variable] : [variable, alias]);
}

/** An empty path would be the root of the file system where a name is put behind it. */
function parseText(value: string): string {
  if (value === "") {
    throw new InvalidArgumentError("Must not be empty.");
  }
  return value;
}
