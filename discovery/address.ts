/**
 * Addresses of nodes as text from outside: which texts are one, and which two mean the same. Pure.
 *
 * One idea: an address is compared by its key and shown as it was written. The cluster compares addresses as texts, and
 * a node is the one that says how its own is spelled; respelling it here would make one node look like two.
 *
 * Invariant: two addresses with the same key lead to the same port of the same name.
 *
 * @module
 */
import { isIP, isIPv4, isIPv6 } from "node:net";

/** Characters of a name of DNS, without the dot at its end. */
const HOST_CHARS_MAX = 253;
/** Characters of an address: the longest name with its dot, a colon and a port. */
const ADDRESS_CHARS_MAX: number = HOST_CHARS_MAX + 1 + 1 + 5;

/**
 * Addresses one find may give: as many nodes as one keeps in mind before it is in a cluster. At the limit:
 * `discovery-failed`, for a part of the list would be taken for the whole.
 */
export const ADDRESSES_MAX = 2_048;

/** What an address looks like, in words. */
export const ADDRESS_FORM = "host:port, such as 10.0.0.7:3320, node-1.bank.internal:3320 or [fd00::7]:3320";

/** `host:port`, taken apart. */
export interface Address {
  /** As it was written. */
  readonly text: string;
  /** A name, an IPv4 address, or an IPv6 address without brackets. */
  readonly host: string;
  /** `1` to `65535`. */
  readonly port: number;
  /** The same for each spelling of the address. */
  readonly key: string;
}

const PARTS = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):([1-9][0-9]{0,4})$/;
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i;

/** The address that `raw` is; `undefined` when it is none, or none that this runtime takes in a URL, as links do. */
export function parseAddress(raw: unknown): Address | undefined {
  if (typeof raw !== "string" || raw.length > ADDRESS_CHARS_MAX) return undefined;
  const [, bracketed, bare, digits] = PARTS.exec(raw) ?? [];
  const port = Number(digits);
  if (!(port <= 65_535)) return undefined;
  if (bracketed !== undefined) {
    const canonical = canonicalIpv6(bracketed);
    return canonical === undefined ? undefined : { text: raw, host: bracketed, port, key: `[${canonical}]:${port}` };
  }
  if (bare === undefined || !(isIPv4(bare) || isHostName(bare)) || !URL.canParse(`ws://${raw}/`)) return undefined;
  return { text: raw, host: bare, port, key: `${bare.toLowerCase().replace(/\.$/, "")}:${port}` };
}

/**
 * Whether `text` is a name that DNS can have, with or without a dot at its end. All digits and dots is none: it would be
 * a broken IPv4 address, which some systems read as another one.
 */
export function isHostName(text: string): boolean {
  const name = text.replace(/\.$/, "");
  if (name === "" || name.length > HOST_CHARS_MAX) return false;
  const labels = name.split(".");
  return labels.every((label) => LABEL.test(label)) && !/^(?:\d+|0x[0-9a-f]*)$/i.test(labels.at(-1) ?? "");
}

/** `host:port` of a host without brackets. */
export function addressOf(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * The one spelling of an IPv6 address that RFC 5952 asks for; `undefined` when `host` is none, or none that this runtime
 * takes in a URL: it could not be connected to.
 */
export function canonicalIpv6(host: string): string | undefined {
  const url = `http://[${host}]/`;
  return isIPv6(host) && URL.canParse(url) ? new URL(url).hostname.slice(1, -1) : undefined;
}

/** Addresses of many sources as one list. */
export interface AddressList {
  /** Each once, sorted by their code units. */
  readonly addresses: readonly string[];
  /** How many entries were no addresses. */
  readonly malformed: number;
}

/**
 * The addresses among `entries`. Of two spellings of one address the first stays, but this node's own is always spelled
 * as `self` is.
 */
export function listOf(entries: Iterable<unknown>, self: string): AddressList {
  const own = parseAddress(self);
  const spellings = new Map<string, string>();
  let malformed = 0;
  for (const entry of entries) {
    const address = parseAddress(entry);
    if (address === undefined) malformed++;
    else if (address.key === own?.key) spellings.set(address.key, own.text);
    else if (!spellings.has(address.key)) spellings.set(address.key, address.text);
  }
  return { addresses: [...spellings.values()].sort(), malformed };
}
