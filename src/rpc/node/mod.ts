/** What RPC gains where `node:` modules are: Deno and Node, not edges. */
export { nodeCompressions } from "./compression.ts";
export { useBufferForText } from "./text.ts";
