/**
 * Which hosts a server answers for: what stops DNS rebinding.
 *
 * A page of evil.example whose name is made to resolve to 127.0.0.1 talks to a server on this machine as its own origin: browsers ask no preflight
 * and hide no response. What gives it away is the name in `Host` or `:authority`, which a page cannot choose.
 */
import type { HttpExchange, RequestHead, ServeExchange } from "../http/mod.ts";

/** Turns the check off. */
const ANY = "*";

/** How many authorities are remembered: clients of a server write few. */
const MAX_KNOWN = 64;

/** Of a host that is quoted to the peer, in characters. */
const MAX_QUOTED = 100;

/** Answers a request that is refused; `reason` is a sentence in lower case. */
export type RefuseHost = (exchange: HttpExchange, head: RequestHead, reason: string) => void;

/** What decides whether the connections of a listener are guarded, and for which hosts. */
export interface HostGuardOptions {
  /** As in `ListenOptions`. */
  readonly allowedHosts: readonly string[] | undefined;
  /** What the server was told to listen on: names among them are its own. */
  readonly hostnames: readonly string[];
  /**
   * Whether each connection begins with a PROXY header. A browser cannot send one, so that a page reaches the server through its proxy only, and
   * which names that answers for is configured there.
   */
  readonly proxyProtocol: boolean;
  /** @default 403 with a text */
  readonly refuse?: RefuseHost | undefined;
}

/**
 * Makes what puts the check in front of a server, for the connections of one listener. `address` is the one that it is bound to, undefined for a
 * Unix socket, which no page reaches and which is not guarded.
 *
 * Without `allowedHosts` listeners on loopback addresses are guarded, others not: they are reachable under names that the server does not know.
 *
 * @throws {TypeError} One of the hosts is none.
 */
export function createHostGuard(
  options: HostGuardOptions,
): (serve: ServeExchange, address: string | undefined) => ServeExchange {
  const { allowedHosts, hostnames, proxyProtocol, refuse = refuseByText } = options;
  const given = new HostPatterns(allowedHosts ?? []);
  return (serve, address) => {
    const isLocal = address !== undefined && isLoopbackHost(hostOf(hostAsInUrl(address)) ?? "");
    const isGuarded = allowedHosts === undefined ? isLocal && !proxyProtocol : !given.matchesAll;
    if (address === undefined || !isGuarded) {
      return serve;
    }
    const own = new HostPatterns([...hostnames.filter(isName), ...machineName()]);
    const allowed = new AllowedAuthorities((host) =>
      // HTTP/1.0 and Unix-minded clients send no host. Browsers always do.
      host === "" || given.matches(host) || own.matches(host) || host === "localhost" || host.endsWith(".localhost") ||
      (isLocal ? isLoopbackHost(host) : isAddressOfOneHost(host))
    );
    return (exchange, head, endStream, connection) => {
      if (allowed.has(head.authority)) {
        serve(exchange, head, endStream, connection);
      } else {
        refuse(exchange, head, reasonOf(head.authority));
      }
    };
  };
}

/** Checks hosts as `allowedHosts` has them. @throws {TypeError} One of them is none. */
export function checkAllowedHosts(hosts: readonly string[]): void {
  new HostPatterns(hosts);
}

/** The verdict about each authority, which is found once: most requests repeat that of the one before. */
class AllowedAuthorities {
  readonly #isAllowed: (host: string) => boolean;
  readonly #known = new Set<string>();
  #last: string | undefined;

  constructor(isAllowed: (host: string) => boolean) {
    this.#isAllowed = isAllowed;
  }

  has(authority: string): boolean {
    if (authority === this.#last) {
      return true;
    }
    if (!this.#known.has(authority)) {
      const host = hostOf(authority);
      if (host === undefined || !this.#isAllowed(host)) {
        return false; // Is not remembered: a peer could name as many as it likes.
      }
      if (this.#known.size === MAX_KNOWN) {
        this.#known.clear(); // Names below `.localhost` have no end.
      }
      this.#known.add(authority);
    }
    this.#last = authority;
    return true;
  }
}

/** Names, addresses, and `.example.com` for a domain and all below it. */
class HostPatterns {
  readonly matchesAll: boolean;
  readonly #hosts = new Set<string>();
  /** With their dots. */
  readonly #domains: string[] = [];

