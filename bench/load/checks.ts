/** Whether a server's answers are right, as real clients see them: whoever loads it looks at numbers only. */
import { CONNECT_CHECK, GRPC_CHECK, type Peer } from "../peers.ts";
import { runOnCore1 } from "../processes.ts";

async function check(client: Peer, ...args: readonly string[]): Promise<void> {
  await runOnCore1([...await client.build(), ...args]);
}

/** Has grpc-js call a method. @param certPath Of a server with TLS. */
export function grpcCheck(method: string, certPath?: string): (port: number) => Promise<void> {
  return (port) => check(GRPC_CHECK, `${port}`, method, ...certPath === undefined ? [] : [certPath]);
}

/** Has connect-node call the Greeter. */
export function connectCheck(
  protocol: "connect" | "grpc-web",
  format: "binary" | "json",
  httpVersion: "1.1" | "2",
): (port: number) => Promise<void> {
  return (port) => check(CONNECT_CHECK, `${port}`, protocol, format, httpVersion);
}
