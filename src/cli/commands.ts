/** What the commands do. */
import { timestampDate } from "@bufbuild/protobuf/wkt";
import prettyBytes from "pretty-bytes";
import { basename } from "node:path";
import type { FileInfo } from "../../gen/edgewire/v1/file_pb.ts";
import type { Digest } from "../../gen/edgewire/v1/hash_pb.ts";
import { checksumLine, escapeName } from "./checksum_line.ts";
import { findTarget, localName, STDOUT, writeTarget } from "./download_target.ts";
import { openSource, STANDARD } from "./local_file.ts";
import { counted, startProgress } from "./progress.ts";
import type { Session } from "./session.ts";

/** `hello [NAME]` */
export async function hello(session: Session, name: string): Promise<void> {
  const { message } = await session.greeter.sayHello({ name }, session.callOptions);
  await session.print(message, { message });
}

/** `sha TEXT` */
export async function sha(session: Session, input: string): Promise<void> {
  const { digest } = await session.hash.sha({ input, algorithm: session.algorithm }, session.callOptions);
  await session.print(digest, { digest });
}

/** `hash FILE...` */
export function hash(session: Session, paths: readonly string[]): Promise<void> {
  return session.forEach(paths, async (path) => {
    using source = await openSource(path);
    const { digest, byteCount } = await withProgress(path, source.size, (progress) =>
      session.hash.shaStream(
        (async function* () {
          yield { part: { case: "options" as const, value: { algorithm: session.algorithm } } };
          for await (const value of counted(source.chunks(), progress)) {
            yield { part: { case: "chunk" as const, value } };
          }
        })(),
        session.callOptions,
      ));
    await printDigest(session, path, digest, byteCount);
  });
}

/** `put FILE...`, under its own name or `name` */
export function put(session: Session, paths: readonly string[], name: string | undefined): Promise<void> {
  return session.forEach(paths, async (path) => {
    using source = await openSource(path);
    const { size } = source;
    const header = { name: name ?? basename(path), ...(size === undefined ? {} : { size: BigInt(size) }) };
    const { file } = await withProgress(path, size, (progress) =>
      session.file.upload(
        (async function* () {
          yield { part: { case: "header" as const, value: header } };
          for await (const value of counted(source.chunks(), progress)) {
            yield { part: { case: "chunk" as const, value } };
          }
        })(),
        session.callOptions,
      ));
    const info = fileFields(file);
    await session.print(`${escapeName(info.name)}: ${info.size} bytes`, info);
  });
}

/** `get NAME`, to a file of that name in the working directory, or to `output` */
export function get(session: Session, name: string, output: string | undefined, overwrite: boolean): Promise<void> {
  return session.forEach([name], async () => {
    const target = output === STANDARD ? STDOUT : await findTarget(output ?? localName(name), name, { overwrite });
    const parts = session.file.download({ name }, session.callOptions)[Symbol.asyncIterator]();
    const first = await parts.next();
    if (first.done || first.value.part.case !== "file") {
      throw new Error("The server sent no description of the file");
    }
    const info = fileFields(first.value.part.value);
    await withProgress(name, info.size, (progress) =>
      writeTarget(
        target,
        counted(
          (async function* () {
            for await (const { part } of { [Symbol.asyncIterator]: () => parts }) {
              if (part.case === "chunk") {
                yield part.value;
              }
            }
          })(),
          progress,
        ),
      ));
    if (target.kind !== "stdout") {
      const { path } = target;
      await session.print(`${escapeName(path)}: ${info.size} bytes`, { ...info, path });
    }
  });
}

/** `ls` */
export async function ls(session: Session): Promise<void> {
  const forPeople = Deno.stdout.isTerminal();
  for (let pageToken = "", more = true; more; more = pageToken !== "") {
    const page = await session.file.list({ pageSize: 1000, pageToken }, session.callOptions);
    const files = page.files.map(fileFields);
    const sizes = files.map(({ size }) => forPeople ? prettyBytes(size) : String(size));
    const width = forPeople ? Math.max(...sizes.map((size) => size.length)) : 0;
    for (const [index, file] of files.entries()) {
      const columns = [sizes[index]!.padStart(width), file.modified, escapeName(file.name).replaceAll("\t", "\\t")];
      await session.print(columns.join(forPeople ? "  " : "\t"), file);
    }
    pageToken = page.nextPageToken;
  }
}

/** `stat NAME...` */
export function stat(session: Session, names: readonly string[]): Promise<void> {
  return session.forEach(names, async (name) => {
    const info = fileFields((await session.file.stat({ name }, session.callOptions)).file);
    const lines = [`name: ${escapeName(info.name)}`, `size: ${info.size}`, `modified: ${info.modified}`];
    await session.print(lines, info);
  });
}

/** `hash-file NAME...` */
export function hashFile(session: Session, names: readonly string[]): Promise<void> {
  const { algorithm } = session;
  return session.forEach(names, async (name) => {
    const { file } = await session.file.stat({ name }, session.callOptions);
    const result = await withProgress(name, Number(file?.size ?? 0n), async (progress) => {
      for await (const { event } of session.file.hashFileWithProgress({ name, algorithm }, session.callOptions)) {
        if (event.case === "result") {
          return event.value;
        }
        progress.update(Number(event.value?.hashedBytes ?? 0n));
      }
      throw new Error("The server sent no digest");
    });
    await printDigest(session, name, result.digest, result.byteCount);
  });
}

/** `rm NAME...` */
export function rm(session: Session, names: readonly string[]): Promise<void> {
  return session.forEach(names, async (name) => {
    await session.file.delete({ name }, session.callOptions);
  });
}

async function withProgress<T>(
  label: string,
  total: number | undefined,
  task: (progress: Awaited<ReturnType<typeof startProgress>>) => Promise<T>,
): Promise<T> {
  using progress = await startProgress(label, total);
  return await task(progress);
}

async function printDigest(
  session: Session,
  name: string,
  digest: Digest | undefined,
  byteCount: bigint,
): Promise<void> {
  if (digest === undefined) {
    throw new Error("The server sent no digest");
  }
  if (!/^[0-9a-f]+$/i.test(digest.hex)) { // A line more would be one for another file.
    throw new Error("The server sent a digest that is not hexadecimal");
  }
  await session.print(checksumLine(digest.hex, name), { name, digest: digest.hex, bytes: Number(byteCount) });
}

function fileFields(file: FileInfo | undefined): { name: string; size: number; modified: string } {
  if (file === undefined) {
    throw new Error("The server sent no description of the file");
  }
  const { name, size, modified } = file;
  return { name, size: Number(size), modified: modified === undefined ? "" : timestampDate(modified).toISOString() };
}
