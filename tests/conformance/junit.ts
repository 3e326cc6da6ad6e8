/** Reads the reports of h2spec: JUnit's XML as that one program writes it, which is not XML of all kinds. */

/** What a report says. */
export interface JunitReport {
  readonly total: number;
  /** A text for each case that failed. */
  readonly failures: readonly string[];
  /** A text for each case that was left out. */
  readonly skipped: readonly string[];
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

function unescape(text: string): string {
  return text
    .replaceAll(/&#x([0-9A-Fa-f]+);/g, (_, code) => String.fromCodePoint(parseInt(code, 16)))
    .replaceAll(/&#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)))
    .replaceAll(/&(\w+);/g, (entity, name) => ENTITIES[name] ?? entity);
}

/** Takes a report apart. */
export function readJunit(xml: string): JunitReport {
  const cases = [...xml.matchAll(/<testcase\b([^>]*?)(?:\/>|>([^]*?)<\/testcase>)/g)];
  const failures: string[] = [];
  const skipped: string[] = [];
  for (const [, attributes = "", content = ""] of cases) {
    const attribute = (name: string) => unescape(new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? "");
    const name = `${attribute("package")} ${attribute("classname")}`.trim();
    if (/<(failure|error)\b/.test(content)) {
      failures.push(`${name}\n${unescape(content.replaceAll(/<[^>]*>/g, "")).trim()}`);
    } else if (/<skipped\b/.test(content)) {
      skipped.push(name);
    }
  }
  return { total: cases.length, failures, skipped };
}
