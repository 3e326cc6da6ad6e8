/** The files of the page, which are read, digested and compressed once, and not for each request. */
import { getMimeType } from "hono/utils/mime";

/** What a response may have waiting of a file, in bytes: responses share the file's bytes, and copy what is about to be sent. */
const CHUNK_BYTES = 16 * 1024;

/** A file as it is sent. */
export interface Representation {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** `content-type`, `etag`, and what else describes the bytes. */
  readonly fields: Readonly<Record<string, string>>;
}

/** A file that was read. */
interface SiteFile {
  readonly plain: Representation;
  readonly gzip: Representation;
}

/** The files of one directory. It remembers those that are there, so that the directory bounds what it keeps. */
export class SiteFiles {
  readonly #directory: string;
  /** By path. A file that is being read is read once, however many requests wait for it. */
  readonly #files = new Map<string, { readonly version: string; readonly file: Promise<SiteFile> }>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * Returns a file as it is now; undefined if there is none.
   *
   * @param path From the directory, with a `/` before it: of a route, never a name that leads out of it.
   */
  async find(path: string, isGzipAccepted: boolean): Promise<Representation | undefined> {
    const fullPath = this.#directory + path;
    let version: string;
    try {
      const { size, mtime, isFile } = await Deno.stat(fullPath);
      if (!isFile) {
        return undefined;
      }
      version = `${size} ${mtime?.getTime()}`;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
        this.#files.delete(path);
        return undefined;
      }
      throw error;
    }
    let known = this.#files.get(path);
    if (known?.version !== version) {
      known = { version, file: readSiteFile(fullPath) };
      this.#files.set(path, known);
      known.file.catch(() => this.#files.delete(path)); // The next request tries again.
    }
    const { plain, gzip } = await known.file;
    return isGzipAccepted && gzip.bytes.length < plain.bytes.length ? gzip : plain;
  }
}

/** Makes a response of a file without a copy of it: the stream is read as the peer takes it. */
export function respondWith({ bytes, fields }: Representation): Response {
  let offset = 0;
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull: (controller) => {
      controller.enqueue(bytes.subarray(offset, offset + CHUNK_BYTES));
      offset += CHUNK_BYTES;
      if (offset >= bytes.length) {
        controller.close();
      }
    },
  }, { highWaterMark: 0 });
  return new Response(body, { headers: { ...fields, "content-length": `${bytes.length}` } });
}

async function readSiteFile(path: string): Promise<SiteFile> {
  const bytes = await Deno.readFile(path);
  const compressed = await new Response(new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"))).bytes();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex().slice(0, 32);
  const fields = { "content-type": getMimeType(path) ?? "application/octet-stream", "vary": "accept-encoding" };
  return {
    plain: { bytes, fields: { ...fields, etag: `"${digest}"` } },
    gzip: { bytes: compressed, fields: { ...fields, "etag": `"${digest}-gzip"`, "content-encoding": "gzip" } },
  };
}
