/** What an attack is, to the suite that judges it and to the process that carries it out. */

/** How a server is started: see `servers.ts`. */
export type ServerName =
  | "default"
  | "tls"
  | "workers"
  | "few-descriptors"
  | "few-descriptors-tls"
  | "few-connections"
  | "proxy"
  | "forwarded"
  | "files"
  | "user";

/** Where the server is, and how long the attack may take. */
export interface Target {
  readonly hostname: string;
  readonly port: number;
  /** The port for operators; undefined if the server has none. */
  readonly adminPort: number | undefined;
  /** With TLS: the certificate that the server shows, as PEM. */
  readonly caCert: string | undefined;
  /** What each connection begins with: the PROXY header, for a server that wants one. */
  readonly greeting: string;
  readonly dataDir: string;
  readonly pid: number;
  /** Bytes that the attack may send, over all its connections. */
  readonly maxBytes: number;
  /** The end of the attack, by `performance.now()` of the attacker. The attack begins when this is looked at first, with all made that is to be sent. */
  readonly endMs: number;
}

/** What the attacker has seen, beside what the suite measures. */
export interface Outcome {
  /** What the server did that it must not: an attack that got in, an honest request that was refused. */
  readonly faults?: readonly string[];
  /** What is worth a look: codes of GOAWAY frames, counts. */
  readonly notes?: readonly string[];
}

/** One way to hurt a server. */
export interface Attack {
  /** Short, for `--only`. */
  readonly name: string;
  /** What is sent, and what it would do to a server without a defence, with the CVE or the part of issue 14. */
  readonly title: string;
  /** The server that is attacked. @default "default" */
  readonly server?: ServerName;
  /** Whether it needs a server that no other attack has touched. @default false */
  readonly fresh?: boolean;
  /**
   * When clients that dial are measured: beside the attack, or, where the attack takes all connections that there may be, only after it.
   *
   * @default "beside"
   */
  readonly dials?: "beside" | "after";
  /** Bytes that the attack may send. @default 32 MiB */
  readonly maxBytes?: number;
  /** Milliseconds that it takes, where the usual time shows nothing. */
  readonly durationMs?: number;
  /** Why the log may have errors, where the server is expected to report some. */
  readonly expectedLog?: RegExp;
  run(target: Target): Promise<Outcome | void>;
}

/** Attacks on the same part of the server. */
export interface AttackGroup {
  readonly name: string;
  readonly attacks: readonly Attack[];
}
