/** Sockets, and what goes wrong with them that is nobody's mistake. */

/** What is needed of a `Deno.Conn`: others have it, too. */
export type Socket = Pick<Deno.Conn, "read" | "write" | "close" | "closeWrite" | "remoteAddr">;

/** Closes a socket that may be closed already. */
export function closeQuietly(socket: { close(): void }): void {
  try {
    socket.close();
  } catch {
    // It was.
  }
}

/** Whether an error says that a connection broke: the peer reset it, or it was closed while something was going on. */
export function isSocketError(error: unknown): boolean {
  const { errors } = Deno;
  return error instanceof errors.ConnectionReset || error instanceof errors.ConnectionAborted ||
    error instanceof errors.BrokenPipe || error instanceof errors.NotConnected || error instanceof errors.BadResource ||
    error instanceof errors.Interrupted || error instanceof errors.UnexpectedEof || error instanceof errors.TimedOut ||
    error instanceof errors.InvalidData; // TLS: what arrives is none, or was tampered with.
}

/** An address as in a URL. */
export function hostAndPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
