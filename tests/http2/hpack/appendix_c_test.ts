/** The examples of RFC 7541, Appendix C, by name. */
import assert from "node:assert/strict";
import type { HeaderField } from "../../../src/http/mod.ts";
import { HpackDecoder } from "../../../src/http2/hpack/mod.ts";

interface Step {
  readonly block: string;
  readonly fields: string;
  /** The dynamic table after the block, the newest entry first. */
  readonly table: string;
  readonly tableSize: number;
}

function fieldsOf(text: string): HeaderField[] {
  return text.split("\n").map((line) => line.trim()).filter((line) => line !== "").map((line) => {
    const colon = line.indexOf(":", 1);
    return { name: line.slice(0, colon), value: line.slice(colon + 1).trim() };
  });
}

function decodeSteps(maxTableSize: number, steps: readonly Step[]): void {
  const decoder = new HpackDecoder({ maxTableSize, maxHeaderListSize: 65536, maxFields: 128 });
  for (const { block, fields, table, tableSize } of steps) {
    const octets = Uint8Array.fromHex(block.replaceAll(/\s/g, ""));
    assert.deepEqual(decoder.decode(octets, 0, octets.length), fieldsOf(fields));
    assert.deepEqual(decoder.tableEntries, fieldsOf(table));
    assert.equal(decoder.tableSize, tableSize);
  }
}

/** Decodes an integer with a 5-bit prefix, as the table size that it is refused as. */
function decodeInteger(hex: string): number {
  const octets = Uint8Array.fromHex(hex);
  octets[0]! |= 0x20;
  const decoder = new HpackDecoder({ maxTableSize: 0, maxHeaderListSize: 1000, maxFields: 10 });
  let message = "";
  assert.throws(() => decoder.decode(octets, 0, octets.length), (error) => (message = String(error)) !== "");
  return Number(/table size to (\d+)/.exec(message)?.[1]);
}

Deno.test("C.1.1: 10 with a 5-bit prefix", () => assert.equal(decodeInteger("0a"), 10));
Deno.test("C.1.2: 1337 with a 5-bit prefix", () => assert.equal(decodeInteger("1f9a0a"), 1337));
Deno.test("C.1.3: 42 at an octet boundary", () => {
  // HPACK has no integer with an 8-bit prefix. One of 7 bits has 42 in one octet, too.
  const value = "v".repeat(42);
  const octets = Uint8Array.from([0x00, 1, 0x61, 42, ...new Array(42).fill(0x76)]);
  const decoder = new HpackDecoder({ maxHeaderListSize: 1000, maxFields: 10 });
  assert.deepEqual(decoder.decode(octets, 0, octets.length), [{ name: "a", value }]);
});

Deno.test("C.2.1: literal with indexing", () =>
  decodeSteps(4096, [{
    block: "400a637573746f6d2d6b65790d637573746f6d2d686561646572",
    fields: "custom-key: custom-header",
    table: "custom-key: custom-header",
    tableSize: 55,
  }]));

Deno.test("C.2.2: literal without indexing", () =>
  decodeSteps(4096, [{
    block: "040c2f73616d706c652f70617468",
    fields: ":path: /sample/path",
    table: "",
    tableSize: 0,
  }]));

Deno.test("C.2.3: literal never indexed", () => {
  const octets = Uint8Array.fromHex("100870617373776f726406736563726574");
  const decoder = new HpackDecoder({ maxHeaderListSize: 1000, maxFields: 10 });
  assert.deepEqual(decoder.decode(octets, 0, octets.length), [{ name: "password", value: "secret", sensitive: true }]);
  assert.equal(decoder.tableSize, 0);
});

Deno.test("C.2.4: indexed field", () =>
  decodeSteps(4096, [{ block: "82", fields: ":method: GET", table: "", tableSize: 0 }]));

function requestSteps(blocks: readonly [string, string, string]): Step[] {
  const get = ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\n";
  return [
    { block: blocks[0], fields: get, table: ":authority: www.example.com", tableSize: 57 },
    {
      block: blocks[1],
      fields: `${get}cache-control: no-cache`,
      table: "cache-control: no-cache\n:authority: www.example.com",
      tableSize: 110,
    },
    {
      block: blocks[2],
      fields: ":method: GET\n:scheme: https\n:path: /index.html\n:authority: www.example.com\ncustom-key: custom-value",
      table: "custom-key: custom-value\ncache-control: no-cache\n:authority: www.example.com",
      tableSize: 164,
    },
  ];
}

Deno.test("C.3: requests without Huffman coding", () =>
  decodeSteps(
    4096,
    requestSteps([
      "828684410f7777772e6578616d706c652e636f6d",
      "828684be58086e6f2d6361636865",
      "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
    ]),
  ));

Deno.test("C.4: requests with Huffman coding", () =>
  decodeSteps(
    4096,
    requestSteps([
      "828684418cf1e3c2e5f23a6ba0ab90f4ff",
      "828684be5886a8eb10649cbf",
      "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
    ]),
  ));

function responseSteps(blocks: readonly [string, string, string]): Step[] {
  const rest = "cache-control: private\ndate: Mon, 21 Oct 2013 20:13:21 GMT\nlocation: https://www.example.com\n";
  const cookie = "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";
  return [
    {
      block: blocks[0],
      fields: `:status: 302\n${rest}`,
      table:
        "location: https://www.example.com\ndate: Mon, 21 Oct 2013 20:13:21 GMT\ncache-control: private\n:status: 302",
      tableSize: 222,
    },
    {
      block: blocks[1],
      fields: `:status: 307\n${rest}`,
      table:
        ":status: 307\nlocation: https://www.example.com\ndate: Mon, 21 Oct 2013 20:13:21 GMT\ncache-control: private",
      tableSize: 222,
    },
    {
      block: blocks[2],
      fields: `:status: 200\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:22 GMT
        location: https://www.example.com\ncontent-encoding: gzip\n${cookie}`,
      table: `${cookie}\ncontent-encoding: gzip\ndate: Mon, 21 Oct 2013 20:13:22 GMT`,
      tableSize: 215,
    },
  ];
}

Deno.test("C.5: responses without Huffman coding, with evictions", () =>
  decodeSteps(
    256,
    responseSteps([
      `4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777
       772e6578616d706c652e636f6d`,
      "4803333037c1c0bf",
      `88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a58
       4f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31`,
    ]),
  ));

Deno.test("C.6: responses with Huffman coding, with evictions", () =>
  decodeSteps(
    256,
    responseSteps([
      "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
      "4883640effc1c0bf",
      `88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672
       c1ab270fb5291f9587316065c003ed4ee5b1063d5007`,
    ]),
  ));
