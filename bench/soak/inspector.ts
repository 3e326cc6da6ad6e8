/** Asks V8 of a server that was started with `--inspect` to collect all garbage, so that what is left is what is used. */

/** What can be asked of a server's V8. */
export interface Inspector {
  /** For the runtime of the server. */
  readonly runtimeArgs: readonly string[];
  /** Collects garbage. @returns The heap in use, in MiB. */
  collectGarbage(): Promise<number>;
}

/** @param port One that is free. */
export function createInspector(port: number): Inspector {
  const address = `127.0.0.1:${port}`;
  return { runtimeArgs: [`--inspect=${address}`], collectGarbage: () => collectGarbage(address) };
}

/** Each time by a connection of its own: it is there for that long only. */
async function collectGarbage(address: string): Promise<number> {
  const [{ webSocketDebuggerUrl }] = await (await fetch(`http://${address}/json/list`)).json();
  const socket = new WebSocket(webSocketDebuggerUrl);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => reject(new Error(`Cannot connect to the inspector at ${webSocketDebuggerUrl}`));
  });
  const ask = (method: string) => {
    socket.send(JSON.stringify({ id: 1, method }));
    return new Promise<{ usedSize: number }>((resolve) =>
      socket.onmessage = ({ data }) => resolve(JSON.parse(data).result)
    );
  };
  try {
    await ask("HeapProfiler.collectGarbage");
    await ask("HeapProfiler.collectGarbage"); // What finalizers of the first let go of.
    return (await ask("Runtime.getHeapUsage")).usedSize / 1024 / 1024;
  } finally {
    socket.close();
  }
}
