/** The flags room: how the programs declare flags, read their values, and read the environment variables that stand for them. */
export { Environment } from "./environment.ts";
export { Flag, flag } from "./flag.ts";
export * from "./values.ts";
