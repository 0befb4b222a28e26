/**
 * Addresses of nodes as text, `host:port`, and which of them never leave this machine. Pure.
 *
 * The invariant: an address that this file makes, it reads back as the same host and port.
 *
 * @module
 */

/** Where a node listens. */
export interface HostPort {
  /** A name or an IP address; an IPv6 one without brackets. */
  readonly host: string;
  /** `1` to 65,535. */
  readonly port: number;
}

/** Characters of an address: the longest name of DNS and a port. */
export const ADDRESS_CHARS_MAX = 262;

/** The address as text: an IPv6 host in brackets. */
export function addressOf({ host, port }: HostPort): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** What an address says; `undefined` when it is none. */
export function parseAddress(address: string): HostPort | undefined {
  if (address.length > ADDRESS_CHARS_MAX) return undefined;
  const parts = /^(?:\[([0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})$/.exec(address);
  const host = parts?.[1] ?? parts?.[2];
  const port = Number(parts?.[3]);
  return host === undefined || !isPort(port) ? undefined : { host, port };
}

/** Whether `value` can be the port of an address. */
export function isPort(value: unknown): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= 65_535;
}

/** Whether `host` is a name or an IP address as addresses have it. */
export function isHost(host: unknown): host is string {
  return typeof host === "string" && parseAddress(addressOf({ host, port: 1 }))?.host === host;
}

/** Whether what is sent to `host` stays on this machine. `localhost` does by RFC 6761. */
export function isLoopback(host: string): boolean {
  const plain = plainHost(host);
  return plain === "localhost" || plain === "::1" || /^127(\.[0-9]{1,3}){3}$/.test(plain);
}

/** Whether `host` stands for every address of the machine: good to listen at, useless to others. */
export function isEveryHost(host: string): boolean {
  const plain = plainHost(host);
  return plain === "0.0.0.0" || /^[0:]*:[0:]*$/.test(plain);
}

/** An IP address in its shortest dress: an IPv4 one that came as IPv6 is IPv4. */
export function plainHost(host: string): string {
  return host.toLowerCase().replace(/^::ffff:(?=[0-9]+\.)/, "");
}
