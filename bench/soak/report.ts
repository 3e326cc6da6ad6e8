/** What a soak leaves behind, in a folder: `summary.txt`, tables, and what did not end as it has to. */

/** See the top of the file. */
export class Report {
  readonly #folder: string;
  readonly #tables = new Set<string>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Adds to the summary, and says it. */
  line(text: string): void {
    console.log(text);
    this.#append("summary.txt", text);
  }

  /** Adds to a table. The first row makes its head. */
  row(table: string, cells: Readonly<Record<string, number>>): void {
    if (!this.#tables.has(table)) {
      this.#tables.add(table);
      this.#append(table, Object.keys(cells).join());
    }
    this.#append(table, Object.values(cells).map((number) => Math.round(number * 100) / 100).join());
  }

  /** Adds an end that was not expected. */
  unexpected(what: string, error: unknown): void {
    const detail = error instanceof Error ? `${error.stack}\n  cause: ${error.cause}` : `${error}`;
    this.#append("unexpected.log", `${new Date().toISOString()} ${what}: ${detail}`);
  }

  #append(name: string, text: string): void {
    Deno.writeTextFileSync(`${this.#folder}/${name}`, `${text}\n`, { append: true });
  }
}
