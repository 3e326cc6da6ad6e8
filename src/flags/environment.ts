/** Reads environment variables for the flags that a command line does not have. */
import { type Command, Help, InvalidArgumentError, type Option } from "commander";
import { Flag } from "./flag.ts";
import { parseBoolean } from "./values.ts";

/** What all variables of this program begin with. */
const PREFIX = "EDGEWIRE_";

/** `tcp://10.0.0.1:50051`: where a Service of Kubernetes is, in `EDGEWIRE_PORT` when that is called `edgewire`. Docker's links are the same. */
const SERVICE_LINK = /^(?:tcp|udp|sctp):\/\/\S+$/;

/** The variables that such a Service may make of its name. */
const ADDRESS_NAME = /(?:^|_)(?:HOST|PORT)$/;

/** What a Service has beside its link, and is never a flag: `EDGEWIRE_SERVICE_HOST`, `EDGEWIRE_PORT_50051_TCP_ADDR`. */
const SERVICE_NAME = /_SERVICE_(?:HOST|PORT(?:_\w+)?)$|_PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?$/;

/** Something about a variable that its user should know. It never has the value, which may be secret. */
export interface EnvironmentNotice {
  readonly variable: string;
  readonly reason: string;
}

/**
 * Has a program read the variables of its flags, after its command line and before it acts. A variable that is empty is not set. One with a value that
 * its flag does not take ends the program with a message that names it, and status 2.
 */
export class Environment {
  readonly #notices: EnvironmentNotice[] = [];

  /** @param program Its flags may be added later. */
  constructor(program: Command) {
    program
      .configureHelp({ optionDescription: describeWithVariable })
      .hook("preAction", (command) => this.#read(command));
  }

  /** What has been passed over. To be asked when the program acts. */
  get notices(): readonly EnvironmentNotice[] {
    return this.#notices;
  }

  /**
   * Notes the variables that begin as ours do and are none of a program's flags: slips. Programs that may not see all variables cannot tell.
   *
   * @param others Variables of other programs.
   */
  noteUnknown(program: Command, others: readonly string[]): void {
    if (Deno.permissions.querySync({ name: "env" }).state !== "granted") {
      return;
    }
    const known = new Set([...program.options.flatMap(variablesOf), ...others]);
    for (const [variable, value] of Object.entries(Deno.env.toObject())) {
      const isLink = SERVICE_NAME.test(variable) || ADDRESS_NAME.test(variable) && SERVICE_LINK.test(value);
      if (variable.startsWith(PREFIX) && !known.has(variable) && !isLink) {
        this.#notices.push({ variable, reason: "no flag is of that name" });
      }
    }
  }

  #read(command: Command): void {
    for (const option of command.options) {
      const source = command.getOptionValueSource(option.attributeName());
      const variable = source === "cli" ? undefined : variablesOf(option).find((name) => this.#isSet(name));
      if (variable !== undefined) {
        command.setOptionValueWithSource(option.attributeName(), parse(command, option, variable), "env");
      }
    }
  }

  #isSet(variable: string): boolean {
    const value = Deno.env.get(variable)?.trim() ?? "";
    const isLink = ADDRESS_NAME.test(variable) && SERVICE_LINK.test(value);
    if (isLink) {
      this.#notices.push({ variable, reason: "it says where a service of Kubernetes is" });
    }
    return value !== "" && !isLink;
  }
}

function variablesOf(option: Option): readonly string[] {
  return option instanceof Flag ? option.variables : [];
}

function parse(command: Command, option: Option, variable: string): unknown {
  const value = Deno.env.get(variable)!;
  try {
    return option.isBoolean() ? parseBoolean(value) : option.parseArg?.(value, undefined) ?? value;
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) {
      throw error;
    }
    const subject = `option '${option.flags}' value '${value}' from env '${variable}'`;
    command.error(`error: ${subject} is invalid. ${error.message}`, { exitCode: 2, code: error.code });
  }
}

/** As commander does it for variables that it reads itself. */
function describeWithVariable(this: void, option: Option): string {
  const text = Help.prototype.optionDescription(option);
  const [variable] = variablesOf(option);
  if (variable === undefined) {
    return text;
  }
  return text === option.description ? `${text} (env: ${variable})` : `${text.slice(0, -1)}, env: ${variable})`;
}
