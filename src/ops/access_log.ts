/** The access log: a line for each call. */
import { type CallObserver, type CallWatch, codeName, type EndedCall, quoted } from "../rpc/mod.ts";
import { logger } from "./logging.ts";

/** What a terminal shows; JSON has the rest, too. */
const LINE =
  "{procedure} {code} in {durationMs} ms: {protocol} from {peer}, {requestBytes} bytes in, {responseBytes} out";

const WATCH: CallWatch = {
  end: (call) => logger.debug(LINE, describe(call)),
};

/** Logs each call at `debug` when it has ended. Nothing is logged of what is in messages and header fields. */
export const accessLog: CallObserver = { begin: () => WATCH };

function describe(call: EndedCall): Record<string, unknown> {
  const { connection, requestCount, requestBytes, responseCount, responseBytes } = call;
  const { peer, tlsPeerName } = connection ?? {};
  return {
    procedure: quoted(call.path.slice(1)),
    code: call.code === undefined ? "ok" : codeName(call.code),
    durationMs: Math.round(call.durationMs * 1000) / 1000,
    protocol: call.protocolName ?? "none",
    httpVersion: connection?.httpVersion,
    peer: peer === undefined ? "local" : `${peer.hostname}:${peer.port}`,
    ...tlsPeerName === undefined ? {} : { tlsPeerName },
    requestCount,
    requestBytes,
    responseCount,
    responseBytes,
  };
}
