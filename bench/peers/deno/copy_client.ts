/** The other end of the bare copy loop: `copy_client.ts upload|download OCTETS PORT`. */
const [direction, octets, port] = Deno.args;
const socket = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
const buffer = new Uint8Array(65_536);
let left = Number(octets);
if (direction === "upload") {
  while (left > 0) {
    left -= await socket.write(buffer.subarray(0, Math.min(left, buffer.length)));
  }
  await socket.closeWrite();
  await socket.read(buffer);
} else {
  await socket.write(new TextEncoder().encode(`download ${octets}\n`));
  for (let length = 0; length !== null; length = await socket.read(buffer) as number) {
    left -= length;
  }
}
socket.close();
if (left !== 0) {
  throw new Error(`${left} octets of ${octets} are missing`);
}