  constructor(patterns: readonly string[]) {
    this.matchesAll = patterns.includes(ANY);
    for (const pattern of patterns) {
      if (pattern === ANY) {
        continue;
      }
      const isDomain = pattern.startsWith(".");
      const host = canonicalHost(isDomain ? pattern.slice(1) : pattern);
      if (host === undefined) {
        throw new TypeError(
          `Cannot allow host "${pattern}": it is example.com, .example.com with all below it, or an address, without scheme and port; or *`,
        );
      }
      this.#hosts.add(host);
      if (isDomain) {
        this.#domains.push(`.${host}`);
      }
    }
  }

  /** @param host As {@linkcode hostOf} gives it. */
  matches(host: string): boolean {
    return this.#hosts.has(host) || this.#domains.some((domain) => host.endsWith(domain));
  }
}

/** A host as browsers send it: in lower case, international names in ASCII, IPv6 in brackets. Undefined for what is no host, or more than one. */
function canonicalHost(text: string): string | undefined {
  const inUrl = hostAsInUrl(text);
  if (!/^(?:\[[^\]]*\]|[^\s:/?#@\\*\[\]]+)$/.test(inUrl)) {
    return undefined;
  }
  const hostname = URL.parse(`http://${inUrl}`)?.hostname;
  return hostname === undefined || hostname === "" ? undefined : hostname.replace(/\.$/, "");
}

/** An IPv6 address gets its brackets. */
function hostAsInUrl(host: string): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}

/**
 * The host of an authority: in lower case, without port and without the dot at the end of a name, an IPv6 address in its shortest form. Undefined
 * for what is none.
 */
function hostOf(authority: string): string | undefined {
  const [, literal, name] = /^(?:(\[[0-9a-f:.]+\])|([^:\[\]]*?)\.?)(?::[0-9]*)?$/.exec(authority.toLowerCase()) ?? [];
  return literal === undefined ? name : URL.parse(`http://${literal}`)?.hostname;
}

const IPV4 = /^(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?!$)|$)){4}$/;

/** 127.0.0.0/8, ::1, and IPv4's in the form of IPv6. Not `127.1` and the like: browsers do not send these. */
function isLoopbackHost(host: string): boolean {
  return host.startsWith("127.") && IPV4.test(host) || host === "[::1]" ||
    /^\[::ffff:7f[0-9a-f]{2}:[0-9a-f]+\]$/.test(host);
}

/**
 * Addresses resolve to nothing else, so that no page can be behind them that is not of that host. The unspecified address is that of each host:
 * browsers that let pages connect to it reach this machine.
 */
function isAddressOfOneHost(host: string): boolean {
  return (host.startsWith("[") || IPV4.test(host)) && !["0.0.0.0", "[::]", "[::ffff:0:0]"].includes(host);
}

function isName(host: string): boolean {
  return !host.includes(":") && !IPV4.test(host) && canonicalHost(host) !== undefined;
}

/** The name of this machine, if it may be read. Asking for the permission would stop the program for a prompt. */
function machineName(): string[] {
  const { state } = Deno.permissions.querySync({ name: "sys", kind: "hostname" });
  return state === "granted" ? [Deno.hostname()].filter(isName) : [];
}

function reasonOf(authority: string): string {
  const quoted = authority.length <= MAX_QUOTED ? authority : `${authority.slice(0, MAX_QUOTED)}...`;
  return `host "${quoted}" is not one that this server answers for: --allowed-hosts, or allowedHosts of serve(), adds it`;
}

const encoder = new TextEncoder();

/** 403, not 421 (RFC 9110 §15.5.20): after a 421 clients may try again on another connection, which would end in the same way. */
function refuseByText(exchange: HttpExchange, { method }: RequestHead, reason: string): void {
  exchange.respond([
    { name: ":status", value: "403" },
    { name: "content-type", value: "text/plain; charset=utf-8" },
    { name: "x-content-type-options", value: "nosniff" },
  ], method === "HEAD");
  if (method !== "HEAD") {
    exchange.end(encoder.encode(`Forbidden: ${reason}\n`));
  }
}
