/**
 * Discovery from a list that is written down: for clusters whose machines have fixed names. Touches nothing.
 *
 * @module
 */
import { OptionsCheck } from "../core/options_check.ts";
import { ADDRESS_FORM, ADDRESSES_MAX, parseAddress } from "./address.ts";
import { type Bag, bagOf } from "./options_bag.ts";
import type { Discovery, DiscoveryProvider } from "./provider.ts";

/** Options of {@link staticDiscovery}. */
export interface StaticDiscoveryOptions {
  /** `host:port` of each node, IPv6 in brackets; 1 to 2,048. It may name the node itself: then one list serves all. */
  readonly addresses: readonly string[];
}

/**
 * Finds the addresses of a list, each once, whether or not anybody is there. It connects to nothing and cannot fail.
 *
 * @example
 * ```ts
 * import { staticDiscovery } from "./static.ts";
 *
 * const discovery = staticDiscovery({ addresses: ["node-1:3320", "node-2:3320", "[fd00::3]:3320"] });
 * console.log(discovery.check?.problems); // []
 * ```
 */
export function staticDiscovery(options: StaticDiscoveryOptions): DiscoveryProvider {
  const check = new OptionsCheck();
  const addresses = addressesOf(bagOf(check, "staticDiscovery", options, ["addresses"]), check);
  const discovery: Discovery = {
    find: () => Promise.resolve(addresses),
    close: () => Promise.resolve(),
  };
  return { kind: "static", check, open: () => Promise.resolve(discovery) };
}

/** A copy: the list is checked once, and stays what it was then. */
function addressesOf({ addresses }: Bag, check: OptionsCheck): readonly string[] {
  if (!Array.isArray(addresses) || addresses.length === 0 || addresses.length > ADDRESSES_MAX) {
    check.problem("staticDiscovery.addresses", addresses, `a list of 1 to ${ADDRESSES_MAX} addresses`);
    return [];
  }
  for (const [index, address] of addresses.entries()) {
    if (parseAddress(address) !== undefined) continue;
    check.problem(`staticDiscovery.addresses[${index}]`, address, ADDRESS_FORM);
  }
  return [...addresses];
}
