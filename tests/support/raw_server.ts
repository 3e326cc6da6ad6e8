/** A server of sockets, which does with each connection what a test says: nothing that a server should. */

/** A server that listens. */
export interface RawServer extends AsyncDisposable {
  /** As in `http://127.0.0.1:41234`. */
  readonly url: string;
}

/**
 * Listens on 127.0.0.1. A connection is closed when what is done with it is over, also when it fails: clients go away as they like.
 * Disposing waits for all of them.
 */
export function startRawServer(answer: (connection: Deno.Conn) => Promise<void>): RawServer {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections: Promise<void>[] = [];
  const serve = async (connection: Deno.Conn) => {
    using _ = connection;
    await answer(connection).catch(() => {});
  };
  const accepting = (async () => {
    for await (const connection of listener) {
      connections.push(serve(connection));
    }
  })();
  return {
    url: `http://127.0.0.1:${listener.addr.port}`,
    [Symbol.asyncDispose]: async () => {
      listener.close();
      await accepting;
      await Promise.all(connections);
    },
  };
}

/** Reads until that many octets were read. Gives false when the client ended before. */
export async function readOctets(connection: Deno.Conn, count: number): Promise<boolean> {
  const buffer = new Uint8Array(65_536);
  for (let total = 0; total < count;) {
    const length = await connection.read(buffer);
    if (length === null) {
      return false;
    }
    total += length;
  }
  return true;
}
