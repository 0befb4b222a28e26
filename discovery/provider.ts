/**
 * What a discovery provider is: where addresses of nodes come from. Pure types.
 *
 * One idea: discovery finds addresses to try, and says nothing about membership. An address may lead to nobody, to this
 * node, or to another cluster; whoever answers there says who it is. So a provider can be wrong without harm, but for one
 * thing: a list that leaves out living nodes makes few nodes look like many. Where a provider can't tell whether its list
 * is whole, it fails; it never answers with less.
 *
 * Whoever uses a provider opens it through `openDiscovery`, which holds it to what is promised here.
 *
 * @module
 */
import type { OptionsCheck } from "../core/options_check.ts";
import type { Log } from "../core/ports.ts";

/** How long somebody waits. */
export interface Wait {
  /** Milliseconds, up to a day. */
  readonly timeoutMs: number;
  /**
   * Ends the wait before its time. A provider that is opened by `openDiscovery` is always given one, and it also aborts
   * when the time is over: handing it on (`fetch(url, { signal })`) is all a provider has to do about either.
   */
  readonly signal?: AbortSignal;
}

/** What a provider is told when it is opened. */
export interface DiscoveryContext {
  /** The name of the cluster: nodes of others are not to be found. */
  readonly system: string;
  /** `host:port` by which others reach this node. */
  readonly self: string;
  /** Where it logs. */
  readonly log: Log;
  /** How long opening may take. */
  readonly wait: Wait;
}

/** A way to find nodes: plain code in the entry file, which does nothing before it is opened. */
export interface DiscoveryProvider {
  /** What it is called in logs and errors: `static`, `dns`, `nats`, or a word of its author's. */
  readonly kind: string;
  /** What is wrong with its options, for `start` to list with everything else; left out when it has none. */
  readonly check?: OptionsCheck;
  /**
   * Begins: connects, and registers this node where there is a place for that. When it resolves, other nodes find this
   * one.
   *
   * @throws {ActorError} `discovery-failed`, not delivered, within the time. Then nothing is left behind; safe to repeat.
   */
  open(context: DiscoveryContext): Promise<Discovery>;
}

/** An open provider. */
export interface Discovery {
  /**
   * Addresses to try now: `host:port`, IPv6 in brackets, each once, sorted; it may include this node's own. Safe to
   * repeat, and to call while another is under way.
   *
   * @throws {ActorError} `discovery-failed`, not delivered, within the time: there is no list, or none that is certainly
   * whole. An empty list means that nobody is there.
   */
  find(wait: Wait): Promise<readonly string[]>;
  /** Takes this node's registration back and lets go of everything, within the time. Never rejects; safe to repeat. */
  close(timeoutMs: number): Promise<void>;
  /** What it has counted since it was opened, by word, for the system's own counters; above all what it ignored. */
  counts?(): Readonly<Record<string, number>>;
}
