/** The user_code room: how code that is not ours is called, so that nothing but its own call ends with its mistakes. */
export { abortGuarded, createGuardedAbort, guardSignal, type MistakeOwner } from "./guarded_abort.ts";
export { guardReporter, printMistake } from "./reporter.ts";
export { thrownText } from "./thrown_text.ts";
export { handled, isThenable } from "./thenable.ts";
