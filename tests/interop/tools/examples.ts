/** Examples in Markdown: commands, and what they print. */

/** A fenced block of commands, and the block of their output behind it. */
export interface Example {
  /** `sh`, or what else is behind the fence. */
  readonly language: string;
  readonly code: string;
  /** Without one, nothing is said of what it prints. A line `...` stands for any lines. */
  readonly output: string | undefined;
}

/** A section with those below it. @throws {Error} There is none. */
export function sectionOf(markdown: string, heading: string): string {
  const level = heading.indexOf(" ");
  const start = `\n${markdown}`.indexOf(`\n${heading}\n`);
  if (start < 0) {
    throw new Error(`There is no section "${heading}"`);
  }
  const rest = markdown.slice(start + heading.length);
  const end = rest.search(new RegExp(`^#{1,${level}} `, "m"));
  return end < 0 ? rest : rest.slice(0, end);
}

/** All examples, in their order. */
export function readExamples(markdown: string): Example[] {
  const block = /^```(\w+)\n([^]*?)^```\n(?:\n```\n([^]*?)^```\n)?/gm;
  return Array.from(markdown.matchAll(block), ([, language = "", code = "", output]) => ({ language, code, output }));
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
