/** The File service. It keeps files in a {@linkcode FileStore} and has them hashed by the Hash service, through its stub. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { base64Decode, base64Encode } from "@bufbuild/protobuf/wire";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import type { DownloadResponseSchema, File } from "../../gen/edgewire/v1/file_pb.ts";
import { announcedFile, byteCount, toFileInfo } from "./file_messages.ts";
import { assertFileName, MAX_FILE_NAME_BYTES } from "./file_name.ts";
import type { FileStore, OpenFile, StoreCaller, Upload } from "./file_store.ts";
import { concreteAlgorithm } from "./hasher.ts";
import { hashContent, type HashResult, type HashServer, hashWithProgress } from "./hash_content.ts";
import { receiveHeader } from "./headed_stream.ts";

/** The longest chunk of `WriteUpload`, in bytes. */
export const MAX_WRITE_BYTES = 1024 * 1024;

const DEFAULT_PAGE_SIZE = 100;
const MAX_PAGE_SIZE = 1000;

/** The longest page token: that of the longest name, in base64. */
const MAX_PAGE_TOKEN_LENGTH = 4 * Math.ceil(MAX_FILE_NAME_BYTES / 3);

/** The longest id of an upload that an error repeats: as long as they are. */
const MAX_UPLOAD_ID_LENGTH = 36;

/** Gives the key of the peer that a call comes from, as `peerKey` makes them; undefined for callers without an address. */
export type PeerOf = (context: HandlerContext) => string | undefined;

