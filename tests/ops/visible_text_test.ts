import assert from "node:assert/strict";
import { visibleJson, visibleText } from "../../src/ops/mod.ts";
import { visibleLines } from "../../src/ops/visible_text.ts";

Deno.test("what a terminal obeys or does not show is visible", () => {
  const cases: [text: string, shown: string][] = [
    ["\x1b[2J", "\\u{1b}[2J"],
    ["\x1b]0;title\x07", "\\u{1b}]0;title\\u{7}"],
    ["a\nb\rc\td\0", "a\\nb\\rc\\td\\u{0}"],
    ["\x7f\x80\x85\x9b31m", "\\u{7f}\\u{80}\\u{85}\\u{9b}31m"],
    ["photo\u202egnp.exe", "photo\\u{202e}gnp.exe"],
    ["\u2066a\u2069\u200e\u200f\u061c", "\\u{2066}a\\u{2069}\\u{200e}\\u{200f}\\u{61c}"],
    ["a\u200b\u200c\u200d\u2060\ufeff\u00adb", "a\\u{200b}\\u{200c}\\u{200d}\\u{2060}\\u{feff}\\u{ad}b"],
    ["\u2028\u2029", "\\u{2028}\\u{2029}"],
    ["\u{e0041}", "\\u{e0041}"],
    ["\ud800", "\\u{d800}"],
  ];
  for (const [text, shown] of cases) {
    assert.equal(visibleText(text), shown);
    assert.equal(JSON.parse(visibleJson(JSON.stringify(text))), text);
    assert.match(visibleJson(JSON.stringify(text)), /^[\x20-\x7e]*$/);
  }
});

Deno.test("what is seen stays", () => {
  for (
    const text of [
      "",
      "thesis (2).pdf",
      "Grüße.txt",
      "日本語",
      "שלום",
      "e\u0301",
      "🎓",
      "a\\b",
      "a\u00a0b",
      "\u{10ffff}",
    ]
  ) {
    assert.equal(visibleText(text), text);
    assert.equal(visibleJson(JSON.stringify(text)), JSON.stringify(text));
  }
  assert.equal(visibleLines("a\x1b\n  b\r\n"), "a\\u{1b}\n  b\\r\n");
});
