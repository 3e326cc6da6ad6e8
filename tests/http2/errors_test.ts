import assert from "node:assert/strict";
import { ErrorCode } from "../../src/http2/constants.ts";
import { Http2ConnectionError, Http2StreamError } from "../../src/http2/errors.ts";

Deno.test("a connection error says what happened, the code and who ended it", () => {
  const error = new Http2ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, "Too many resets", "local");
  assert.equal(String(error), "Http2ConnectionError: Too many resets (ENHANCE_YOUR_CALM, local)");
  assert.equal(error.code, ErrorCode.ENHANCE_YOUR_CALM);
  assert.equal(error.origin, "local");
  assert(error instanceof Error);
});

Deno.test("a stream error also says which stream, and takes codes that no RFC knows", () => {
  const error = new Http2StreamError(5, 0xabcd, "Reset by the peer", "peer");
  assert.equal(String(error), "Http2StreamError: Stream 5: Reset by the peer (0xabcd, peer)");
  assert.equal(error.streamId, 5);
  assert.equal(error.code, 0xabcd);
  assert.equal(error.origin, "peer");
});
