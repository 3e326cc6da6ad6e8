/** What our client has to be able to do with the servers of others. */
import assert from "node:assert/strict";
import { ErrorCode, type Http2Stream, Http2StreamError } from "../../../src/http2/mod.ts";
import type { Http2Client } from "../../../src/net/mod.ts";
import { sampleBytes } from "../../support/bytes.ts";
import type { Check } from "../checks.ts";
import { connect, send, type Target } from "./our_client.ts";

const LARGE = 10_000_000;

/** What a server cannot do, by which checks are left out. */
export interface ServerAbilities {
  /** It has `/bytes/12`, `/trailers`, `/reset` and `/goaway`, not only files. */
  readonly hasOurPaths: boolean;
  /** It sends the request's trailers back from `/echo`. */
  readonly echoesTrailers: boolean;
  /** A trailer that it sends with everything. */
  readonly trailer: readonly [name: string, value: string];
  /** With what it resets a stream. */
  readonly resetCode: number;
  /** The path at which it echoes bodies. */
  readonly echoPath: string;
  /** Paths of something small, and of {@linkcode LARGE} octets. */
  readonly smallPath: string;
  readonly largePath: string;
}

/** Octets as the servers make them for `/bytes`. */
export function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, position) => position);
}

function assertSame(actual: Uint8Array, expected: Uint8Array): void {
  assert.equal(actual.length, expected.length);
  assert.ok(actual.every((octet, position) => octet === expected[position]), "other octets");
}

/** Checks on one connection, the last of which ends it. */
export async function clientChecks(target: Target, abilities: ServerAbilities): Promise<[Check[], Http2Client]> {
  const { hasOurPaths, echoesTrailers, trailer, resetCode, echoPath, smallPath, largePath } = abilities;
  const client = await connect(target);
  const get = async () => {
    const { status, body } = await send(client, target, { path: smallPath });
    assert.equal(status, 200);
    assert.ok(body.length > 0);
  };
  const echo = async (length: number) => {
    const body = sampleBytes(length, 1 + length);
    const answer = await send(client, target, { path: echoPath, body });
    assert.equal(answer.status, 200);
    assertSame(answer.body, body);
  };
  const checks: Check[] = [
    ["GET", get],
    ["HEAD", async () => {
      const { status, body, fields } = await send(client, target, { path: largePath, method: "HEAD" });
      assert.deepEqual([status, body.length, fields.get("content-length")], [200, 0, `${LARGE}`]);
    }],
    ["POST with echo", () => echo(1000)],
    ["POST without content", () => echo(0)],
    ["10 MB up and down", () => echo(LARGE)],
    ["10 MB down", async () => {
      const { body } = await send(client, target, { path: largePath });
      assertSame(body, pattern(LARGE));
    }],
    ["trailers", async () => {
      const { trailers } = await send(client, target, { path: hasOurPaths ? "/trailers" : smallPath });
      assert.equal(trailers.get(trailer[0]), trailer[1]);
    }],
    ["100 at once", async () => {
      await Promise.all(Array.from({ length: 100 }, (_, index) => echo(20_000 + index)));
    }],
    ["RST_STREAM to the server", async () => {
      let seen = 0;
      const reset = Promise.withResolvers<void>();
      const onPiece = (stream: Http2Stream) => {
        assert.equal(++seen, 1, "something came after the reset");
        stream.reset(ErrorCode.CANCEL);
        reset.resolve();
      };
      send(client, target, { path: largePath, onPiece }).catch(() => {});
      await reset.promise;
      assert.equal(client.connection.streamCount, 0);
      await get();
    }],
  ];
  if (echoesTrailers) {
    checks.push(["request trailers", async () => {
      const trailers = [{ name: "x-request-trailer", value: "sent" }];
      const answer = await send(client, target, { path: echoPath, body: pattern(5), trailers });
      assertSame(answer.body, pattern(5));
      assert.equal(answer.trailers.get("x-request-trailer"), "sent");
    }]);
  }
  if (hasOurPaths) {
    checks.push(["RST_STREAM from the server", async () => {
      const error = await send(client, target, { path: "/reset" }).catch((error) => error);
      assert.ok(error instanceof Http2StreamError, String(error));
      assert.deepEqual([error.code, error.origin], [resetCode, "peer"]);
      await get();
    }], ["GOAWAY", async () => {
      const { status } = await send(client, target, { path: "/goaway" });
      assert.equal(status, 200);
      assert.equal(await client.closed, undefined);
      assert.equal(client.connection.canOpenStream, false);
    }]);
  } else {
    checks.push(["end of the connection", async () => {
      await client.shutdown();
      assert.equal(await client.closed, undefined);
    }]);
  }
  return [checks, client];
}
