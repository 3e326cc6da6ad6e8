/** Values of any kind and size, made fit for a log line. `visible_text.ts` makes their control characters visible. */
import { thrownText } from "../user_code/mod.ts";

/** Of a text, in UTF-16 code units: a stack and more. */
const MAX_LENGTH = 8192;
/** Causes of an error. */
const MAX_CAUSES = 4;

/** Returns what is logged of a value: texts that are not too long, and plain errors. Never throws. */
export function loggable(value: unknown, causes: number = MAX_CAUSES): unknown {
  switch (typeof value) {
    case "string":
      return cut(value);
    case "object":
      return value === null ? value : loggableObject(value, causes);
    case "function":
    case "symbol":
      return cut(thrownText(value));
    default:
      return value;
  }
}

function loggableObject(value: object, causes: number): unknown {
  try {
    if (!(value instanceof Error)) {
      return cut(Deno.inspect(value));
    }
    const { name, message, stack, cause } = value;
    const plain = new Error(cut(String(message)));
    Object.defineProperty(plain, "name", { value: cut(String(name)), configurable: true });
    Object.defineProperty(plain, "stack", { value: cut(String(stack ?? message)), configurable: true });
    if (cause !== undefined && causes > 0) {
      Object.defineProperty(plain, "cause", { value: loggable(cause, causes - 1), configurable: true });
    }
    return plain;
  } catch {
    return cut(thrownText(value));
  }
}

function cut(text: string): string {
  return text.length <= MAX_LENGTH ? text : `${text.slice(0, MAX_LENGTH)}... (cut, ${text.length} characters)`;
}
