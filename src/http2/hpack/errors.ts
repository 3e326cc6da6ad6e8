/** What can be wrong with a header block. This module performs no I/O. */

/**
 * The peer broke the compression context, which all streams share: the connection is lost with COMPRESSION_ERROR (RFC 9113 §4.3).
 * The decoder that threw it is not to be used again.
 */
export class HpackError extends Error {
  override readonly name = "HpackError";
}

/**
 * A header list is larger than the receiver takes. The block was decoded to its end and the table is in step,
 * so only its stream is refused: 431 (RFC 6585 §5) or RST_STREAM. Nothing of the list is kept.
 */
export class HeaderListTooLargeError extends Error {
  override readonly name = "HeaderListTooLargeError";
}
