/**
 * A plugin of Buf and protoc: beside each `x_pb.ts` of protoc-gen-es it writes an `x_codec.ts`, which exports the same, but what it
 * exports comes with source that encodes and decodes its messages. Who imports from the one instead of the other is faster, and
 * nothing else changes.
 *
 * Options are those of protoc-gen-es, and `runtime`: where generated source imports its functions from, as a package or as a path
 * from the folder the stubs are in. @default @edgewire/edgewire/codec
 */
import { createEcmaScriptPlugin, runNodeJs } from "@bufbuild/protoplugin";
import config from "../deno.json" with { type: "json" };
import { printCodecs } from "./codec_source/file.ts";

const DEFAULT_RUNTIME = "@edgewire/edgewire/codec";

runNodeJs(createEcmaScriptPlugin({
  name: "protoc-gen-edgewire-codec",
  version: `v${config.version}`,
  parseOptions: (options) => {
    let runtime = DEFAULT_RUNTIME;
    for (const { key, value } of options) {
      if (key !== "runtime") {
        throw new Error(`There is no option "${key}"`);
      }
      runtime = value;
    }
    return { runtime };
  },
  generateTs: (schema) => {
    for (const file of schema.files) {
      printCodecs(schema, file);
    }
  },
}));
