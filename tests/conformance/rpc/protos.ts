/** The runner's protos: they come with its Go module, and Buf builds an image of them. */
import { runProgram } from "../../support/program.ts";
import { goModuleFolder } from "../tools.ts";

const CACHE = new URL("../../../.cache/", import.meta.url).pathname;

/** Where the image is: a `google.protobuf.FileDescriptorSet` of all files. */
export const IMAGE_PATH = `${CACHE}conformance_protos.binpb`;

/** Builds the image, anew each time. */
export async function buildProtos(): Promise<void> {
  const folder = await goModuleFolder("connectconformance");
  await Deno.mkdir(CACHE, { recursive: true });
  await runProgram(Deno.execPath(), [
    "run",
    "--allow-all",
    "npm:@bufbuild/buf@1.74.0",
    "build",
    `${folder}/proto`,
    "--output",
    IMAGE_PATH,
  ]);
}
