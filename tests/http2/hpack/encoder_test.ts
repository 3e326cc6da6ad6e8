import assert from "node:assert/strict";
import type { HeaderField } from "../../../src/http/mod.ts";
import { HpackDecoder, HpackEncoder } from "../../../src/http2/hpack/mod.ts";

function encode(encoder: HpackEncoder, fields: readonly HeaderField[]): string {
  const buffer = new Uint8Array(encoder.bound(fields));
  return buffer.slice(0, encoder.encode(fields, buffer, 0)).toHex();
}

function field(name: string, value: string): HeaderField {
  return { name, value };
}

Deno.test("encode() writes at an offset and gives the offset after the block", () => {
  const encoder = new HpackEncoder();
  const buffer = new Uint8Array(100);
  assert.equal(encoder.encode([field(":method", "GET")], buffer, 50), 51);
  assert.equal(buffer.findIndex((octet) => octet !== 0), 50);
  assert.equal(buffer[50], 0x82);
  assert.equal(encoder.encode([], buffer, 7), 7);
});

Deno.test("encode() uses every entry of the static table", async () => {
  const { STATIC_TABLE } = await import("../../../src/http2/hpack/static_table.ts");
  for (const [i, entry] of STATIC_TABLE.entries()) {
    const block = encode(new HpackEncoder(), [entry]);
    if (entry.value === "") {
      const decoder = new HpackDecoder({ maxHeaderListSize: 1000, maxFields: 1 });
      const octets = Uint8Array.fromHex(block);
      const [decoded] = decoder.decode(octets, 0, octets.length);
      assert.deepEqual([decoded!.name, decoded!.value], [entry.name, ""]);
    } else {
      assert.equal(block, (0x80 | i + 1).toString(16));
    }
  }
});

Deno.test("a field is indexed when it comes up for the second time, and then an index", () => {
  const encoder = new HpackEncoder();
  const fields = [field("grpc-status", "0")];
  assert.equal(encode(encoder, fields), "00889acac8b21234da8f0130", "literal without indexing");
  assert.equal(encode(encoder, fields), "40889acac8b21234da8f0130", "literal with indexing");
  assert.equal(encode(encoder, fields), "be");
  assert.equal(encode(encoder, [field("grpc-status", "1")]), "0f2f0131", "the name has an index, too");
  for (let i = 0; i < 1000; i++) {
    encode(encoder, [field("x-request-id", `${i}`)]);
  }
  assert.equal(encode(encoder, fields), "be", "values that are unique evict nothing");
});

Deno.test("sensitive fields are never indexed", () => {
  const encoder = new HpackEncoder();
  const names: [string, string][] = [
    ["authorization", "1f08"],
    ["proxy-authorization", "1f22"],
    ["cookie", "1f11"],
    ["set-cookie", "1f28"],
  ];
  for (const [name, prefix] of names) {
    for (let times = 0; times < 3; times++) {
      assert.equal(encode(encoder, [field(name, "!")]), `${prefix}0121`);
    }
  }
  const sensitive = { name: "a", value: "!", sensitive: true };
  for (let times = 0; times < 3; times++) {
    assert.equal(encode(encoder, [sensitive]), "1001610121");
  }
  assert.equal(
    encode(encoder, [{ name: ":method", value: "GET", sensitive: true }]),
    "1282c5837f".slice(0, 2) + "03474554",
  );
});

Deno.test("fields that are hardly ever repeated are not indexed", () => {
  const names = ["content-length", "grpc-timeout", "connect-timeout-ms", "etag", "range", "location"];
  for (const repeated of [...names.map((name) => field(name, "12")), field(":path", "/a?b=c")]) {
    const encoder = new HpackEncoder();
    const blocks = Array.from({ length: 4 }, () => encode(encoder, [repeated]));
    assert.equal(new Set(blocks).size, 1, repeated.name);
    assert.equal(Number.parseInt(blocks[0]!.slice(0, 2), 16) >> 4, 0, repeated.name);
  }
  const encoder = new HpackEncoder();
  const path = [field(":path", "/edgewire.v1.Greeter/SayHello")];
  assert.deepEqual([encode(encoder, path).slice(0, 2), encode(encoder, path).slice(0, 2)], ["04", "44"]);
  assert.equal(encode(encoder, path), "be");
});

