/** Percent-encoding of grpc-message, both ways. */
import assert from "node:assert/strict";
import { decodeGrpcMessage, encodeGrpcMessage } from "../../src/rpc/grpc_message.ts";
import { fuzzSeed, Random } from "../support/random.ts";

/** Text, and what is sent for it. */
const CASES: readonly (readonly [text: string, value: string])[] = [
  ["", ""],
  ["simple", "simple"],
  ["with spaces, 'quotes' & ~", "with spaces, 'quotes' & ~"],
  ["100%", "100%25"],
  ["%41", "%2541"],
  ["tab\t", "tab%09"],
  ["\r\nline: end", "%0D%0Aline: end"],
  ["\0", "%00"],
  ["\x7f", "%7F"],
  ["ü", "%C3%BC"],
  ["☺", "%E2%98%BA"],
  ["😈", "%F0%9F%98%88"],
  ["\ufeffmark", "%EF%BB%BFmark"],
  [" ends ", "%20ends%20"],
  [" ", "%20"],
  ["  ", "%20%20"],
  ["   ", "%20 %20"],
  [
    "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n",
    "%09%0Atest with whitespace%0D%0Aand Unicode BMP %E2%98%BA and non-BMP %F0%9F%98%88%09%0A",
  ],
];

Deno.test("texts are encoded and decoded", () => {
  for (const [text, value] of CASES) {
    assert.equal(encodeGrpcMessage(text), value);
    assert.equal(decodeGrpcMessage(value), text);
  }
});

Deno.test("half of a surrogate pair becomes U+FFFD", () => {
  for (const half of ["\ud83d", "\ude08"]) {
    assert.equal(encodeGrpcMessage(`a${half}b`), "a%EF%BF%BDb");
  }
});

Deno.test("decoding never fails", () => {
  const cases: readonly (readonly [value: string, text: string])[] = [
    ["%", "%"],
    ["%4", "%4"],
    ["100%", "100%"],
    ["%zz%41", "%zzA"],
    ["%%41", "%A"],
    ["% 41", "% 41"],
    ["%+1", "%+1"],
    ["%e2%98%ba", "☺"],
    ["%FF", "\ufffd"],
    ["%C3", "\ufffd"],
    ["%F0%9F%98", "\ufffd"],
    // Octets above 0x7f, which should not have come as they are.
    ["\u00c3\u00bc", "ü"],
    ["\u00ff", "\ufffd"],
    ["%20a%20", " a "],
  ];
  for (const [value, text] of cases) {
    assert.equal(decodeGrpcMessage(value), text, value);
  }
});

Deno.test("any text comes back, by what is legal in a field", () => {
  const seed = fuzzSeed();
  const random = new Random(seed);
  for (let round = 0; round < 2000; round++) {
    const codePoints = Array.from(
      { length: random.below(12) },
      () => random.below(random.pick([0x80, 0xd800, 0x11_0000])),
    );
    const text = String.fromCodePoint(...codePoints).toWellFormed();
    const value = encodeGrpcMessage(text);
    assert.match(value, /^([\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?)?$/, `seed ${seed}`);
    assert.equal(decodeGrpcMessage(value), text, `seed ${seed}`);
  }
});
