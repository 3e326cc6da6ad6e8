import assert from "node:assert/strict";
import { HeaderListTooLargeError, HpackDecoder, HpackError } from "../../../src/http2/hpack/mod.ts";

const LIMITS = { maxHeaderListSize: 65536, maxFields: 128 };

function decode(decoder: HpackDecoder, block: string | readonly number[]) {
  const octets = typeof block === "string" ? Uint8Array.fromHex(block) : Uint8Array.from(block);
  return decoder.decode(octets, 0, octets.length);
}

function assertBroken(block: string | readonly number[], message: RegExp, decoder = new HpackDecoder(LIMITS)): void {
  assert.throws(() => decode(decoder, block), (error) => error instanceof HpackError && message.test(error.message));
}

/** A literal of `name` and `value` without Huffman coding: `pattern` says of which kind. */
function literal(pattern: 0x00 | 0x10 | 0x40, name: string, value: string): number[] {
  return [pattern, ...string(name), ...string(value)];
}

function string(text: string): number[] {
  const octets = [...text].map((character) => character.charCodeAt(0));
  return [...integer(0, 0x7f, octets.length), ...octets];
}

function integer(pattern: number, mask: number, value: number): number[] {
  if (value < mask) {
    return [pattern | value];
  }
  const octets = [pattern | mask];
  for (value -= mask; value > 127; value = Math.floor(value / 128)) {
    octets.push(value % 128 | 128);
  }
  return [...octets, value];
}

const SIZE_UPDATE_TO_0 = [0x20];

Deno.test("decode() reads a range of a buffer, and an empty block", () => {
  const decoder = new HpackDecoder(LIMITS);
  assert.deepEqual(decoder.decode(Uint8Array.of(0, 0, 0x82, 0x87, 0), 2, 4), [
    { name: ":method", value: "GET" },
    { name: ":scheme", value: "https" },
  ]);
  assert.deepEqual(decoder.decode(new Uint8Array(4), 2, 2), []);
});

Deno.test("decode() gives octets as characters U+0000 to U+00FF", () => {
  const value = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
  assert.deepEqual(decode(new HpackDecoder(LIMITS), literal(0, "a", value)), [{ name: "a", value }]);
});

Deno.test("index 0 and indices beyond the tables are errors", () => {
  assertBroken("80", /nothing is at index 0/);
  assert.deepEqual(decode(new HpackDecoder(LIMITS), integer(0x80, 0x7f, 61)), [{
    name: "www-authenticate",
    value: "",
  }]);
  assertBroken(integer(0x80, 0x7f, 62), /nothing is at index 62/);
  const decoder = new HpackDecoder(LIMITS);
  decode(decoder, literal(0x40, "a", "b"));
  assert.deepEqual(decode(decoder, integer(0x80, 0x7f, 62)), [{ name: "a", value: "b" }]);
  assertBroken(integer(0x80, 0x7f, 63), /nothing is at index 63/, decoder);
  for (const [pattern, mask] of [[0x40, 0x3f], [0x00, 0x0f], [0x10, 0x0f]] as const) {
    assertBroken([...integer(pattern, mask, 62), 0], /nothing is at index 62/);
  }
  assertBroken(integer(0x80, 0x7f, 2 ** 32 - 1), /nothing is at index 4294967295/);
});

Deno.test("an integer may have 5 octets after its prefix, and be 2^32 - 1", () => {
  assert.deepEqual(decode(new HpackDecoder(LIMITS), "3f8080808000"), [], "31 with four zeros");
  assertBroken("3f808080808000", /more than 5 octets/);
  const decoder = new HpackDecoder({ ...LIMITS, maxTableSize: 2 ** 32 - 1 });
  assert.deepEqual(decode(decoder, integer(0x20, 0x1f, 2 ** 32 - 1)), []);
  assertBroken(integer(0x20, 0x1f, 2 ** 32), /4294967296 is larger/, decoder);
  assertBroken("3fffffffff7f", /is larger/);
});

Deno.test("every beginning of a block that ends within a field is an error", () => {
  const block = [
    ...integer(0x20, 0x1f, 4000),
    ...literal(0x40, "n".repeat(200), "v".repeat(300)),
    ...integer(0x80, 0x7f, 62),
  ];
  const whole = new Set([0, 3, block.length - 1, block.length]);
  for (let length = 0; length <= block.length; length++) {
    const decoder = new HpackDecoder(LIMITS);
    const octets = Uint8Array.from(block);
    const decoded = () => decoder.decode(octets, 0, length);
    if (whole.has(length)) {
      decoded();
    } else {
      assert.throws(decoded, HpackError, `${length} octets`);
    }
  }
});

