import assert from "node:assert/strict";
import { parseProxyHeader } from "../../src/net/proxy_protocol.ts";

const text = (line: string) => new TextEncoder().encode(line);
const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
const v2 = (command: number, family: number, ...address: number[]) =>
  Uint8Array.of(...SIGNATURE, command, family, address.length >> 8, address.length & 0xff, ...address);
const IPV4 = [192, 0, 2, 1, 127, 0, 0, 1, 0x12, 0x34, 0, 80];
const IPV6 = [...Array(15).fill(0), 1, ...Array(16).fill(0), 0x12, 0x34, 0, 80];

const GOOD: readonly [what: string, octets: Uint8Array, peer: { hostname: string; port: number } | undefined][] = [
  ["v1, IPv4", text("PROXY TCP4 192.0.2.1 127.0.0.1 4660 80\r\n"), { hostname: "192.0.2.1", port: 4660 }],
  ["v1, IPv6", text("PROXY TCP6 2001:db8::1 ::1 4660 80\r\n"), { hostname: "2001:db8::1", port: 4660 }],
  ["v1, unknown", text("PROXY UNKNOWN\r\n"), undefined],
  ["v1, unknown with addresses", text("PROXY UNKNOWN ffff::1 ::1 1 2\r\n"), undefined],
  ["v2, IPv4", v2(0x21, 0x11, ...IPV4), { hostname: "192.0.2.1", port: 4660 }],
  ["v2, IPv4 with extensions", v2(0x21, 0x11, ...IPV4, 4, 0, 1, 0), { hostname: "192.0.2.1", port: 4660 }],
  ["v2, IPv6", v2(0x21, 0x21, ...IPV6), { hostname: "0:0:0:0:0:0:0:1", port: 4660 }],
  ["v2, the balancer's own", v2(0x20, 0x00), undefined],
  ["v2, Unix socket", v2(0x21, 0x31, ...Array(216).fill(0)), undefined],
];

for (const [what, octets, peer] of GOOD) {
  Deno.test(`PROXY protocol: ${what}`, () => {
    const behind = Uint8Array.of(...octets, 71, 69, 84);
    assert.deepEqual(parseProxyHeader(behind), { peer, length: octets.length });
    for (let length = 0; length < octets.length; length++) {
      assert.equal(parseProxyHeader(behind.subarray(0, length)), "incomplete", `${length} octets`);
    }
  });
}

const BAD: readonly [what: string, octets: Uint8Array][] = [
  ["HTTP/1.1", text("GET / HTTP/1.1\r\n")],
  ["HTTP/2", text("PRI * HTTP/2.0\r\n")],
  ["v1 without addresses", text("PROXY TCP4\r\n")],
  ["v1 with a name", text("PROXY TCP4 localhost 127.0.0.1 1 2\r\n")],
  ["v1 that never ends", text(`PROXY TCP4 ${"1".repeat(200)}`)],
  ["v2 with another version", v2(0x31, 0x11, ...IPV4)],
  ["v2 with another command", v2(0x22, 0x11, ...IPV4)],
  ["v2 with a short address", v2(0x21, 0x11, 1, 2, 3)],
  ["v2 that is too long", Uint8Array.of(...SIGNATURE, 0x21, 0x11, 0xff, 0xff)],
];

for (const [what, octets] of BAD) {
  Deno.test(`PROXY protocol: not ${what}`, () => assert.equal(parseProxyHeader(octets), "invalid"));
}
