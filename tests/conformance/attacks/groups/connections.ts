/** Attacks on accepting: what is made, held, dropped and never said, before there is a request. */
import type { Attack, AttackGroup, Target } from "../attack.ts";
import { latin1, PREFACE } from "../frames.ts";
import { FILE, gzipEnvelope, lengthDelimited, MIB } from "../messages.ts";
import { RawSockets } from "../raw_sockets.ts";
import { ask, atRate, Http2Wire, inSteps, onEach, sleep, waitForEnd, Wire } from "../sockets.ts";
import { hoardDownloads } from "./files.ts";

const REQUEST = latin1("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");

/** The head of a TLS record with a ClientHello of 508 bytes, and nothing of them. */
const HALF_HELLO = latin1("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");

/** Touches the server's port as often as that, without a client's manners. */
async function touchAtRate(target: Target, perSecond: number, how: Parameters<RawSockets["touch"]>[0]) {
  using sockets = new RawSockets(target);
  const count = await atRate(target, perSecond, () => sockets.touch(how));
  return { notes: [`${count} connections`] };
}

/** Opens connections that only begin, and holds them until the end. */
async function hold(target: Target, count: number, begin: Uint8Array | string) {
  const open: Wire[] = [];
  await inSteps(count, async () => {
    const wire = await Wire.connectBare(target);
    open.push(wire);
    wire.read();
    if (begin.length > 0) {
      await wire.send(begin);
    }
  });
  await waitForEnd(target);
  return {
    notes: [`${open.length} connections, ${open.filter(({ isClosed }) => isClosed).length} closed by the server`],
  };
}

/** Opens connections one byte of which comes every 50 ms. */
async function drip(target: Target, count: number, text: string) {
  await onEach(count, async () => {
    const wire = await Wire.connectBare(target);
    wire.read();
    let position = 0;
    await atRate(target, 20, () => wire.send(text[position++ % text.length]!));
  });
}

const resetBeforeAccept = (target: Target) => touchAtRate(target, 3000, {});

const exhaustDescriptors = (target: Target) => hold(target, 400, "");

