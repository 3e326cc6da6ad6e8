/** Texts of errors: cut where they are too long, between two characters, and marked. */
import assert from "node:assert/strict";
import { capText, jsonBytes, percentEncodedBytes, quoted, utf8Bytes } from "../../src/rpc/error_text.ts";
import { encodeGrpcMessage } from "../../src/rpc/grpc_message.ts";
import { Random } from "../support/random.ts";

const ENCODINGS = {
  percent: [percentEncodedBytes, (text: string) => encodeGrpcMessage(text).length],
  // Without the quotes.
  json: [jsonBytes, (text: string) => new TextEncoder().encode(JSON.stringify(text)).length - 2],
  utf8: [utf8Bytes, (text: string) => new TextEncoder().encode(text).length],
} as const;

const CHARACTERS = ["a", " ", "%", "\n", "\0", '"', "\\", "\x7f", "é", "字", "😀", "\ud800", "\u2028"];

Deno.test("a text of so many bytes stays, one of a byte more is cut", () => {
  assert.equal(capText("a".repeat(1024), 1024, utf8Bytes), "a".repeat(1024));
  assert.equal(capText("a".repeat(1025), 1024, utf8Bytes), `${"a".repeat(1015)}... (cut)`);
  assert.equal(capText("", 128, utf8Bytes), "");
});

Deno.test("the cap counts what the encoding makes of it, and cuts no character in two", () => {
  for (const [bytesOf, lengthOf] of Object.values(ENCODINGS)) {
    for (const character of CHARACTERS) {
      const one = lengthOf(`a${character}a`) - 2;
      const fitting = `a${character.repeat(Math.floor(998 / one))}a`;
      assert.equal(capText(fitting, 1000, bytesOf), fitting, JSON.stringify(character));
      const text = capText(character.repeat(5000), 1000, bytesOf);
      const [, kept] = /^([^]*)\.\.\. \(cut\)$/.exec(text)!;
      assert.equal(kept, character.repeat(kept!.length / character.length));
      assert.ok(lengthOf(text) <= 1000 && lengthOf(text) > 1000 - 2 * one - 5, `${lengthOf(text)}`);
    }
  }
});

Deno.test("texts of all kinds of characters are never longer than the cap, and whole when they fit", () => {
  const random = new Random(14);
  for (let round = 0; round < 2000; round++) {
    const characters = Array.from({ length: random.below(300) }, () => CHARACTERS[random.below(CHARACTERS.length)]!);
    const text = characters.join("");
    const note = random.below(2) === 0 ? "" : " (a note)";
    for (const [name, [bytesOf, lengthOf]] of Object.entries(ENCODINGS)) {
      const maxBytes = 128 + random.below(1000);
      const capped = capText(text, maxBytes, bytesOf, note);
      assert.ok(lengthOf(capped) <= maxBytes, `round ${round}, ${name}: ${lengthOf(capped)} of ${maxBytes}`);
      assert.ok(capped.endsWith(note));
      if (capped !== text + note) {
        assert.ok(lengthOf(text + note) > maxBytes - 2 * 2, `round ${round}, ${name}: it would have fitted`);
        assert.ok(capped.endsWith(`... (cut)${note}`));
      }
    }
  }
});

Deno.test("what is quoted of a peer is as long as a name may be", () => {
  assert.equal(quoted("a".repeat(200)), "a".repeat(200));
  assert.equal(quoted("a".repeat(201)), `${"a".repeat(200)}...`);
});
