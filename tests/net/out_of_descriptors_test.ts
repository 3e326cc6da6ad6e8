/** A process without a free file descriptor: what becomes of its listeners, and of itself. */
import assert from "node:assert/strict";
import { type Certificate, makeCertificate } from "../support/certificate.ts";
import { RawClient } from "../support/raw_client.ts";
import { within } from "../support/sockets.ts";

const GET = "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

/** Descriptors of the process. A Deno that does nothing has some 20. */
const LIMIT = 96;

type Ask = <T>(command: string) => Promise<T>;

/** Runs with a process as in `support/starving_server.ts`. */
async function withProcess(certificate: Certificate, action: (ask: Ask) => Promise<void>): Promise<void> {
  const { cert, key } = certificate;
  const program = new URL("../support/starving_server.ts", import.meta.url).pathname;
  const child = new Deno.Command("sh", {
    // deno-fmt-ignore
    args: [
      "-c", `ulimit -n ${LIMIT}; exec "$@"`, "sh",
      Deno.execPath(), "run", "--quiet", "--allow-all", program, JSON.stringify([cert, key]),
    ],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const [writer, reader] = [
    child.stdin.getWriter(),
    child.stdout.pipeThrough(new TextDecoderStream()).getReader(),
  ];
  let output = "";
  const ask: Ask = async (command) => {
    await writer.write(new TextEncoder().encode(`${command}\n`));
    while (!output.includes("\n")) {
      const { done, value } = await reader.read();
      assert(!done, `The process has ended at "${command}"`);
      output += value;
    }
    const [line, ...rest] = output.split("\n");
    output = rest.join("\n");
    return JSON.parse(line!);
  };
  try {
    await action(ask);
  } finally {
    await writer.close().catch(() => {});
    await child.status; // It ends with its input.
    await reader.cancel();
  }
}

async function untilFaults(ask: Ask, wanted: (faults: string[]) => boolean): Promise<string[]> {
  while (true) {
    const faults = await ask<string[]>("faults");
    if (wanted(faults)) {
      return faults;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

Deno.test("out of descriptors: listeners say so, and accept when there are some, with TLS and without", async () => {
  await using certificate = await makeCertificate();
  await withProcess(certificate, async (ask) => {
    const ports = (await ask<string[]>("urls")).map((url) => Number(new URL(url).port));
    const [plain, secured] = ports.map((port) => ({ hostname: "127.0.0.1", port }));
    assert.deepEqual(await ask("faults"), ["", ""]);
    await ask("fill");
    // The system connects them; the server does not get them.
    const [waiting, greeting] = [await Deno.connect(plain!), await Deno.connect(secured!)];
    const texts = ports.map((port) => `Cannot accept connections on 127.0.0.1:${port}: `);
    const faults = await within(10_000, untilFaults(ask, (faults) => faults.every((fault) => fault !== "")));
    faults.forEach((fault, index) => assert(fault.startsWith(texts[index]!) && /too many open files/i.test(fault)));
    const told = await ask<string[]>("told");
    assert.deepEqual([...told].sort(), [...faults].sort(), "Each is told once");

    await ask("free");
    const client = new RawClient(waiting);
    await client.send(GET);
    assert.match(await within(10_000, client.readAll()), /served/);
    client.close();
    const { cert } = certificate;
    const tls = await within(10_000, Deno.startTls(greeting, { hostname: "localhost", caCerts: [cert] }));
    const secure = new RawClient(tls);
    await within(10_000, secure.send(GET));
    assert.match(await within(10_000, secure.readAll()), /served/);
    secure.close();
    const later = new RawClient(await within(10_000, Deno.connectTls({ ...secured!, caCerts: [cert] })));
    await later.send(GET);
    assert.match(await within(10_000, later.readAll()), /served/);
    later.close();
    await within(10_000, untilFaults(ask, (faults) => faults.every((fault) => fault === "")));
  });
});

Deno.test("out of descriptors: stacks can be read, which would end a process that has read none before", async () => {
  await using certificate = await makeCertificate();
  await withProcess(certificate, async (ask) => {
    await ask("fill");
    assert.match(await ask("stack"), /^Error: Too many open files .*\n.*at takeAllDescriptors /s);
    assert.match(await ask("inspect"), /Another one/);
  });
});

Deno.test("there are fewer connections than wanted where there are few descriptors", async () => {
  await using certificate = await makeCertificate();
  await withProcess(certificate, async (ask) => {
    const limits = await ask<number[]>("limits");
    limits.forEach((limit) => assert(limit > 10 && limit < LIMIT / 2, String(limit)));
  });
});
