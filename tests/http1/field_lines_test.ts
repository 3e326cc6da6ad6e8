import assert from "node:assert/strict";
import { Faults } from "../../src/http1/faults.ts";
import { NO_FIELDS, parseFieldLines } from "../../src/http1/field_lines.ts";
import { octets } from "../support/http1_peer.ts";

const parse = (text: string) => parseFieldLines(octets(`${text}\r\n`), 0, text.length);

Deno.test("names are lower case, known ones and others", () => {
  const names = [
    "Host",
    "CONTENT-TYPE",
    "x-unknown-name",
    "X-Unknown-Name",
    "!#$%&'*+-.^_`|~09aZ",
    "a",
    "hosT",
    "Hos_",
  ];
  assert.deepEqual(
    parse(names.map((name) => `${name}:v\r\n`).join("")),
    names.map((name) => ({ name: name.toLowerCase(), value: "v" })),
  );
});

Deno.test("values are trimmed, and octets above 127 are characters", () => {
  assert.deepEqual(parse("a: \t b \t c\t \r\nd:\r\ne:  \r\nf:\xff\r\n"), [
    { name: "a", value: "b \t c" },
    { name: "d", value: "" },
    { name: "e", value: "" },
    { name: "f", value: "\xff" },
  ]);
  const long = "v".repeat(20_000);
  assert.deepEqual(parse(`a: ${long}\r\n`), [{ name: "a", value: long }]);
});

Deno.test("no fields are always the same list", () => {
  assert.equal(parse(""), NO_FIELDS);
});

Deno.test("every octet, in a name and in a value", () => {
  for (let code = 0; code < 256; code++) {
    const character = String.fromCharCode(code);
    const isToken = /[!#$%&'*+.^_`|~0-9A-Za-z-]/.test(character);
    const isValue = code >= 0x20 && code !== 0x7f || code === 0x09;
    const name = parse(`a${character}b: c\r\n`);
    assert.equal(Array.isArray(name), isToken || character === ":", `name with ${code}`);
    const value = parse(`a: b${character}c\r\n`);
    const fault = code === 0x0d ? Faults.BARE_CR : Faults.BAD_FIELD_VALUE;
    assert.deepEqual(value, isValue ? [{ name: "a", value: `b${character}c` }] : fault, `value with ${code}`);
  }
});