/** Makes `edgewire.v1.File` on `store`, with digests from `hashServer`. */
export function createFileService(store: FileStore, hashServer: HashServer, peerOf: PeerOf): ServiceImpl<typeof File> {
  function callerOf(context: HandlerContext): StoreCaller {
    return { peer: peerOf(context), signal: context.signal };
  }

  async function findUpload(id: string): Promise<Upload> {
    const upload = await store.findUpload(id);
    if (upload === undefined) {
      const which = id.length > MAX_UPLOAD_ID_LENGTH ? "such upload" : `upload "${id}"`;
      throw new ConnectError(`upload_id: no ${which}: it expired, was aborted, or never was`, Code.NotFound);
    }
    return upload;
  }

  async function openFile(name: string, context: HandlerContext): Promise<OpenFile> {
    assertFileName(name);
    return await store.open(name, callerOf(context)) ?? notFound(name);
  }

  /** Makes an upload a file, if its content has the digest that was announced. */
  function finish(upload: Upload, context: HandlerContext) {
    return upload.finish(async (content) => {
      const { digest } = upload.file;
      if (digest !== undefined) {
        const { hex } = await hashContent(hashServer, content, digest.algorithm, context);
        if (hex !== digest.hex) {
          throw new ConnectError(`digest: announced ${digest.hex}, received ${hex}`, Code.InvalidArgument);
        }
      }
    });
  }

  return {
    async upload(requests, context) {
      const { header, chunks } = await receiveHeader(requests, "header");
      const file = announcedFile(header);
      const upload = await store.startUpload(file, { resumable: false, caller: callerOf(context) });
      try {
        for await (const chunk of chunks) {
          await upload.write(upload.received, chunk);
        }
        return { file: toFileInfo(await finish(upload, context)) };
      } finally {
        await upload.abort(); // It keeps the file, if there is one by now.
      }
    },

    async *download(request, context) {
      await using file = await openFile(request.name, context);
      const { size } = file.file;
      const offset = byteCount("offset", request.offset);
      const length = request.length === undefined ? size : byteCount("length", request.length);
      if (offset > size) {
        throw new ConnectError(`offset: ${offset} is past the end of the file, ${size}`, Code.OutOfRange);
      }
      yield { part: { case: "file", value: toFileInfo(file.file) } };
      for await (const chunk of file.read(offset, Math.min(length, size - offset))) {
        yield { part: { case: "chunk", value: chunk } } satisfies MessageInitShape<typeof DownloadResponseSchema>;
      }
    },

    async startUpload(request, context) {
      const options = { resumable: true, caller: callerOf(context) };
      const upload = await store.startUpload(announcedFile(request), options);
      return { uploadId: upload.id, expires: timestampFromDate(upload.expires) };
    },

    async writeUpload(request) {
      const { chunk } = request;
      const offset = byteCount("offset", request.offset);
      if (chunk.length > MAX_WRITE_BYTES) {
        throw new ConnectError(
          `chunk: has ${chunk.length} bytes, the limit is ${MAX_WRITE_BYTES}`,
          Code.InvalidArgument,
        );
      }
      const upload = await findUpload(request.uploadId);
      return { nextOffset: BigInt(await upload.write(offset, chunk)) };
    },

    async getUpload(request) {
      const { file, received, expires, finished } = await findUpload(request.uploadId);
      return {
        name: file.name,
        size: BigInt(file.size ?? 0),
        nextOffset: BigInt(received),
        expires: timestampFromDate(expires),
        ...(finished === undefined ? {} : { file: toFileInfo(finished) }),
      };
    },

    async finishUpload(request, context) {
      return { file: toFileInfo(await finish(await findUpload(request.uploadId), context)) };
    },

    async abortUpload(request) {
      await (await store.findUpload(request.uploadId))?.abort();
      return {};
    },

    async hashFile(request, context) {
      const algorithm = concreteAlgorithm(request.algorithm);
      await using file = await openFile(request.name, context);
      return toResponse(
        await hashContent(hashServer, file.readThrough(0, file.file.size), algorithm, context),
      );
    },

    async *hashFileWithProgress(request, context) {
      const algorithm = concreteAlgorithm(request.algorithm);
      await using file = await openFile(request.name, context);
      const { size } = file.file;
      for await (const event of hashWithProgress(hashServer, file.readThrough(0, size), algorithm, context)) {
        yield typeof event === "number"
          ? { event: { case: "progress", value: { hashedBytes: BigInt(event), totalBytes: BigInt(size) } } }
          : { event: { case: "result", value: toResponse(event) } };
      }
    },

    async stat(request, context) {
      assertFileName(request.name);
      return { file: toFileInfo(await store.stat(request.name, callerOf(context)) ?? notFound(request.name)) };
    },

    async list(request, context) {
      const { pageSize } = request;
      if (pageSize < 0 || pageSize > MAX_PAGE_SIZE) {
        throw new ConnectError(`page_size: is ${pageSize}, must be 0 to ${MAX_PAGE_SIZE}`, Code.InvalidArgument);
      }
      const limit = pageSize || DEFAULT_PAGE_SIZE;
      // One more than asked for tells whether there is a next page.
      const files = await store.list(parsePageToken(request.pageToken), limit + 1, callerOf(context));
      const page = files.slice(0, limit);
      return {
        files: page.map(toFileInfo),
        nextPageToken: files.length > limit ? formatPageToken(page.at(-1)!.name) : "",
      };
    },

    async delete(request, context) {
      assertFileName(request.name);
      if (!await store.delete(request.name, callerOf(context))) {
        notFound(request.name);
      }
      return {};
    },
  };
}

function notFound(name: string): never {
  throw new ConnectError(`name: no file "${name}"`, Code.NotFound);
}

function toResponse({ algorithm, hex, byteCount }: HashResult) {
  return { digest: { algorithm, hex }, byteCount: BigInt(byteCount) };
}

/** A page token is the name that the page before ended with, so that pages stay right when files come and go. */
function formatPageToken(name: string): string {
  return base64Encode(new TextEncoder().encode(name), "url");
}

function parsePageToken(token: string): string {
  if (token === "") {
    return "";
  }
  try {
    if (token.length > MAX_PAGE_TOKEN_LENGTH) {
      throw new RangeError(`It has ${token.length} characters`);
    }
    const name = new TextDecoder("utf-8", { fatal: true }).decode(base64Decode(token));
    assertFileName(name);
    return name;
  } catch (error) {
    throw new ConnectError("page_token: not one of this server", Code.InvalidArgument, undefined, undefined, error);
  }
}
