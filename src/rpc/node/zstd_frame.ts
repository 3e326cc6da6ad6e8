/** How far a frame of Zstandard reaches (RFC 8878 §3.1.1). */

/** First octet last. */
const MAGIC_NUMBER = 0xfd2fb528;

/** Magic number and descriptor. */
const FIRST_LENGTH = 5;
const BLOCK_HEADER_LENGTH = 3;
const CHECKSUM_LENGTH = 4;

/** Block_Type of a block that repeats one octet. */
const RLE_BLOCK = 1;

/** Octets of Frame_Content_Size by its flag; without a window descriptor 0 stands for 1. */
const CONTENT_SIZE_LENGTHS = [0, 2, 4, 8] as const;
/** Octets of Dictionary_ID by its flag. */
const DICTIONARY_ID_LENGTHS = [0, 1, 2, 4] as const;

/** Where the frame that begins at `start` ends, after its last block or checksum; undefined when it is none or was cut short. */
export function zstdFrameEnd(octets: Uint8Array, start: number): number | undefined {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  if (octets.length < start + FIRST_LENGTH || view.getUint32(start, true) !== MAGIC_NUMBER) {
    return undefined;
  }
  const descriptor = octets[start + FIRST_LENGTH - 1]!;
  let offset = start + FIRST_LENGTH + headerRest(descriptor);
  for (let isLast = false; !isLast;) {
    if (offset + BLOCK_HEADER_LENGTH > octets.length) {
      return undefined;
    }
    const header = view.getUint16(offset, true) | octets[offset + 2]! << 16;
    isLast = (header & 1) === 1;
    const length = (header >>> 1 & 3) === RLE_BLOCK ? 1 : header >>> 3;
    offset += BLOCK_HEADER_LENGTH + length;
  }
  const hasChecksum = (descriptor >>> 2 & 1) === 1;
  const end = offset + (hasChecksum ? CHECKSUM_LENGTH : 0);
  return end <= octets.length ? end : undefined;
}

/** Octets of the frame's header after its descriptor. */
function headerRest(descriptor: number): number {
  const isSingleSegment = (descriptor >>> 5 & 1) === 1;
  const contentSizeFlag = descriptor >>> 6 & 3;
  const contentSizeLength = contentSizeFlag === 0 && isSingleSegment ? 1 : CONTENT_SIZE_LENGTHS[contentSizeFlag]!;
  return (isSingleSegment ? 0 : 1) + DICTIONARY_ID_LENGTHS[descriptor & 3]! + contentSizeLength;
}
