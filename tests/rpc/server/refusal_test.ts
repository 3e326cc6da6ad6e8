/** How a request is told of an error of which nothing is known but its head. */
import { Code, ConnectError } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { refuseCall } from "../../../src/rpc/mod.ts";
import { requestHead } from "../../support/rpc_scene.ts";
import { ScriptedExchange } from "../../support/scripted_exchange.ts";

const NOSNIFF = "x-content-type-options=nosniff";

function refused(fields: Record<string, string | undefined>, httpMethod = "POST", status?: number): string[] {
  const exchange = new ScriptedExchange();
  const error = new ConnectError("not 100 % \u00e4", Code.PermissionDenied);
  refuseCall(exchange, requestHead({ httpMethod, fields }), error, "Forbidden\n", status);
  return [...exchange.log, new TextDecoder().decode(exchange.content)];
}

Deno.test("gRPC and gRPC-Web are told by trailers, Connect by JSON, others by a text", () => {
  for (const type of ["application/grpc", "application/grpc+json", "application/grpc-web+proto"]) {
    assert.deepEqual(refused({ "content-type": type }), [
      `respond :status=200 content-type=${type} grpc-status=7 grpc-message=not 100 %25 %C3%A4 end`,
      "",
    ]);
  }
  const json = '{"code":"permission_denied","message":"not 100 % ä"}';
  for (const type of ["application/json", "application/proto", "application/connect+proto"]) {
    assert.deepEqual(refused({ "content-type": type }), [
      `respond :status=403 content-type=application/json ${NOSNIFF}`,
      "end",
      json,
    ]);
  }
  for (const type of ["text/plain", undefined]) {
    assert.deepEqual(refused({ "content-type": type }), [
      `respond :status=403 content-type=text/plain; charset=utf-8 ${NOSNIFF}`,
      "end",
      "Forbidden\n",
    ]);
  }
});

Deno.test("a GET is told by a text, HEAD by the status, which may be another", () => {
  assert.match(refused({ "content-type": "application/grpc" }, "GET")[0]!, /^respond :status=403 content-type=text/);
  assert.match(refused({ "content-type": undefined }, "GET", 404)[0]!, /^respond :status=404 content-type=text/);
  assert.match(refused({ "content-type": undefined }, "HEAD")[0]!, /^respond :status=403 .* end$/);
});
