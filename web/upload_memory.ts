/** Remembers unfinished uploads across reloads of the page. Their bytes are with the server; here is only what they are called. */

/** An unfinished upload. */
export interface UploadRecord {
  readonly uploadId: string;
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** Of the file on this device, in milliseconds since 1970. */
  readonly lastModified: number;
}

const KEY_PREFIX = "edgewire.upload.";

/** Keeps each record under a key of its own, so that two tabs of the page do not overwrite each other's. */
export class UploadMemory {
  readonly #storage: Storage;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** The records, those that are not readable left out. */
  records(): UploadRecord[] {
    const keys = Array.from({ length: this.#storage.length }, (_, index) => this.#storage.key(index) ?? "");
    return keys.filter((key) => key.startsWith(KEY_PREFIX)).flatMap((key) => this.#read(key));
  }

  remember(record: UploadRecord): void {
    try {
      this.#storage.setItem(KEY_PREFIX + record.uploadId, JSON.stringify(record));
    } catch {
      // A full or forbidden storage: the upload still works, as long as the page stays.
    }
  }

  forget(uploadId: string): void {
    this.#storage.removeItem(KEY_PREFIX + uploadId);
  }

  #read(key: string): UploadRecord[] {
    try {
      const record = JSON.parse(this.#storage.getItem(key) ?? "");
      return isUploadRecord(record) ? [record] : [];
    } catch {
      return [];
    }
  }
}

function isUploadRecord(value: unknown): value is UploadRecord {
  const record = value as Partial<Record<keyof UploadRecord, unknown>> | null;
  return typeof record?.uploadId === "string" && typeof record.name === "string" &&
    typeof record.size === "number" && typeof record.lastModified === "number";
}
