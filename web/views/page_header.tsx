/** The top of the page: what this is, whether its server is there, and which protocol the calls speak. */
import type { ServerConnection } from "../connection.ts";
import { type Protocol, PROTOCOL_LABELS } from "../transport.ts";
import { Mark } from "./icons.tsx";

const PROTOCOLS: readonly Protocol[] = ["connect", "grpc-web"];

/** Name, state of the connection, and the choice of the protocol. */
export function PageHeader({ connection }: { connection: ServerConnection }) {
  const reachable = connection.reachable.value;
  return (
    <header class="page-header">
      <div class="brand">
        <Mark />
        <div>
          <h1>Edgewire</h1>
          <p>One service definition, every RPC client</p>
        </div>
      </div>
      <p class={reachable ? "server" : "server away"} role="status">
        {reachable ? "Connected" : "Server away"}
      </p>
      <fieldset class="protocols">
        <legend>Protocol</legend>
        {PROTOCOLS.map((protocol) => (
          <label key={protocol}>
            <input
              type="radio"
              name="protocol"
              value={protocol}
              checked={connection.protocol.value === protocol}
              onChange={() => {
                connection.protocol.value = protocol;
              }}
            />
            <span>{PROTOCOL_LABELS[protocol]}</span>
          </label>
        ))}
      </fieldset>
    </header>
  );
}
