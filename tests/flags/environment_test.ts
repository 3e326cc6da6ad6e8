/** Variables in the place of flags: what they may say, and what counts when. */
import { Command, CommanderError } from "commander";
import assert from "node:assert/strict";
import { duration, Environment, flag, parseList, parsePort } from "../../src/flags/mod.ts";

/** What a program made of a command line and variables: the options it acted on, or how it ended. */
interface Run {
  readonly options?: Record<string, unknown>;
  readonly notices: readonly string[];
  readonly error?: string;
  readonly exitCode?: number;
}

async function run(variables: Record<string, string>, args: readonly string[] = []): Promise<Run> {
  let error = "";
  let options: Record<string, unknown> | undefined;
  const program = new Command()
    .addOption(flag("--switch", "", "EDGEWIRE_SWITCH").default(false))
    .addOption(flag("--text <text>", "", "EDGEWIRE_TEXT").default("t"))
    .addOption(flag("--port <number>", "", "EDGEWIRE_PORT", "PORT").argParser(parsePort).default(1))
    .addOption(flag("--admin-port <number>", "", "EDGEWIRE_ADMIN_PORT").argParser(parsePort))
    .addOption(flag("--host <list>", "", "EDGEWIRE_HOST", "HOST").argParser(parseList))
    .addOption(flag("--level <level>", "", "EDGEWIRE_LEVEL").choices(["a", "b"]).default("a"))
    .addOption(duration("--some-time", "", "1s"))
    .configureOutput({ writeErr: (text) => error += text })
    .exitOverride()
    .action((values) => {
      options = { ...values };
      environment.noteUnknown(program, ["EDGEWIRE_URL"]);
    });
  const environment = new Environment(program);
  const before = Object.keys(variables).map((name) => [name, Deno.env.get(name)] as const);
  Object.entries(variables).forEach(([name, value]) => Deno.env.set(name, value));
  try {
    await program.parseAsync([...args], { from: "user" });
    assert(options);
    const notices = environment.notices.map(({ variable, reason }) => `${variable}: ${reason}`);
    return { options, notices };
  } catch (thrown) {
    assert(thrown instanceof CommanderError);
    return { error, exitCode: thrown.exitCode, notices: [] };
  } finally {
    before.forEach(([name, value]) => value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value));
  }
}

const DEFAULTS = { switch: false, text: "t", port: 1, level: "a", someTime: 1000 };

const with_ = (options: Record<string, unknown>): Run => ({ options: { ...DEFAULTS, ...options }, notices: [] });

Deno.test("switches are 1, true, yes, on or 0, false, no, off, in any case", async () => {
  for (const value of ["1", "true", "yes", "on", "TRUE", "Yes", " on "]) {
    assert.deepEqual(await run({ EDGEWIRE_SWITCH: value }), with_({ switch: true }), value);
  }
  for (const value of ["0", "false", "no", "off", "False", "OFF"]) {
    assert.deepEqual(await run({ EDGEWIRE_SWITCH: value }), with_({ switch: false }), value);
    assert.deepEqual(await run({ EDGEWIRE_SWITCH: value }, ["--switch"]), with_({ switch: true }), value);
  }
});

Deno.test("what is no switch ends the program with status 2, and names the variable", async () => {
  for (const value of ["2", "y", "n", "t", "disabled", "enable", "null", "true false", "nope", "-1"]) {
    const { error, exitCode } = await run({ EDGEWIRE_SWITCH: value });
    assert.equal(exitCode, 2, value);
    assert.equal(
      error,
      `error: option '--switch' value '${value}' from env 'EDGEWIRE_SWITCH' is invalid. Must be 1, true, yes or on, or 0, false, no or off.\n`,
    );
  }
});

Deno.test("empty variables are not set, whatever the flag", async () => {
  const names = ["SWITCH", "TEXT", "PORT", "ADMIN_PORT", "HOST", "LEVEL", "SOME_TIME"];
  for (const value of ["", " ", "\t"]) {
    const variables = Object.fromEntries(names.map((name) => [`EDGEWIRE_${name}`, value]));
    assert.deepEqual(await run({ ...variables, PORT: value, HOST: value }), with_({}));
    assert.deepEqual(
      await run({ ...variables, PORT: "7", HOST: "a,b" }),
      with_({ port: 7, host: ["a", "b"] }),
      "The next variable counts",
    );
  }
});

