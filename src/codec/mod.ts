/** Messages of protobuf-es, encoded and decoded by compiled codecs; by protobuf-es where they decline. */
export { compile, type MessageCodec, setCompiler } from "./message_codec.ts";
export { decodeJson } from "./json/decode.ts";
export { scanJson } from "./json/scan.ts";
export { checkWireCost } from "./wire_cost.ts";
export { DEFAULT_MAX_DECODED_BYTES, MessageLimitError, spent } from "./wire/budget.ts";
export { type WireCodec, withCodec, withCodecs } from "./wire/wire_codec.ts";
export {
  BYTE_ORDER_MARK,
  createTextCodec,
  setTextCodec,
  type TextCodec,
  textCodec,
  type TextPlatform,
} from "./wire/text_codec.ts";
