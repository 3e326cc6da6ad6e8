/** Calls by GET of the Connect protocol: https://connectrpc.com/docs/protocol/#unary-get-request */
import { base64Decode } from "@bufbuild/protobuf/wire";
import { Code, ConnectError } from "@connectrpc/connect";

/** What the query of a call says. Undefined is what it does not say. */
export interface ConnectQuery {
  /** `connect`, the version of the protocol. */
  readonly version: string | undefined;
  readonly encoding: string | undefined;
  readonly compression: string | undefined;
  /** The message as it was encoded and compressed. */
  readonly message: Uint8Array | undefined;
}

const NAMES: ReadonlySet<string> = new Set(["connect", "encoding", "base64", "compression", "message"]);

/** @throws {ConnectError} invalid_argument: a parameter is there twice, or is not encoded as it has to be. */
export function parseConnectQuery(query: string): ConnectQuery {
  const octets = new Map<string, Uint8Array>();
  for (const parameter of query.split("&")) {
    const equals = parameter.indexOf("=");
    const name = equals < 0 ? parameter : parameter.slice(0, equals);
    if (!NAMES.has(name)) {
      continue; // Others may have added it.
    }
    if (octets.has(name)) {
      throw new ConnectError(`${name}: is in the query more than once`, Code.InvalidArgument);
    }
    octets.set(name, percentDecode(name, equals < 0 ? "" : parameter.slice(equals + 1)));
  }
  const textOf = (name: string) => {
    const value = octets.get(name);
    return value === undefined ? undefined : String.fromCharCode(...value.subarray(0, MAX_NAME));
  };
  const base64 = textOf("base64");
  if (base64 !== undefined && base64 !== "0" && base64 !== "1") {
    throw new ConnectError(`base64: is neither 0 nor 1`, Code.InvalidArgument);
  }
  const message = octets.get("message");
  return {
    version: textOf("connect"),
    encoding: textOf("encoding"),
    compression: textOf("compression"),
    message: message !== undefined && base64 === "1" ? decodeBase64(message) : message,
  };
}

/** Longer than any name of a version, a codec or a compression. */
const MAX_NAME = 32;

/** Octets, not characters: a message in the binary format may be sent without base64. */
function percentDecode(name: string, text: string): Uint8Array {
  const octets = new Uint8Array(text.length);
  let length = 0;
  for (let index = 0; index < text.length; index++) {
    const character = text[index]!;
    if (character === "%") {
      const digits = text.slice(index + 1, index + 3);
      if (!/^[0-9A-Fa-f]{2}$/.test(digits)) {
        throw new ConnectError(`${name}: has a % that two hexadecimal digits do not follow`, Code.InvalidArgument);
      }
      octets[length++] = parseInt(digits, 16);
      index += 2;
    } else {
      octets[length++] = character === "+" ? 0x20 : character.charCodeAt(0);
    }
  }
  return octets.subarray(0, length);
}

/** protobuf-es' decoder passes over white space, which is what becomes of a `+` that was not percent-encoded. */
const BASE64 = /^[A-Za-z0-9+/_-]*=*$/;

/** Of either alphabet, padded or not. */
function decodeBase64(octets: Uint8Array): Uint8Array {
  const text = new TextDecoder("latin1").decode(octets);
  try {
    if (BASE64.test(text)) {
      return base64Decode(text);
    }
  } catch {
    // It has a length that base64 cannot have.
  }
  throw new ConnectError("message: is no base64", Code.InvalidArgument);
}
