/** Attacks by JSON, which is text that a parser and protobuf-es turn into objects before anything looks at it. */
import type { AttackGroup } from "../attack.ts";
import { callJsonAgain } from "../calls.ts";
import { ALMOST_4_MIB, deepJson, GREETER, LOAD } from "../messages.ts";

const SAY_HELLO = `${GREETER}/SayHello`;

export const json: AttackGroup = {
  name: "json",
  attacks: [
    {
      name: "json-null-array",
      title: "JSON: an array of 800,000 `null` (A.4)",
      server: "user",
      run: (target) => callJsonAgain(target, `${LOAD}/Do`, `{"children":[${"null,".repeat(800_000)}null]}`),
    },
    {
      name: "json-unknown-null-array",
      title: "JSON: an unknown field with 800,000 `null`, and one with two million numbers (A.4)",
      run: (target) => callJsonAgain(target, SAY_HELLO, `{"x":[${"null,".repeat(800_000)}null]}`),
    },
    {
      name: "json-empty-messages",
      title: "JSON: a million empty messages (A.4)",
      server: "user",
      run: (target) => callJsonAgain(target, `${LOAD}/Hold`, `{"children":[${"{},".repeat(1_000_000)}{}]}`),
    },
    {
      name: "json-deep-array",
      title: "JSON: two million `[` (B.9)",
      run: (target) => callJsonAgain(target, SAY_HELLO, deepJson("[", "]", ALMOST_4_MIB / 2)),
    },
    {
      name: "json-deep-object",
      title: 'JSON: `{"a":` 600,000 deep, in an unknown field (B.9)',
      run: (target) => callJsonAgain(target, SAY_HELLO, deepJson('{"a":', "}", 600_000)),
    },
    {
      name: "json-deep-unclosed",
      title: "JSON: 4 MB of `[` and `{` that are not closed (B.9)",
      run: (target) => callJsonAgain(target, SAY_HELLO, '[{"a":'.repeat(600_000)),
    },
    {
      name: "json-deep-children",
      title: "JSON: messages within messages, 90 and 10,000 deep (B.9)",
      server: "user",
      run: async (target) => {
        const nested = `${'{"children":['.repeat(90)}${"]}".repeat(90)}`;
        await callJsonAgain(
          { ...target, endMs: (target.endMs + performance.now()) / 2 },
          `${LOAD}/Do`,
          `{"children":[${Array(2500).fill(nested).join(",")}]}`,
        );
        return await callJsonAgain(target, `${LOAD}/Do`, deepJson('{"children":[', "]}", 10_000));
      },
    },
    {
      name: "json-keys",
      title: "JSON: 800 KB of keys that are new each (B.9)",
      run: (target) => {
        const keys = Array.from({ length: 80_000 }, (_, index) => `"k${index}":1`).join(",");
        return callJsonAgain(target, SAY_HELLO, `{${keys}}`);
      },
    },
    {
      name: "json-map-keys",
      title: "JSON: a map of 400,000 keys, `__proto__` and numbers among them",
      server: "user",
      run: (target) => {
        const keys = Array.from({ length: 300_000 }, (_, index) => `"${index * 7919}":""`).join(",");
        return callJsonAgain(target, `${LOAD}/Do`, `{"labels":{"__proto__":"x","constructor":"y",${keys}}}`);
      },
    },
    {
      name: "json-integer",
      title: "JSON: an integer of 4 million digits (B.9)",
      server: "user",
      run: async (target) => {
        const digits = "9".repeat(4_000_000);
        await callJsonAgain(
          { ...target, endMs: (target.endMs + performance.now()) / 2 },
          `${LOAD}/Do`,
          `{"big":"${digits}"}`,
        );
        return await callJsonAgain(target, `${LOAD}/Do`, `{"big":${digits}}`);
      },
    },
    {
      name: "json-escapes",
      title: "JSON: 4 MB of \\u escapes, half of them lone surrogates",
      run: (target) => callJsonAgain(target, SAY_HELLO, `{"name":"${"\\ud800".repeat(690_000)}"}`),
    },
  ],
};
