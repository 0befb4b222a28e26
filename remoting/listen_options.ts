/**
 * What a listener is made with, and what is wrong with it. Pure.
 *
 * @module
 */
import { OptionsCheck } from "../core/options_check.ts";
import { isEveryHost, isHost, isPort } from "./address.ts";
import { checkTls, type TlsOptions } from "./security.ts";

/** Where to listen, and for whom. */
export interface ListenOptions {
  /** The host to listen at: a name, an IP address, or `0.0.0.0` or `::` for all of the machine's. */
  readonly host: string;
  /** `0` for any that is free. */
  readonly port: number;
  /** Where other nodes can reach this one, if that is elsewhere; needed when the host stands for all. The port: by default the one listened at. */
  readonly advertise?: { readonly host: string; readonly port?: number };
  /** Certificates; without, nothing on this port is encrypted. */
  readonly tls?: TlsOptions;
  /** Origins of pages that may open links. None by default: links are for nodes, and browsers have no business here. */
  readonly allowedOrigins?: readonly string[];
  /** Answers what isn't a link. By default 404. */
  readonly fetch?: (request: Request) => Response | Promise<Response>;
  /** Milliseconds until a socket must have sent a request, and until a stranger must have proven who it is. Default: 3,000. */
  readonly handshakeMs?: number;
  /** Handshakes with one IP address that may be under way. Default: 16. At the limit: answered with 429. */
  readonly handshakesPerHostMax?: number;
}

/** @throws {ActorError} `invalid-options`, with every problem. */
export function checkListenOptions(options: ListenOptions): void {
  const { host, port, advertise, tls } = options;
  const check = new OptionsCheck();
  check.unknownKeys("listen", options, KEYS);
  if (!isHost(host)) check.problem("listen.host", host, "a host name or an IP address");
  check.wholeNumber("listen.port", port, { min: 0, max: 65_535 });
  const isElsewhere = isHost(host) && isEveryHost(host) && advertise === undefined;
  if (isElsewhere) check.problem("listen.advertise", advertise, `needed: no other node can reach this one at ${host}`);
  check.unknownKeys("listen.advertise", advertise, ["host", "port"]);
  if (advertise !== undefined && (!isHost(advertise.host) || isEveryHost(advertise.host))) {
    check.problem("listen.advertise.host", advertise.host, "a host by which other nodes can reach this one");
  }
  if (advertise?.port !== undefined && !isPort(advertise.port)) {
    check.problem("listen.advertise.port", advertise.port, "a whole number from 1 to 65535");
  }
  checkTls(check, "listen.tls", tls);
  check.function("listen.fetch", options.fetch, { optional: true });
  check.wholeNumber("listen.handshakeMs", options.handshakeMs, { min: 1, max: 60_000, optional: true });
  check.wholeNumber("listen.handshakesPerHostMax", options.handshakesPerHostMax, { min: 1, max: 1024, optional: true });
  check.throwIfAny("listen");
}

const KEYS: readonly (keyof ListenOptions)[] = [
  "host",
  "port",
  "advertise",
  "tls",
  "allowedOrigins",
  "fetch",
  "handshakeMs",
  "handshakesPerHostMax",
];
