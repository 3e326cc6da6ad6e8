/** Holds connections that have said hello and nothing else: `idle_client.ts COUNT PORT`. It ends when it is ended. */
const [count, port] = Deno.args.map(Number);
const hello = new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00");
const settingsAck = new TextEncoder().encode("\x00\x00\x00\x04\x01\x00\x00\x00\x00");
const buffer = new Uint8Array(4096);
const connections: Deno.Conn[] = [];
while (connections.length < count!) {
  const socket = await connect();
  await socket.write(hello);
  await socket.read(buffer); // Its SETTINGS
  await socket.write(settingsAck);
  connections.push(socket);
}
console.log("held");
await new Promise((resolve) => setTimeout(resolve, 600_000));

/** Tries for five seconds: the server may have just been started. */
async function connect(): Promise<Deno.TcpConn> {
  for (let tries = 0;; tries++) {
    try {
      return await Deno.connect({ hostname: "127.0.0.1", port: port! });
    } catch (error) {
      if (tries === 50) {
        throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
