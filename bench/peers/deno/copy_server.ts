/**
 * What the sockets alone can do: a bare loop over `Deno.Conn`, as an upper bound. It reads until the peer ends, or writes N octets when the first line
 * of a connection is `download N`: `copy_server.ts PORT`.
 */
const listener = Deno.listen({ hostname: "127.0.0.1", port: Number(Deno.args[0]) });
console.log("ready");
for await (const socket of listener) {
  serve(socket);
}

async function serve(socket: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(65_536);
  const length = await socket.read(buffer) ?? 0;
  const wanted = /^download (\d+)\n/.exec(new TextDecoder().decode(buffer.subarray(0, Math.min(length, 64))))?.[1];
  if (wanted === undefined) {
    while (await socket.read(buffer) !== null);
  } else {
    for (let left = Number(wanted); left > 0;) {
      left -= await socket.write(buffer.subarray(0, Math.min(left, buffer.length)));
    }
  }
  socket.close();
}