Deno.test("a string may be as long as the rest of the block, and no longer", () => {
  assert.equal(decode(new HpackDecoder(LIMITS), [0, 1, 0x61, 2, 0x62, 0x63])[0]!.value, "bc");
  assertBroken([0, 1, 0x61, 3, 0x62, 0x63], /string of 3 octets: the header block has 2 more/);
  assertBroken([0, ...integer(0, 0x7f, 2 ** 32 - 1)], /string of 4294967295 octets/);
});

Deno.test("Huffman: padding is at most 7 ones, and EOS is an error", () => {
  const huffman = (...octets: number[]) => [0, 1, 0x61, 0x80 | octets.length, ...octets];
  const decoded = (...octets: number[]) => decode(new HpackDecoder(LIMITS), huffman(...octets))[0]!.value;
  assert.equal(decoded(), "");
  // "0" is 00000, "&" is 11111000, ":" is 1011100.
  assert.equal(decoded(0b00000_111), "0");
  assertBroken(huffman(0b00000_110), /padding/);
  assertBroken(huffman(0b00000_011), /padding/);
  assertBroken(huffman(0b00000_000), /padding/);
  assert.equal(decoded(0, 0, 0, 0, 0), "00000000", "no padding");
  assertBroken(huffman(0, 0, 0, 0, 0, 0xff), /padding/);
  assert.equal(decoded(0b11111000, 0b1011100_1), "&:", "1 bit");
  assertBroken(huffman(0b11111000, 0b1011100_0), /padding/);
  assert.equal(decoded(0, 0, 0, 0b0_1111111), "00000", "7 bits");
  assertBroken(huffman(0, 0, 0, 0b0_1111111, 0xff), /padding/);
  // Thirty ones.
  assertBroken(huffman(0xff, 0xff, 0xff, 0xff), /EOS/);
  assertBroken(huffman(0b00000_111, 0xff, 0xff, 0xff, 0b111_00000), /EOS/);
});

Deno.test("Huffman strings are checked also where they are too long to be kept", () => {
  const decoder = new HpackDecoder({ maxHeaderListSize: 40, maxFields: 10 });
  const zeros = new Array(20).fill(0);
  assert.throws(() => decode(decoder, [0, 1, 0x61, 0x80 | 20, ...zeros]), HeaderListTooLargeError);
  assertBroken([0, 1, 0x61, 0x80 | 21, ...zeros, 0xff], /padding/, decoder);
  assertBroken([0, 1, 0x61, 0x80 | 24, ...zeros, 0xff, 0xff, 0xff, 0xff], /EOS/, decoder);
});

Deno.test("a list may be as large as the limit, and no larger", () => {
  // 1 + 7 + 32 = 40 octets.
  const block = literal(0, "a", "1234567");
  assert.equal(decode(new HpackDecoder({ maxHeaderListSize: 40, maxFields: 10 }), block).length, 1);
  assert.throws(
    () => decode(new HpackDecoder({ maxHeaderListSize: 39, maxFields: 10 }), block),
    HeaderListTooLargeError,
  );
  const two = [...block, 0x82];
  assert.equal(decode(new HpackDecoder({ maxHeaderListSize: 40 + 42, maxFields: 10 }), two).length, 2);
  assert.throws(() => decode(new HpackDecoder({ maxHeaderListSize: 81, maxFields: 10 }), two), HeaderListTooLargeError);
  // Huffman strings count as long as they are when decoded: eight zeros in five octets.
  const huffman = [0, 1, 0x61, 0x85, 0, 0, 0, 0, 0];
  assert.equal(decode(new HpackDecoder({ maxHeaderListSize: 41, maxFields: 10 }), huffman).length, 1);
  assert.throws(
    () => decode(new HpackDecoder({ maxHeaderListSize: 40, maxFields: 1 }), huffman),
    HeaderListTooLargeError,
  );
});

Deno.test("a list may have as many fields as the limit, and no more; crumbs of cookies count", () => {
  const decoder = new HpackDecoder({ maxHeaderListSize: 65536, maxFields: 3 });
  const crumb = [...integer(0x10, 0x0f, 32), ...string("a=b")];
  assert.equal(decode(decoder, [...crumb, ...crumb, ...crumb]).length, 3);
  assert.throws(() => decode(decoder, [...crumb, ...crumb, ...crumb, ...crumb]), HeaderListTooLargeError);
});

