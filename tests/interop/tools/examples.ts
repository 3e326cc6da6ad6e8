/** Examples in Markdown: commands, and what they print. */

/** A fenced block of commands, and the block of their output behind it. */
export interface Example {
  /** `sh`, or what else is behind the fence. */
  readonly language: string;
  readonly code: string;
  /** Without one, nothing is said of what it prints. A line `...` stands for any lines. */
  readonly output: string | undefined;
}

/** The examples of a section and of those below it, in their order. @throws {Error} There is no such section. */
export function readExamples(markdown: string, heading: string): Example[] {
  const level = /^#+ /.exec(heading)?.[0] ?? "";
  const start = `\n${markdown}`.indexOf(`\n${heading}\n`);
  if (start < 0) {
    throw new Error(`There is no section "${heading}"`);
  }
  const rest = markdown.slice(start + heading.length);
  const end = rest.search(new RegExp(`^#{1,${level.length - 1}} `, "m"));
  const section = end < 0 ? rest : rest.slice(0, end);
  const block = /^```(\w+)\n([^]*?)^```\n(?:\n```\n([^]*?)^```\n)?/gm;
  return [...section.matchAll(block)].map(([, language = "", code = "", output]) => ({ language, code, output }));
}

/** Whether a program printed what an example says. Spaces at the end of lines do not count. */
export function isOutput(example: string, printed: string): boolean {
  const lines = trimLines(example).split("\n").map((line) =>
    line === "..." ? "(?:.*\\n)*" : `${RegExp.escape(line)}\\n`
  );
  return new RegExp(`^${lines.join("")}$`).test(`${trimLines(printed)}\n`);
}

function trimLines(text: string): string {
  return text.split("\n").map((line) => line.trimEnd()).join("\n").trim();
}