Deno.test("values are parsed as on the command line, which wins", async () => {
  const variables = {
    EDGEWIRE_TEXT: "x",
    EDGEWIRE_PORT: "8",
    PORT: "9",
    EDGEWIRE_LEVEL: "b",
    EDGEWIRE_SOME_TIME: "2s",
    HOST: "a, b",
  };
  const options = { text: "x", port: 8, level: "b", someTime: 2000, host: ["a", "b"] };
  assert.deepEqual(await run(variables), with_(options));
  const args = ["--text", "y", "--port", "5", "--level", "a", "--some-time", "3s", "--host", "c"];
  assert.deepEqual(await run(variables, args), with_({ text: "y", port: 5, level: "a", someTime: 3000, host: ["c"] }));
  const cases: [variable: string, value: string, message: RegExp][] = [
    ["EDGEWIRE_PORT", "65536", /'--port <number>' value '65536' from env 'EDGEWIRE_PORT' is invalid\. Must be a whole/],
    ["PORT", "x", /from env 'PORT' is invalid/],
    ["EDGEWIRE_LEVEL", "c", /from env 'EDGEWIRE_LEVEL' is invalid\. Allowed choices are a, b/],
    ["EDGEWIRE_SOME_TIME", "soon", /from env 'EDGEWIRE_SOME_TIME' is invalid\. Must be a duration/],
    ["EDGEWIRE_HOST", ",", /from env 'EDGEWIRE_HOST' is invalid\. Must not be empty/],
  ];
  for (const [variable, value, message] of cases) {
    const { error, exitCode } = await run({ [variable]: value });
    assert.match(error!, message);
    assert.equal(exitCode, 2);
    const flags = ["--port", "5", "--level", "a", "--some-time", "3s", "--host", "c"];
    assert.equal((await run({ [variable]: value }, flags)).exitCode, undefined, "The flag wins");
  }
});

Deno.test("a text must not be empty on the command line either", async () => {
  for (const args of [["--text", ""], ["--text="]]) {
    const { error, exitCode } = await run({}, args);
    assert.match(error!, /option '--text <text>' argument '' is invalid\. Must not be empty\./);
    assert.equal(exitCode, 1, "The program says which status that is");
  }
});

Deno.test("what Kubernetes says of a service by our name is passed over, and told", async () => {
  const reason = "it says where a service of Kubernetes is";
  const link = "tcp://10.0.0.1:50051";
  const service = {
    EDGEWIRE_SERVICE_HOST: "10.0.0.1",
    EDGEWIRE_SERVICE_PORT: "50051",
    EDGEWIRE_SERVICE_PORT_GRPC: "50051",
    EDGEWIRE_PORT: link,
    EDGEWIRE_PORT_50051_TCP: link,
    EDGEWIRE_PORT_50051_TCP_PROTO: "tcp",
    EDGEWIRE_PORT_50051_TCP_PORT: "50051",
    EDGEWIRE_PORT_50051_TCP_ADDR: "10.0.0.1",
  };
  assert.deepEqual(await run(service), { ...with_({}), notices: [`EDGEWIRE_PORT: ${reason}`] });
  assert.deepEqual(await run({ ...service, PORT: "7" }), {
    ...with_({ port: 7 }),
    notices: [`EDGEWIRE_PORT: ${reason}`],
  });
  assert.deepEqual(await run(service, ["--port", "5"]), with_({ port: 5 }));
  for (const variable of ["PORT", "HOST", "EDGEWIRE_HOST", "EDGEWIRE_ADMIN_PORT"]) {
    for (const value of [link, "udp://[fd00::1]:53", "sctp://10.0.0.1:1"]) {
      assert.deepEqual(await run({ [variable]: value }), { ...with_({}), notices: [`${variable}: ${reason}`] });
    }
  }
  // Nothing else is passed over: not other URLs, and not links in other variables.
  assert.match((await run({ EDGEWIRE_PORT: "http://10.0.0.1:50051" })).error!, /from env 'EDGEWIRE_PORT' is invalid/);
  assert.deepEqual(await run({ EDGEWIRE_TEXT: link }), with_({ text: link }));
});

Deno.test("a variable that begins as ours do and is no flag's is told of, without its value", async () => {
  assert.deepEqual(await run({ EDGEWIRE_TXT: "secret", EDGEWIRE_URL: "http://a", EDGEWIR_TEXT: "x" }), {
    ...with_({}),
    notices: ["EDGEWIRE_TXT: no flag is of that name"],
  });
  // Of another service: `edgewire-hash`.
  const other = { EDGEWIRE_HASH_PORT: "tcp://10.0.0.1:1", EDGEWIRE_HASH_SERVICE_HOST: "10.0.0.1" };
  assert.deepEqual(await run(other), with_({}));
  assert.deepEqual((await run({ EDGEWIRE_HASH_PORT: "1" })).notices, ["EDGEWIRE_HASH_PORT: no flag is of that name"]);
});

Deno.test("other mistakes of a parser are not taken for one of a user", async () => {
  const program = new Command()
    .addOption(
      flag("--text <text>", "", "EDGEWIRE_TEXT").argParser(() => {
        throw new TypeError("a mistake");
      }),
    )
    .exitOverride()
    .action(() => {});
  new Environment(program);
  Deno.env.set("EDGEWIRE_TEXT", "x");
  try {
    await assert.rejects(program.parseAsync([], { from: "user" }), TypeError("a mistake"));
  } finally {
    Deno.env.delete("EDGEWIRE_TEXT");
  }
});

Deno.test("the help names the variable of each flag", () => {
  const program = new Command()
    .addOption(flag("--a <x>", "something (or other)", "EDGEWIRE_A", "A"))
    .addOption(flag("--b <x>", "else", "EDGEWIRE_B").default("x"))
    .option("--c", "without");
  new Environment(program);
  const help = program.helpInformation();
  assert.match(help, /something \(or other\) \(env: EDGEWIRE_A\)\n/);
  assert.match(help, /else \(default: "x", env: EDGEWIRE_B\)\n/);
  assert.match(help, /without\n/);
});
