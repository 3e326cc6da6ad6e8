/** The origins of pages that may call, beside that of the server's own page. */

/** See the top of the file. */
export class AllowedOrigins {
  /** Whether pages of any origin may call, the one of pages without an origin (`null`) included. */
  readonly allowsAll: boolean;
  readonly #origins: ReadonlySet<string>;

  /**
   * @param origins As in `https://example.com`, without a path; `*` for all.
   * @throws {TypeError} One of them is no origin.
   */
  constructor(origins: readonly string[]) {
    origins.forEach(checkOrigin);
    this.allowsAll = origins.includes("*");
    this.#origins = new Set(origins);
  }

  /** @param origin The value of the field `origin`. */
  allows(origin: string): boolean {
    return this.allowsAll || this.#origins.has(origin);
  }
}

function checkOrigin(origin: string): void {
  if (origin !== "*" && !(URL.canParse(origin) && new URL(origin).origin === origin)) {
    throw new TypeError(`Cannot allow origin "${origin}": it is not of the form https://example.com`);
  }
}