Deno.test("a field may have half of the table, and no more", () => {
  const encoder = new HpackEncoder();
  const half = [field("a", "b".repeat(2048 - 33))];
  encode(encoder, half);
  encode(encoder, half);
  assert.equal(encode(encoder, half), "be");
  const more = [field("a", "c".repeat(2048 - 32))];
  encode(encoder, more);
  encode(encoder, more);
  assert.ok(encode(encoder, more).length > 1000);
});

Deno.test("Huffman coding is used when it is shorter, and at every length", () => {
  const decoder = new HpackDecoder({ maxHeaderListSize: 2 ** 20, maxFields: 1 });
  const texts = {
    "5 bits": "0",
    "6 bits": "=",
    "8 bits": "&",
    "28 bits": "\x02",
    "30 bits": "\n",
    mixed: "a\n0\xff",
  };
  for (const [what, text] of Object.entries(texts)) {
    for (const length of [0, 1, 2, 7, 8, 9, 125, 126, 127, 128, 129, 158, 203, 204, 254, 255, 300, 20_000]) {
      const value = text.repeat(Math.ceil(length / text.length)).slice(0, length);
      const fields = [{ name: "x", value, sensitive: true }];
      const encoder = new HpackEncoder();
      const octets = Uint8Array.fromHex(encode(encoder, fields));
      assert.equal(decoder.decode(octets, 0, octets.length)[0]!.value, value, `${what}, ${length} times`);
      assert.ok(octets.length <= 1 + 2 + 4 + length, `${what}, ${length} times: no longer than without`);
    }
  }
});

Deno.test("Huffman codes of all lengths follow codes of all lengths", () => {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder({ maxHeaderListSize: 2 ** 20, maxFields: 1 });
  for (let octet = 0; octet < 256; octet++) {
    for (const before of ["", "0", "=", "&", "~", "~0", "~=", "~&", "~~", "=0", "=="]) {
      const value = `${before}${String.fromCharCode(octet)}${"e".repeat(50)}`;
      const block = encode(encoder, [{ name: "x", value, sensitive: true }]);
      const octets = Uint8Array.fromHex(block);
      assert.ok(octets.length < value.length, `"${before}", ${octet}: it is in Huffman coding`);
      assert.equal(decoder.decode(octets, 0, octets.length)[0]!.value, value, `"${before}", ${octet}`);
    }
  }
});

Deno.test("an entry is found when an older one of its name was evicted, and not when it was itself", () => {
  const encoder = new HpackEncoder({ maxTableSize: 100 });
  // Two entries of 34 octets fit.
  for (const [name, value] of [["a", "1"], ["a", "2"], ["b", "3"]] as const) {
    encode(encoder, [field(name, value)]);
    encode(encoder, [field(name, value)]);
  }
  assert.equal(encode(encoder, [field("b", "3"), field("a", "2")]), "bebf");
  assert.equal(encode(encoder, [field("a", "1")]), "7f000131", "seen before, with the name of its successor");
  assert.equal(encode(encoder, [field("a", "1"), field("b", "3")]), "bebf");
  assert.match(encode(encoder, [field("a", "2")]), /^7e/);
});

Deno.test("bound() is above what is written in the worst case", () => {
  const encoder = new HpackEncoder();
  const lengths = [0, 1, 126, 127, 128, 254, 255, 16_510];
  const fields = lengths.flatMap((name) => lengths.map((value) => field("\n".repeat(name), "\n".repeat(value))));
  encoder.setMaxTableSize(0);
  encoder.setMaxTableSize(4096);
  const bound = encoder.bound(fields);
  assert.ok(encode(encoder, fields).length / 2 <= bound);
  const buffer = new Uint8Array(bound - 1);
  assert.throws(() => encoder.encode(fields, buffer, 0), RangeError);
  assert.ok(buffer.every((octet) => octet === 0));
});

