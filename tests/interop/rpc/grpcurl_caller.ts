/** Makes calls by grpcurl, which is a program for each call. */
import type { JsonObject } from "@bufbuild/protobuf";
import { type ProgramResult, startProgram, tryProgram } from "../../support/program.ts";
import type { Caller, CallError, Outcome } from "./call.ts";
import type { ClientTask } from "./task.ts";

/** A code of gRPC. */
const CANCELLED = 1;

/** The exit code of a program that SIGTERM has ended. */
const TERMINATED = 143;

/** @param grpcurl The program. */
export function createGrpcurlCaller(grpcurl: string, { url, protoPath, certPath }: ClientTask): Caller {
  const slash = protoPath.lastIndexOf("/");
  const proto = ["-import-path", protoPath.slice(0, slash), "-proto", protoPath.slice(slash + 1)];
  const security = certPath === undefined ? ["-plaintext"] : ["-cacert", certPath];
  const common = [...proto, ...security, "-v", "-format-error", "-d", "@"];
  return async ({ method, requests, metadata = [], timeoutMs, cancelAfter }, signal) => {
    const args = [
      ...common,
      ...metadata.flatMap(([name, value]) => ["-H", `${name}: ${value}`]),
      ...timeoutMs === undefined ? [] : ["-max-time", `${timeoutMs / 1000}`],
      new URL(url).host,
      `edgewire.test.v1.EchoService/${method}`,
    ];
    const stdin = requests.map((request) => JSON.stringify(request)).join("\n");
    if (cancelAfter === undefined) {
      return readOutcome(await tryProgram(grpcurl, args, { stdin, signal }));
    }
    const answered = new RegExp(`(^Response contents:\\n\\{[^]*?){${cancelAfter}}`, "m");
    return readOutcome(await (await startProgram(grpcurl, args, answered, { stdin })).stop());
  };
}

/** Reads what `grpcurl -v -format-error` writes. */
function readOutcome({ code, stdout, stderr }: ProgramResult): Outcome {
  const answers = [...stdout.matchAll(/^Response contents:\n(\{\}|\{$[^]*?^\})$/gm)].map(([, json = ""]) =>
    JSON.parse(json)
  );
  const outcome = {
    answers,
    headers: readMetadata(/^Response headers received:\n([^]*?)\n\n/m.exec(stdout)?.[1]),
    trailers: readMetadata(/^Response trailers received:\n([^]*?)\n(?:Sent|ERROR|\n)/m.exec(stdout)?.[1]),
  };
  if (code === 0) {
    return outcome;
  }
  return { ...outcome, error: code === TERMINATED ? { code: CANCELLED, message: "", details: [] } : readError(stderr) };
}

function readMetadata(lines = ""): Record<string, string> {
  const metadata: Record<string, string> = {};
  for (const [, name = "", value = ""] of lines.matchAll(/^(\S+): (.*)$/gm)) {
    metadata[name] = name in metadata ? `${metadata[name]}, ${value}` : value;
  }
  return metadata;
}

function readError(stderr: string): CallError {
  const start = stderr.indexOf("{");
  if (start < 0) {
    throw new Error(`Cannot read what grpcurl wrote: ${stderr}`);
  }
  const { code, message = "", details = [] } = JSON.parse(stderr.slice(start));
  return {
    code,
    message,
    details: details.map(({ "@type": _type, ...detail }: JsonObject) => detail),
  };
}