export const connections: AttackGroup = {
  name: "connections",
  attacks: [
    {
      name: "reset-before-accept",
      title: "3,000 connections a second, reset before they are accepted: accept() fails for each (A.1)",
      run: resetBeforeAccept,
    },
    {
      name: "reset-before-accept-tls",
      title: "The same at a server with TLS (A.1)",
      server: "tls",
      run: resetBeforeAccept,
    },
    {
      name: "reset-before-accept-workers",
      title: "The same at two workers (A.1)",
      server: "workers",
      run: resetBeforeAccept,
    },
    {
      name: "reset-with-request",
      title: "Connections that send a request and are reset with it",
      run: (target) => touchAtRate(target, 1000, { content: REQUEST }),
    },
    {
      name: "connect-and-close",
      title: "Connections that are closed with nothing said: the log and the counters of a port scan",
      run: (target) => touchAtRate(target, 1000, { reset: false }),
    },
    {
      name: "no-descriptors",
      title: "400 connections at a server that may have 256 descriptors: accept() fails with EMFILE (A.3)",
      server: "few-descriptors",
      fresh: true,
      dials: "after",
      run: exhaustDescriptors,
    },
    {
      name: "no-descriptors-tls",
      title: "The same with TLS: the listener of node:net never accepts again (A.2)",
      server: "few-descriptors-tls",
      fresh: true,
      dials: "after",
      run: exhaustDescriptors,
    },
    {
      name: "no-descriptors-files",
      title: "640 Downloads with a window of 0 at a server that may have 256 descriptors: a panic (A.3)",
      server: "few-descriptors",
      fresh: true,
      run: (target) => hoardDownloads(target, 5, "medium.bin"),
    },
    {
      name: "no-descriptors-again",
      title: "All descriptors taken and given back, four times (A.2, A.3)",
      server: "few-descriptors",
      fresh: true,
      dials: "after",
      durationMs: 3000,
      run: async (target) => {
        for (let round = 0; round < 4; round++) {
          const open: Wire[] = [];
          await onEach(300, async () => open.push(await Wire.connect(target)));
          await sleep(300);
          open.forEach((wire) => wire.close());
          await sleep(300);
        }
      },
    },
    {
      name: "no-descriptors-again-tls",
      title: "All descriptors taken by half handshakes and given back, four times (A.2)",
      server: "few-descriptors-tls",
      fresh: true,
      dials: "after",
      durationMs: 3000,
      run: async (target) => {
        for (let round = 0; round < 4; round++) {
          const open: Wire[] = [];
          await onEach(300, async () => {
            const wire = await Wire.connectBare(target);
            open.push(wire);
            await wire.send(HALF_HELLO);
          });
          await sleep(300);
          open.forEach((wire) => wire.close());
          await sleep(300);
        }
      },
    },
    {
      name: "connection-hoard",
      title: "400 connections that stay, where 200 are the limit: clients that are served go on",
      server: "few-connections",
      dials: "after",
      run: (target) => hold(target, 400, REQUEST),
    },
    {
      name: "silent",
      title: "500 connections that say nothing (Slowloris)",
      run: (target) => hold(target, 500, ""),
    },
    {
      name: "half-preface",
      title: "500 connections with half of HTTP/2's preface (Slowloris)",
      run: (target) => hold(target, 500, PREFACE.subarray(0, 12)),
    },
    {
      name: "silent-tls",
      title: "300 connections that say nothing to a server with TLS",
      server: "tls",
      run: (target) => hold(target, 300, ""),
    },
    {
      name: "half-handshake",
      title: "300 connections with the head of a ClientHello",
      server: "tls",
      run: (target) => hold(target, 300, HALF_HELLO),
    },
    {
      name: "dripped-handshake",
      title: "100 ClientHellos that come by the byte",
      server: "tls",
      run: (target) => drip(target, 100, String.fromCharCode(...HALF_HELLO)),
    },
    {
      name: "handshake-flood",
      title: "100 whole handshakes a second: signatures are the dearest thing that a stranger may ask for",
      server: "tls",
      run: async (target) => {
        const count = await atRate(target, 100, () => {
          Wire.connect(target, "h2").then((wire) => wire.close(), () => {});
        });
        return { notes: [`${count} handshakes`] };
      },
    },
    {
      name: "no-tls-to-tls",
      title: "HTTP without TLS, and records that are none, to a server with TLS",
      server: "tls",
      run: async (target) => {
        const garbage = crypto.getRandomValues(new Uint8Array(1000));
        await atRate(target, 100, () => {
          Wire.connectBare(target).then(async (wire) => {
            await wire.send(Math.random() < 0.5 ? REQUEST : garbage);
            await wire.read();
            wire.close();
          }, () => {});
        });
      },
    },
    {
      name: "other-protocols",
      title: "SSH, a ClientHello, SMTP, NUL bytes and half lines, to a server without TLS",
      run: async (target) => {
        const greetings = [
          "SSH-2.0-x\r\n",
          String.fromCharCode(...HALF_HELLO),
          "EHLO x\r\n",
          "\0".repeat(100),
          "PRI * HTTP/1.1\r\n\r\n",
        ];
        let index = 0;
        await atRate(target, 200, () => {
          Wire.connectBare(target).then(async (wire) => {
            await wire.send(greetings[index++ % greetings.length]!);
            await Promise.race([wire.read(), sleep(200)]);
            wire.close();
          }, () => {});
        });
      },
    },
    {
      name: "half-close",
      title: "Connections that send a request and end their half, by the hundred",
      run: async (target) => {
        await atRate(target, 200, () => {
          Wire.connect(target).then(async (wire) => {
            await wire.send(REQUEST);
            await wire.closeWrite();
            await Promise.race([wire.read(), sleep(500)]);
            wire.close();
          }, () => {});
        });
      },
    },
    {
      name: "proxy-header-flood",
      title: "PROXY headers that are too long, wrong, in pieces, or never end",
      server: "proxy",
      run: async (target) => {
        const wrong = [
          "PROXY " + "x".repeat(10_000),
          "PROXY TCP4 999.0.0.1 1.1.1.1 1 1\r\n",
          "\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
          "\r\n\r\n\0\r\nQUIT\n\x2f\xff\0\0",
          "PROXY",
          "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n",
        ];
        let index = 0;
        await atRate(target, 200, () => {
          Wire.connectBare(target).then(async (wire) => {
            await wire.send(wrong[index++ % wrong.length]!);
            await Promise.race([wire.read(), sleep(1000)]);
            wire.close();
          }, () => {});
        });
      },
    },
    {
      name: "readiness",
      title: "The probes of a server whose port is flooded still tell the truth",
      run: async (target) => {
        using sockets = new RawSockets(target);
        await atRate(target, 1000, () => sockets.touch());
        const admin = { ...target, port: target.adminPort!, greeting: "" };
        const { status } = await ask(admin, "GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        return { faults: status === 200 ? [] : [`/readyz answered ${status}`] };
      },
    },
    {
      name: "abandoned-work",
      title: "Connections that ask for all they may and are gone: the work that they leave is dropped",
      run: async (target) => {
        const hash = gzipEnvelope(lengthDelimited(1, "x".repeat(MIB)));
        const count = await atRate(target, 20, async () => {
          const http2 = await Http2Wire.connect(target, { reads: false }).catch(() => undefined);
          for (let call = 0; call < 8 && http2 !== undefined; call++) {
            await http2.call("/edgewire.v1.Hash/Sha", hash, "application/grpc", [["grpc-encoding", "gzip"]]);
            await http2.call(`${FILE}/HashFile`, gzipEnvelope(lengthDelimited(1, "medium.bin")), "application/grpc", [[
              "grpc-encoding",
              "gzip",
            ]]);
          }
          http2?.close();
        });
        return { notes: [`${count} connections`] };
      },
    },
  ] satisfies readonly Attack[],
};