Deno.test("a character above U+00FF is refused before anything is written", () => {
  const encoder = new HpackEncoder();
  encoder.setMaxTableSize(100);
  const buffer = new Uint8Array(200);
  const good = [field(":method", "GET"), field("a", "\xff")];
  for (let times = 0; times < 2; times++) {
    assert.throws(() => encoder.encode([...good, field("b", "\u0100")], buffer, 0), /TypeError: .* value of "b"/);
    assert.throws(() => encoder.encode([...good, field("\u{1f600}", "")], buffer, 0), /TypeError: .* name of field 3/);
    assert.throws(
      () => encoder.encode([...good, { name: "b", value: "\ud800", sensitive: true }], buffer, 0),
      TypeError,
    );
  }
  assert.ok(buffer.every((octet) => octet === 0));
  assert.equal(encode(encoder, good), "3f458200016101ff", "the size update is still there, and nothing was indexed");
});

Deno.test("a smaller table is signalled, and the smallest in between by 0", () => {
  const block = (encoder: HpackEncoder) => encode(encoder, [field(":method", "GET")]);
  const encoder = new HpackEncoder();
  encoder.setMaxTableSize(4096);
  assert.equal(block(encoder), "82", "nothing new");
  encoder.setMaxTableSize(100);
  assert.equal(block(encoder), "3f4582");
  assert.equal(block(encoder), "82", "once is enough");
  encoder.setMaxTableSize(50);
  encoder.setMaxTableSize(80);
  assert.equal(block(encoder), "203f3182");
  encoder.setMaxTableSize(80);
  assert.equal(block(encoder), "82");
  encoder.setMaxTableSize(60);
  encoder.setMaxTableSize(80);
  assert.equal(block(encoder), "203f3182", "the same as before, smaller in between");
  encoder.setMaxTableSize(1_000_000);
  assert.equal(block(encoder), "3fe11f82", "its own maximum is 4096");
  encoder.setMaxTableSize(0);
  assert.equal(block(encoder), "2082");
  assert.equal(block(new HpackEncoder({ maxTableSize: 0 })), "2082");
  assert.equal(block(new HpackEncoder({ maxTableSize: 8192 })), "82", "until the peer allows more");
  const large = new HpackEncoder({ maxTableSize: 8192 });
  large.setMaxTableSize(10_000);
  assert.equal(block(large), "3fe13f82");
  for (const size of [-1, 0.5, NaN, 2 ** 32]) {
    assert.throws(() => new HpackEncoder({ maxTableSize: size }), RangeError);
    assert.throws(() => new HpackEncoder().setMaxTableSize(size), RangeError);
  }
});

Deno.test("without a table nothing is indexed", () => {
  const encoder = new HpackEncoder({ maxTableSize: 0 });
  const blocks = Array.from({ length: 4 }, () => encode(encoder, [field("te", "trailers")]));
  assert.equal(blocks[0], `20${blocks[1]}`);
  assert.equal(new Set(blocks.slice(1)).size, 1);
});

Deno.test("a list that was kept is encoded anew when the table has changed", () => {
  const encoder = new HpackEncoder();
  const list = Object.freeze([field(":status", "200"), field("grpc-status", "0")]);
  const blocks = Array.from({ length: 5 }, () => encode(encoder, list));
  assert.deepEqual(blocks.slice(2), ["88be", "88be", "88be"]);
  const other = [field("te", "trailers")];
  encode(encoder, other);
  encode(encoder, other);
  assert.equal(encode(encoder, list), "88bf");
  assert.equal(encode(encoder, list), "88bf");
  const many = Array.from({ length: 9 }, () => Object.freeze([...list]));
  assert.ok([...many, ...many, list].every((fields) => encode(encoder, fields) === "88bf"));
  encoder.setMaxTableSize(0);
  encoder.setMaxTableSize(4096);
  assert.match(encode(encoder, list), /^203fe11f8840/, "seen before the table was emptied");
  assert.equal(encode(encoder, list), "88be");
});

Deno.test("a list that is not frozen may change", () => {
  const encoder = new HpackEncoder();
  const list = [field(":status", "200")];
  assert.equal(encode(encoder, list), "88");
  assert.equal(encode(encoder, list), "88");
  list[0] = field(":status", "404");
  assert.equal(encode(encoder, list), "8d");
});