Deno.test("after a list that is too large the table is in step", () => {
  const decoder = new HpackDecoder({ maxHeaderListSize: 100, maxFields: 2, maxTableSize: 200 });
  const blocks = {
    "too large at once": [...literal(0, "x", "y".repeat(100)), ...literal(0x40, "a", "1")],
    "too many fields": [0x82, 0x82, 0x82, ...literal(0x40, "a", "1")],
    "too large for the list, not for the table": [
      0x82,
      ...literal(0x40, "b", "2".repeat(100)),
      ...literal(0x40, "a", "1"),
    ],
    "too large for both": [0x82, ...literal(0x40, "c", "3".repeat(300)), ...literal(0x40, "a", "1")],
    "name too large for both": [...literal(0x40, "c".repeat(300), "3"), ...literal(0x40, "a", "1")],
  };
  for (const [what, block] of Object.entries(blocks)) {
    assert.throws(() => decode(decoder, block), HeaderListTooLargeError, what);
    assert.deepEqual(decode(decoder, integer(0x80, 0x7f, 62)), [{ name: "a", value: "1" }], what);
  }
  assert.deepEqual(decoder.tableEntries, [{ name: "a", value: "1" }], "what was too large emptied the table");
  assert.throws(() => decode(decoder, blocks["too large for the list, not for the table"]), HeaderListTooLargeError);
  assert.deepEqual(decoder.tableEntries.map(({ name }) => name), ["a", "b"]);
  assertBroken([0x82, 0x82, 0x82, 0x80], /index 0/, decoder);
});

Deno.test("an entry may be as large as the table; a larger one empties it", () => {
  const decoder = new HpackDecoder({ ...LIMITS, maxTableSize: 64 });
  decode(decoder, literal(0x40, "a", "b".repeat(31)));
  assert.equal(decoder.tableSize, 64);
  decode(decoder, literal(0x40, "a", "c".repeat(31)));
  assert.deepEqual(decoder.tableEntries, [{ name: "a", value: "c".repeat(31) }]);
  assert.equal(decode(decoder, literal(0x40, "a", "d".repeat(32))).length, 1);
  assert.deepEqual(decoder.tableEntries, []);
  assert.equal(decoder.tableSize, 0);
});

Deno.test("a literal may take its name from the entry that it evicts", () => {
  const decoder = new HpackDecoder({ ...LIMITS, maxTableSize: 64 });
  decode(decoder, literal(0x40, "name", "1".repeat(28)));
  decode(decoder, [...integer(0x40, 0x3f, 62), ...string("2".repeat(28))]);
  assert.deepEqual(decoder.tableEntries, [{ name: "name", value: "2".repeat(28) }]);
});

Deno.test("the table holds as many entries as fit, the oldest going first", () => {
  const decoder = new HpackDecoder({ ...LIMITS, maxTableSize: 34 * 100 });
  for (let i = 0; i < 150; i++) {
    decode(decoder, literal(0x40, "a", String.fromCharCode(i)));
  }
  assert.deepEqual(
    decoder.tableEntries.map(({ value }) => value.charCodeAt(0)),
    Array.from({ length: 100 }, (_, i) => 149 - i),
  );
  assert.equal(decoder.tableSize, 3400);
});

Deno.test("a size update may be as large as the limit, and no larger", () => {
  const decoder = new HpackDecoder({ ...LIMITS, maxTableSize: 100 });
  decode(decoder, [...literal(0x40, "a", "1"), ...literal(0x40, "b", "2")]);
  assert.deepEqual(decode(decoder, [...integer(0x20, 0x1f, 67), 0xbe]), [{ name: "b", value: "2" }]);
  assert.equal(decoder.tableSize, 34);
  decode(decoder, integer(0x20, 0x1f, 100));
  assertBroken(integer(0x20, 0x1f, 101), /to 101: the limit is 100/, decoder);
});

Deno.test("two size updates may begin a block; a third, or one after a field, is an error", () => {
  const decoder = new HpackDecoder(LIMITS);
  decode(decoder, literal(0x40, "a", "1"));
  assert.equal(decode(decoder, [...SIZE_UPDATE_TO_0, ...integer(0x20, 0x1f, 4096), 0x82]).length, 1);
  assert.equal(decoder.tableSize, 0);
  assertBroken([...SIZE_UPDATE_TO_0, ...SIZE_UPDATE_TO_0, ...SIZE_UPDATE_TO_0], /more than two/);
  assertBroken([0x82, ...SIZE_UPDATE_TO_0], /not at its beginning/);
  assertBroken([0x82, 0x3f], /not at its beginning/);
});

