/** What HTTP/1.1 and HTTP/2 have in common, and what the rooms above them see of both. This room performs no I/O. */
export { BUFFER_SIZE, LentOutput, recycleBuffer, takeBuffer } from "./buffer_pool.ts";
export {
  ByteAccount,
  type ByteAccountOwner,
  ByteBudget,
  type ByteBudgetHost,
  type ByteBudgetLimits,
  UNCOUNTED_BYTES,
} from "./byte_budget.ts";
export type { CallError, CallHandler, HttpCall, HttpClient, ResponseHead, WaitingCall } from "./call.ts";
export type { HttpConnection } from "./connection.ts";
export { copyOctets } from "./copy_octets.ts";
export {
  type ConnectionInfo,
  type ExchangeHandler,
  type HttpExchange,
  NO_HANDLER,
  type RequestHead,
  type ServeExchange,
} from "./exchange.ts";
export {
  FIELD_OVERHEAD,
  fieldSectionSize,
  FieldSectionTooLargeError,
  isFieldSectionTooLarge,
} from "./field_section.ts";
export { fieldValue, type HeaderField } from "./header_field.ts";
export { beginPeriods, minBytesOf, usePeriod } from "./min_rate.ts";
export { RefusalError, type RefusalReason } from "./refusal.ts";
export { PieceBuffer } from "./piece_buffer.ts";
export { isOutOfResources } from "./resource_errors.ts";
export { Turn, Work, WORK_PER_TURN } from "./turn.ts";
export {
  changeLimits,
  checkWholeNumber,
  type LimitChanges,
  type LimitRanges,
  MAX_COUNT,
  MAX_TIMEOUT_MS,
} from "./limits.ts";
