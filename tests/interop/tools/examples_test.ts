import assert from "node:assert/strict";
import { isOutput, readExamples, sectionOf } from "./examples.ts";

const MARKDOWN = `# A

\`\`\`sh
not this
\`\`\`

## B

\`\`\`sh
one
two
\`\`\`

\`\`\`
1
\`\`\`

### C

\`\`\`js
three
\`\`\`

Text.

\`\`\`
no output of it
\`\`\`

## D

\`\`\`sh
nor this
\`\`\`
`;

Deno.test("readExamples() finds the commands of a section, and the output behind them", () => {
  assert.deepEqual(readExamples(sectionOf(MARKDOWN, "## B")), [
    { language: "sh", code: "one\ntwo\n", output: "1\n" },
    { language: "js", code: "three\n", output: undefined },
  ]);
  assert.deepEqual(readExamples(sectionOf(MARKDOWN, "### C")), [{
    language: "js",
    code: "three\n",
    output: undefined,
  }]);
  assert.throws(() => sectionOf(MARKDOWN, "## E"), /There is no section "## E"/);
});

Deno.test("isOutput() compares line by line, but for lines that are left out", () => {
  assert(isOutput("a.\n  b\n", "a.\n  b  \n\n"));
  assert(!isOutput("a.", "ab"));
  assert(!isOutput("a", "a\nb"));
  assert(isOutput("a\n...\nd", "a\nb\nc\nd"));
  assert(isOutput("a\n...\nd", "a\nd"));
  assert(isOutput("a\n...", "a\nb"));
  assert(!isOutput("a\n...\nd", "a\nb"));
  assert(!isOutput("...\nd", "a\nd\ne"));
});