Deno.test("a smaller table obliges the peer to send a size update first", () => {
  const shrunk = (...sizes: number[]) => {
    const decoder = new HpackDecoder(LIMITS);
    decode(decoder, [0x82]);
    decode(decoder, literal(0x40, "a", "1"));
    decode(decoder, [0x82]);
    sizes.forEach((size) => decoder.setMaxTableSize(size));
    return decoder;
  };
  assertBroken([0x82], /size update to 100 or less has to come first/, shrunk(100));
  const afterEmpty = shrunk(100);
  assert.deepEqual(decode(afterEmpty, []), [], "an empty block refers to nothing");
  assertBroken([0x82], /100 or less has to come first/, afterEmpty);
  assertBroken(integer(0x20, 0x1f, 101), /limit is 100/, shrunk(100));
  const decoder = shrunk(100);
  assert.equal(decode(decoder, [...integer(0x20, 0x1f, 100), 0x82]).length, 1);
  assert.equal(decode(decoder, [0x82]).length, 1, "once is enough");
  // The smallest in between has to be signalled, too.
  assertBroken(integer(0x20, 0x1f, 4096), /100 or less has to come first/, shrunk(100, 4096));
  assertBroken(integer(0x20, 0x1f, 101), /100 or less has to come first/, shrunk(100, 200));
  assert.deepEqual(decode(shrunk(100, 4096), [...integer(0x20, 0x1f, 100), ...integer(0x20, 0x1f, 4096)]), []);
  assert.deepEqual(decode(shrunk(100, 4096), [...SIZE_UPDATE_TO_0, ...integer(0x20, 0x1f, 4096)]), []);
  assert.equal(decode(shrunk(4096), [0x82]).length, 1);
  assert.equal(decode(shrunk(8192), [0x82]).length, 1, "a peer may ignore a larger table");
  assert.deepEqual(decode(shrunk(8192), integer(0x20, 0x1f, 8192)), []);
  assertBroken(integer(0x20, 0x1f, 8193), /limit is 8192/, shrunk(8192));
  // A peer that uses less than it may has nothing to change.
  const small = new HpackDecoder(LIMITS);
  decode(small, integer(0x20, 0x1f, 50));
  small.setMaxTableSize(50);
  assert.equal(decode(small, [0x82]).length, 1);
  small.setMaxTableSize(49);
  assertBroken([0x82], /49 or less/, small);
});

Deno.test("sizes of tables are integers below 2^32", () => {
  for (const size of [-1, 0.5, NaN, 2 ** 32]) {
    assert.throws(() => new HpackDecoder({ ...LIMITS, maxTableSize: size }), RangeError);
    assert.throws(() => new HpackDecoder(LIMITS).setMaxTableSize(size), RangeError);
  }
});

Deno.test("a repeated block gives the same frozen list", () => {
  const decoder = new HpackDecoder(LIMITS);
  const block = [0x82, ...literal(0, "a", "b")];
  const list = decode(decoder, block);
  assert.ok(Object.isFrozen(list));
  assert.equal(decode(decoder, block), list);
  assert.notEqual(decode(decoder, [0x83, ...block.slice(1)]), list);
  assert.equal(decode(decoder, block), list);
  // Eight blocks are remembered, of at most 512 octets.
  const eight = Array.from({ length: 8 }, (_, i) => literal(0, "a", `${i}`));
  const lists = eight.map((block) => decode(decoder, block));
  eight.forEach((block, i) => assert.equal(decode(decoder, block), lists[i]));
  decode(decoder, literal(0, "a", "8"));
  eight.slice(1).forEach((block, i) => assert.equal(decode(decoder, block), lists[i + 1]));
  assert.notEqual(decode(decoder, eight[0]!), lists[0]);
  const longest = literal(0, "a", "b".repeat(512 - 6));
  assert.equal(longest.length, 512);
  assert.equal(decode(decoder, longest), decode(decoder, longest));
  const longer = literal(0, "a", "b".repeat(512 - 5));
  assert.notEqual(decode(decoder, longer), decode(decoder, longer));
});

Deno.test("a remembered block does not survive a change of the table", () => {
  const decoder = new HpackDecoder(LIMITS);
  decode(decoder, literal(0x40, "a", "1"));
  const newest = integer(0x80, 0x7f, 62);
  assert.equal(decode(decoder, newest)[0]!.value, "1");
  assert.equal(decode(decoder, newest)[0]!.value, "1");
  decode(decoder, literal(0x40, "a", "2"));
  assert.equal(decode(decoder, newest)[0]!.value, "2", "after an insertion");
  assert.throws(
    () => decode(decoder, [...new Array(200).fill(0x82), ...literal(0x40, "a", "3")]),
    HeaderListTooLargeError,
  );
  assert.equal(decode(decoder, newest)[0]!.value, "3", "after an insertion in a list that is too large");
  decode(decoder, integer(0x20, 0x1f, 0));
  assertBroken(newest, /nothing is at index 62/, decoder);
  const other = new HpackDecoder(LIMITS);
  const inserting = literal(0x40, "a", "1");
  assert.notEqual(decode(other, inserting), decode(other, inserting), "a block that inserts is decoded each time");
  assert.equal(other.tableEntries.length, 2);
  assert.equal(decode(other, newest)[0]!.value, "1");
  assert.throws(() => decode(other, literal(0x40, "a", "x".repeat(70_000))), HeaderListTooLargeError);
  assertBroken(newest, /nothing is at index 62/, other);
});
