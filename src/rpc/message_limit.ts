/** How many bytes a message may have by default, in either direction: 4 MiB, as in gRPC. */
export const DEFAULT_MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
