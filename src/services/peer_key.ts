/** What the limits of a peer are counted by. */

/** The first 64 bits of an IPv6 address are a network's, and the others are for its hosts to choose (RFC 4291 §2.5.4). */
const IPV6_NETWORK_GROUPS = 4;

/**
 * The key of a peer: an IPv4 address, or the network of an IPv6 address, of which a host has 2^64. Undefined for peers without an address: those of
 * Unix sockets, and callers in this process.
 *
 * @param hostname An address as `ConnectionInfo` has it.
 */
export function peerKey(hostname: string | undefined): string | undefined {
  if (hostname === undefined || !hostname.includes(":")) {
    return hostname;
  }
  const address = hostname.split("%")[0]!;
  const mapped = /^(?:0*:)*:?(?:0*:)*ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped !== null) { // RFC 4291 §2.5.5.2
    return mapped[1];
  }
  const [head = "", tail] = address.split("::");
  const first = groupsOf(head);
  const last = tail === undefined ? [] : groupsOf(tail);
  const zeros = Array.from({ length: Math.max(0, 8 - first.length - last.length) }, () => "0");
  const network = [...first, ...zeros, ...last].slice(0, IPV6_NETWORK_GROUPS);
  return `${network.join(":")}::/64`;
}

/** Without leading zeros. An IPv4 address at the end stands for two groups. */
function groupsOf(text: string): string[] {
  return text === ""
    ? []
    : text.split(":").flatMap((group) =>
      group.includes(".") ? ["0", "0"] : [group.replace(/^0+(?=.)/, "").toLowerCase()]
    );
}
