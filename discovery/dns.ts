/**
 * Discovery by DNS: the nodes are the addresses of one name, or the services of one. For platforms that keep such names
 * by themselves, such as headless services. Nobody registers: DNS is written by somebody else.
 *
 * @module
 */
import { WAIT_MS_MAX } from "../core/limits.ts";
import { OptionsCheck } from "../core/options_check.ts";
import { addressOf, isHostName } from "./address.ts";
import { type DnsServer, type Lookup, lookUp, parseServer, SERVERS_MAX, systemServers } from "./dns_lookup.ts";
import type { RecordType } from "./dns_message.ts";
import { type Bag, bagOf } from "./options_bag.ts";
import type { Discovery, DiscoveryProvider, Wait } from "./provider.ts";
import { bounded, type BoundedWait, type Outside, platformOutside } from "./waiting.ts";

/** Options of {@link dnsDiscovery}. */
export interface DnsDiscoveryOptions {
  /** The whole name, such as `bank.default.svc.cluster.local`: no search list is tried. */
  readonly name: string;
  /** The port of every node, `1` to `65535`; services have their own. */
  readonly port?: number;
  /**
   * Which records. `"address"` (the default): A and AAAA; `"ipv4"` or `"ipv6"`: only these, where the network or its DNS
   * servers know no others; `"srv"`: services, with their ports and the names of their hosts.
   */
  readonly type?: "address" | "ipv4" | "ipv6" | "srv";
  /** DNS servers, `10.0.0.2`, `10.0.0.2:5353` or `[fd00::2]:53`; 1 to 8. By default those of this machine. */
  readonly servers?: readonly string[];
  /** Milliseconds for which an answer is given again, up to a day; by default each find asks. */
  readonly intervalMs?: number;
}

/**
 * Finds what DNS says about a name. A name that doesn't exist, or has no such records, is an empty list; a server that
 * fails, refuses or is silent is a failed find. With `"address"`, A and AAAA must both be answered: half of the list is
 * none.
 *
 * @example
 * ```ts
 * import { dnsDiscovery } from "./dns.ts";
 *
 * const discovery = dnsDiscovery({ name: "bank.default.svc.cluster.local", port: 3320 });
 * console.log(discovery.check?.problems); // []
 * ```
 */
export function dnsDiscovery(options: DnsDiscoveryOptions): DiscoveryProvider {
  return dnsDiscoveryWith(options, (name, type, servers, wait) => {
    return lookUp(name, type, servers ?? systemServers(), wait, platformOutside);
  }, platformOutside);
}

/** Asks one question; without servers, those of this machine. */
export type LookUp = (
  name: string,
  type: RecordType,
  servers: readonly DnsServer[] | undefined,
  wait: BoundedWait,
) => Promise<Lookup>;

/** As {@link dnsDiscovery}, with another way to ask, and the clock of `outside`. */
export function dnsDiscoveryWith(options: DnsDiscoveryOptions, lookUp: LookUp, outside: Outside): DiscoveryProvider {
  const check = new OptionsCheck();
  const settings = settingsOf(bagOf(check, "dnsDiscovery", options, KEYS), check);
  return { kind: "dns", check, open: () => Promise.resolve(new DnsDiscovery(settings, lookUp, outside)) };
}

const KEYS: readonly (keyof DnsDiscoveryOptions)[] = ["name", "port", "type", "servers", "intervalMs"];

const TYPES: ReadonlyMap<string, readonly RecordType[]> = new Map([
  ["address", ["A", "AAAA"]],
  ["ipv4", ["A"]],
  ["ipv6", ["AAAA"]],
  ["srv", ["SRV"]],
]);

interface Settings {
  readonly name: string;
  readonly port: number | undefined;
  readonly types: readonly RecordType[];
  readonly servers: readonly DnsServer[] | undefined;
  readonly intervalMs: number;
}

class DnsDiscovery implements Discovery {
  readonly #settings: Settings;
  readonly #lookUp: LookUp;
  readonly #outside: Outside;
  #malformed = 0;
  #last: { readonly addresses: readonly string[]; readonly atMs: number } | undefined;

  constructor(settings: Settings, lookUp: LookUp, outside: Outside) {
    this.#settings = settings;
    this.#lookUp = lookUp;
    this.#outside = outside;
  }

  async find({ timeoutMs, signal }: Wait): Promise<readonly string[]> {
    const { name, types, servers, intervalMs, port } = this.#settings;
    const askedMs = this.#outside.now();
    if (this.#last !== undefined && askedMs - this.#last.atMs < intervalMs) return this.#last.addresses;
    const bound = { what: `look up ${name}`, timeoutMs, signals: [signal], outside: this.#outside };
    const lookups = await bounded(bound, (wait) => {
      return Promise.all(types.map((type) => this.#lookUp(name, type, servers, wait)));
    });
    for (const { malformed } of lookups) this.#malformed += malformed;
    const addresses = lookups.flatMap(({ found }) => found.map((one) => addressOf(one.host, one.port ?? port ?? 0)));
    this.#last = { addresses, atMs: askedMs };
    return addresses;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  counts(): Readonly<Record<string, number>> {
    return { malformed: this.#malformed };
  }
}

function settingsOf(bag: Bag, check: OptionsCheck): Settings {
  const { name, port, type = "address", servers, intervalMs = 0 } = bag;
  const at = "dnsDiscovery";
  if (typeof name !== "string" || !isHostName(name)) {
    check.problem(`${at}.name`, name, "a name of DNS, such as bank.default.svc.cluster.local");
  }
  check.oneOf(`${at}.type`, type, [...TYPES.keys()]);
  check.number(`${at}.intervalMs`, intervalMs, { min: 0, max: WAIT_MS_MAX });
  if (type !== "srv") check.wholeNumber(`${at}.port`, port, { min: 1, max: 65_535 });
  else if (port !== undefined) check.problem(`${at}.port`, port, "no port: services have their own");
  return {
    name: typeof name === "string" ? name.replace(/\.$/, "") : "",
    port: typeof port === "number" ? port : undefined,
    types: (typeof type === "string" ? TYPES.get(type) : undefined) ?? [],
    servers: servers === undefined ? undefined : serversOf(servers, `${at}.servers`, check),
    intervalMs: typeof intervalMs === "number" ? intervalMs : 0,
  };
}

function serversOf(servers: unknown, at: string, check: OptionsCheck): readonly DnsServer[] {
  if (!Array.isArray(servers) || servers.length === 0 || servers.length > SERVERS_MAX) {
    check.problem(at, servers, `a list of 1 to ${SERVERS_MAX} DNS servers`);
    return [];
  }
  return servers.flatMap((text, index) => {
    const server = parseServer(text);
    if (server === undefined) check.problem(`${at}[${index}]`, text, "10.0.0.2, 10.0.0.2:5353 or [fd00::2]:53");
    return server ?? [];
  });
}
