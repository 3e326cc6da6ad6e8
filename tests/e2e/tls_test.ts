/** `server.ts` with TLS: its flags, its certificate's renewal, and a browser. */
import assert from "node:assert/strict";
import { launchBrowser, openPage } from "../support/browser.ts";
import { makeCertificate } from "../support/certificate.ts";
import { runServer, startServer } from "../support/server_process.ts";

async function withDirectory(test: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await test(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** A new connection that trusts `cert` only. */
async function handshake(url: string, cert: string): Promise<void> {
  const port = Number(new URL(url).port);
  using socket = await Deno.connectTls({ hostname: "127.0.0.1", port, caCerts: [cert], alpnProtocols: ["h2"] });
  await socket.handshake();
}

Deno.test("server: a browser gets the page and its calls by HTTP/2 over TLS", () =>
  withDirectory(async (dataDir) => {
    const server = await startServer({ dataDir, args: ["--tls-dev"] });
    const browser = await launchBrowser();
    try {
      assert.match(server.url, /^https:/);
      await using opened = await openPage(browser, server.url, { ignoreHTTPSErrors: true });
      await opened.page.getByRole("button", { name: "Greet" }).click();
      await opened.page.getByText("Hello, World!").waitFor();
      const protocol = await opened.page.evaluate(`performance.getEntriesByType("navigation")[0].nextHopProtocol`);
      assert.equal(protocol, "h2");
      opened.assertNoErrors();
    } finally {
      await browser.close();
      await server.stop();
    }
  }));

Deno.test("server: a renewed certificate is taken without a break, one that is no good is not", () =>
  withDirectory(async (dataDir) => {
    await using first = await makeCertificate();
    await using second = await makeCertificate();
    const [certPath, keyPath] = [`${dataDir}/cert.pem`, `${dataDir}/key.pem`];
    const install = async (cert: string, key: string) => {
      await Deno.writeTextFile(certPath, cert);
      await Deno.writeTextFile(keyPath, key);
    };
    await install(first.cert, first.key);
    const args = ["--tls-cert", certPath, "--tls-key", keyPath];
    const server = await startServer({ dataDir: `${dataDir}/data`, args });
    try {
      await handshake(server.url, first.cert);
      const port = Number(new URL(server.url).port);
      using open = await Deno.connectTls({ hostname: "127.0.0.1", port, caCerts: [first.cert] });

      await install(second.cert, first.key);
      Deno.kill(server.pid, "SIGHUP");
      await server.logged(/Cannot reload/);
      await handshake(server.url, first.cert);

      await install(second.cert, second.key);
      Deno.kill(server.pid, "SIGHUP");
      await server.logged(/Reloaded/);
      await handshake(server.url, second.cert);
      await assert.rejects(handshake(server.url, first.cert));

      await open.write(new TextEncoder().encode("GET / HTTP/1.0\r\nhost: localhost\r\n\r\n"));
      const buffer = new Uint8Array(100);
      const length = await open.read(buffer) ?? 0;
      assert.match(new TextDecoder().decode(buffer.subarray(0, length)), /^HTTP\/1\.1 200 OK\r\n/);
    } finally {
      await server.stop();
    }
  }));

Deno.test("server: certificates that cannot be are one line and a non-zero exit", () =>
  withDirectory(async (directory) => {
    await using first = await makeCertificate();
    await using second = await makeCertificate();
    await Deno.writeTextFile(`${directory}/cert.pem`, first.cert);
    await Deno.writeTextFile(`${directory}/key.pem`, second.key);
    const dataDir = ["--data-dir", `${directory}/data`, "--port", "0"];
    const pair = ["--tls-cert", `${directory}/cert.pem`, "--tls-key", `${directory}/key.pem`];
    const cases: [args: string[], code: number, message: RegExp][] = [
      [["--tls-cert", "a"], 2, /--tls-cert and --tls-key go together/],
      [["--tls-dev", ...pair], 2, /--tls-dev/],
      [["--client-ca", "a"], 2, /--client-ca needs/],
      [["--tls-dev", "--proxy-protocol"], 2, /--proxy-protocol/],
      [["--tls-cert", "/no/such", "--tls-key", "/no/such"], 1, /^edgewire: Cannot read \/no\/such: No such file/],
      [pair, 1, /^edgewire: Cannot listen on 127\.0\.0\.1/],
    ];
    for (const [args, code, message] of cases) {
      const result = await runServer([...args, ...dataDir]);
      assert.deepEqual([result.code, result.stdout], [code, ""], args.join(" "));
      assert.match(result.stderr, message);
      assert.equal(result.stderr.trimEnd().split("\n").length, 1, result.stderr);
    }
  }));
