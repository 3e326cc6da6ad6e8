/** The lecture's programs in Python and C++, ready to run: their stubs are generated when they are needed, none is kept. */
import { buildCppProgram, installTool } from "../../conformance/tools.ts";
import type { Certificate } from "../../support/certificate.ts";
import { type RunningProgram, runProgram, startProgram } from "../../support/program.ts";

const HERE = new URL(".", import.meta.url).pathname;
const PROTOS = new URL("../../../proto", import.meta.url).pathname;

/** Where `hello.proto` has a method more. */
const NEXT_PROTOS = `${HERE}next`;

/** A program that is to get arguments. */
export interface LectureProgram {
  readonly command: string;
  /** Those it has in any case. */
  readonly args: readonly string[];
  readonly env: Record<string, string>;
}

/** All of them; the comment at the top of each says what it is. */
export interface Programs extends AsyncDisposable {
  readonly helloClient: LectureProgram;
  readonly helloServer: LectureProgram;
  readonly helloServerTls: LectureProgram;
  readonly fileServer: LectureProgram;
  readonly newerPythonClient: LectureProgram;
  readonly newerCppClient: LectureProgram;
  readonly hashServer: LectureProgram;
}

/** Installs what is needed, generates the stubs and builds what is to be built. */
export async function makePrograms(): Promise<Programs> {
  const python = await installTool("grpcio");
  const cpp = async (name: string, protoFolder: string, protos: readonly string[]): Promise<LectureProgram> => {
    const command = await buildCppProgram(`${HERE}cpp/${name}.cpp`, protoFolder, protos);
    return { command, args: [], env: {} };
  };
  const hashServer = await cpp("hash_server", PROTOS, ["edgewire/v1/greeter.proto", "edgewire/v1/hash.proto"]);
  const newerCppClient = await cpp("newer_client", NEXT_PROTOS, ["hello.proto"]);
  const folder = await Deno.makeTempDir({ prefix: "edgewire-lecture-" });
  const [stubs, nextStubs] = [`${folder}/stubs`, `${folder}/next`];
  await generatePython(python, PROTOS, ["hello.proto", "edgewire/v1/hash.proto", "edgewire/v1/file.proto"], stubs);
  await generatePython(python, NEXT_PROTOS, ["hello.proto"], nextStubs);
  const script = (name: string, stubs: string): LectureProgram => ({
    command: python,
    args: [`${HERE}python/${name}`],
    env: { PYTHONPATH: stubs, PYTHONUNBUFFERED: "1", PYTHONDONTWRITEBYTECODE: "1" },
  });
  return {
    helloClient: script("hello_client.py", stubs),
    helloServer: script("hello_server.py", stubs),
    helloServerTls: script("hello_server_tls.py", stubs),
    fileServer: script("file_server.py", stubs),
    newerPythonClient: script("newer_client.py", nextStubs),
    newerCppClient,
    hashServer,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

async function generatePython(
  python: string,
  protoFolder: string,
  protos: readonly string[],
  output: string,
): Promise<void> {
  await Deno.mkdir(output);
  const args = ["-m", "grpc_tools.protoc", `-I${protoFolder}`, `--python_out=${output}`, `--grpc_python_out=${output}`];
  await runProgram(python, [...args, ...protos]);
}

/** Runs a program to its end, and gives the lines that it wrote. */
export async function runLecture({ command, args, env }: LectureProgram, more: readonly string[]): Promise<string[]> {
  return (await runProgram(command, [...args, ...more], { env })).trimEnd().split("\n");
}

/** A server that runs, on a port of `localhost`. */
export interface LectureServer extends RunningProgram {
  readonly port: number;
  /** As in `https://localhost:50051`. */
  readonly url: string;
}

/** Starts a server; one that is given a certificate is expected to speak TLS. */
export async function startLecture(
  { command, args, env }: LectureProgram,
  more: readonly string[],
  certificate: Certificate | undefined,
): Promise<LectureServer> {
  const keyPair = certificate === undefined ? [] : [certificate.certPath, certificate.keyPath];
  const program = await startProgram(command, [...args, ...more, ...keyPair], /listening on (\d+)\n/, { env });
  const port = Number(program.ready[1]);
  return { ...program, port, url: `${certificate === undefined ? "http" : "https"}://localhost:${port}` };
}
