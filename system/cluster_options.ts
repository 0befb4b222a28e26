/**
 * The options of a clustered node: what each is for, its unit, its default and its range, and which of them must fit
 * together. Pure.
 *
 * @module
 */
import { isName } from "../core/names.ts";
import { OptionsCheck } from "../core/options_check.ts";
import { WAIT_MS_MAX } from "../core/limits.ts";
import { type ClusterSettings, TIMINGS, type Timings } from "../cluster/settings.ts";
import type { QuorumRule } from "../cluster/view.ts";
import { checkDiscovery } from "../discovery/open_discovery.ts";
import type { DiscoveryProvider } from "../discovery/provider.ts";
import { isEveryHost, isHost, parseAddress } from "../remoting/address.ts";

/** What `ActorSystem.start` takes as `cluster`. */
export interface ClusterOptions {
  /** Where other nodes may be found. */
  readonly discovery: DiscoveryProvider;
  /**
   * Nodes that must see each other before they found a cluster; and, until the cluster was that large once, before
   * grains begin. `1` says that this node may be alone. To be more than half of the largest number of nodes there will
   * be, or two halves of a network can found a cluster each.
   */
  readonly minimumPeersQuorum: number;
  /**
   * Who decides when some nodes do not see the others. `"dynamic"`: most of the five oldest, the default. `"oldest"`:
   * the oldest and one more, or all the others. `{ seeds }`: most of these addresses, 1 to 15, whoever lives there; the
   * only rule under which a cluster comes back by itself after most of them were lost at once.
   */
  readonly quorum?: "dynamic" | "oldest" | { readonly seeds: readonly string[] };
  /** Copies of each entry of the registry, 1 to 9; fewer while there are fewer nodes. Default 3. */
  readonly replicaCount?: number;
  /** Copies that must be stored before a write counts: a majority of `replicaCount` to all of them. Default a majority. */
  readonly writeQuorum?: number;
  /** Copies that must confirm a read, 1 to `replicaCount`. Default 1, which trusts the lease of the owner. */
  readonly readQuorum?: number;
  /** Labels of this node, for placement. Default none. */
  readonly roles?: readonly string[];
  /** Its failure domain, a name. Default none. */
  readonly zone?: string;
  /** Its share of the load against others, 0.001 to 1,000. Default 1. */
  readonly capacity?: number;
  /** Milliseconds to found or find a cluster, 1,000 to a day; at the limit `bootstrap-timeout`. Default 10,000. */
  readonly bootstrapTimeoutMs?: number;
  /** Milliseconds one write of the registry may take, 10 to 60,000. Default 1,000. */
  readonly writeTimeoutMs?: number;
  /** Milliseconds one read of the registry may take, 10 to 60,000. Default 1,000. */
  readonly readTimeoutMs?: number;
  /** Milliseconds between two comparisons of copies, 100 to a day and more than `writeTimeoutMs`. Default 60,000. */
  readonly stateSyncIntervalMs?: number;
  /** Milliseconds between two looks at how even the partitions lie, 100 to a day and less than `stateSyncIntervalMs`. Default 1,000. */
  readonly balancerIntervalMs?: number;
  /** Bytes of the registry's entries one node keeps, 1 MiB to 64 GiB; at the limit claims fail. Default 64 MiB. */
  readonly tableSizeBytes?: number;
  /** How long grains wait for `minimumPeersQuorum` nodes. Default: 30,000 ms, then proceed. */
  readonly grainActivationBarrier?: {
    /** Milliseconds, `0` to a day; `0` waits as long as it takes. */
    readonly timeoutMs: number;
    /** What then. Default `"proceed"`. */
    readonly onTimeout?: "proceed" | "fail";
  };
  /** How soon a lost node is given up. `"default"`: within 7 s; tolerates pauses of 3.6 s. `"fast"`: 3 s, and 1.2 s. */
  readonly profile?: "default" | "fast";
  /** Whether actors of lost and leaving nodes begin elsewhere. `false`: none does, whatever its kind says. Default `true`. */
  readonly relocation?: boolean;
}

/** Where a node listens, and by which address others reach it. */
export interface ListenOptions {
  /** The address to bind. Default `127.0.0.1`. */
  readonly host?: string;
  /** The port to bind, 0 to 65,535; 0 takes a free one. Default 0. */
  readonly port?: number;
  /** What others are told, where that differs: behind a container or a translated address. */
  readonly advertise?: { readonly host: string; readonly port?: number };
  /** Browsers' origins that may open links. Default none. */
  readonly allowedOrigins?: readonly string[];
}

/** The cluster's options with every default in place. */
export interface CheckedClusterOptions {
  readonly discovery: DiscoveryProvider;
  readonly settings: ClusterSettings;
  readonly timings: Timings;
  readonly roles: readonly string[];
  readonly zone: string;
  readonly capacity: number;
  readonly tableBytes: number;
  readonly barrier: {
    readonly minimumMembers: number;
    readonly timeoutMs: number;
    readonly onTimeout: "proceed" | "fail";
  };
  readonly isRelocating: boolean;
  readonly warnings: readonly string[];
}

const KEYS: readonly (keyof ClusterOptions)[] = [
  "discovery",
  "minimumPeersQuorum",
  "quorum",
  "replicaCount",
  "writeQuorum",
  "readQuorum",
  "roles",
  "zone",
  "capacity",
  "bootstrapTimeoutMs",
  "writeTimeoutMs",
  "readTimeoutMs",
  "stateSyncIntervalMs",
  "balancerIntervalMs",
  "tableSizeBytes",
  "grainActivationBarrier",
  "profile",
  "relocation",
];

const LISTEN_KEYS: readonly (keyof ListenOptions)[] = ["host", "port", "advertise", "allowedOrigins"];

/** What differs in the profile `fast`, in milliseconds: the lease is a third, and everything that hangs on it. */
const FAST: Partial<Timings> = {
  leaseMs: 2_000,
  promiseMs: 2_100,
  renewMs: 500,
  softAfterMs: 1_200,
  softRenewMs: 100,
  probeMs: 300,
  probeTimeoutMs: 200,
  cutDelayMs: 100,
};

const REPLICAS_MAX = 9;
const SEEDS_MAX = 15;
const NODES_MAX = 4_096;
const BARRIER_MS_DEFAULT = 30_000;
const TABLE_BYTES_DEFAULT = 1 << 26;
const NAME_RULE = "a letter or digit, then letters, digits, `-`, `_`, `.`; at most 255";

/** Looks at `options`; problems go into `check`. */
export function checkCluster(check: OptionsCheck, options: ClusterOptions): void {
  if (typeof options !== "object" || options === null) {
    return check.problem("cluster", options, "an object with options");
  }
  check.unknownKeys("cluster", options, KEYS);
  checkDiscovery(check, "cluster.discovery", options.discovery);
  const advice = "more than half of the nodes there will be, and 1 only for a node that may be alone";
  check.wholeNumber("cluster.minimumPeersQuorum", options.minimumPeersQuorum, { min: 1, max: NODES_MAX, advice });
  checkQuorums(check, options);
  checkRule(check, options.quorum);
  checkLabels(check, options);
  checkTimes(check, options);
  checkBarrier(check, options.grainActivationBarrier);
  check.wholeNumber("cluster.tableSizeBytes", options.tableSizeBytes, { min: 1 << 20, max: 2 ** 36, optional: true });
  check.oneOf("cluster.profile", options.profile, ["default", "fast"], { optional: true });
  check.boolean("cluster.relocation", options.relocation, { optional: true });
}

/** Looks at `options`; problems go into `check`. `isDialed`: by other nodes, to whom every address is none. */
export function checkListen(check: OptionsCheck, options: ListenOptions, isDialed: boolean): void {
  if (typeof options !== "object" || options === null) {
    return check.problem("listen", options, "an object with options");
  }
  check.unknownKeys("listen", options, LISTEN_KEYS);
  const { host, port, advertise, allowedOrigins } = options;
  if (host !== undefined && !isHost(host)) check.problem("listen.host", host, "a host name or an IP address");
  check.wholeNumber("listen.port", port, { min: 0, max: 65_535, optional: true });
  if (advertise !== undefined) checkAdvertise(check, advertise);
  else if (isDialed && isHost(host) && isEveryHost(host)) {
    check.problem("listen.advertise", advertise, `an object with a host: no other node can reach this one at ${host}`);
  }
  const areTexts = Array.isArray(allowedOrigins) && allowedOrigins.every((origin) => typeof origin === "string");
  if (allowedOrigins !== undefined && !areTexts) {
    check.problem("listen.allowedOrigins", allowedOrigins, "a list of origins, such as https://bank.example");
  }
}

function checkAdvertise(check: OptionsCheck, advertise: NonNullable<ListenOptions["advertise"]>): void {
  if (typeof advertise !== "object" || advertise === null) {
    return check.problem("listen.advertise", advertise, "an object with a host");
  }
  check.unknownKeys("listen.advertise", advertise, ["host", "port"]);
  const { host, port } = advertise;
  if (!isHost(host) || isEveryHost(host)) {
    check.problem("listen.advertise.host", host, "a host by which other nodes can reach this one");
  }
  check.wholeNumber("listen.advertise.port", port, { min: 1, max: 65_535, optional: true });
}

/** Checked options with the defaults. */
export function clusterOptionsOf(name: string, partitionCount: number, options: ClusterOptions): CheckedClusterOptions {
  const { replicaCount = 3, readQuorum = 1, minimumPeersQuorum, grainActivationBarrier: barrier } = options;
  const writeQuorum = options.writeQuorum ?? Math.floor(replicaCount / 2) + 1;
  const rule = ruleOf(options.quorum);
  return {
    discovery: options.discovery,
    settings: { name, partitionCount, replicaCount, writeQuorum, readQuorum, rule, minimumPeersQuorum },
    timings: timingsOf(options),
    roles: [...new Set(options.roles)].sort(),
    zone: options.zone ?? "",
    capacity: options.capacity ?? 1,
    tableBytes: options.tableSizeBytes ?? TABLE_BYTES_DEFAULT,
    barrier: {
      minimumMembers: minimumPeersQuorum,
      timeoutMs: barrier === undefined ? BARRIER_MS_DEFAULT : barrier.timeoutMs === 0 ? WAIT_MS_MAX : barrier.timeoutMs,
      onTimeout: barrier?.onTimeout ?? "proceed",
    },
    isRelocating: options.relocation ?? true,
    warnings: warningsOf(options, partitionCount, rule),
  };
}

function timingsOf(options: ClusterOptions): Timings {
  const chosen: Timings = options.profile === "fast" ? { ...TIMINGS, ...FAST } : TIMINGS;
  return {
    ...chosen,
    bootstrapTimeoutMs: options.bootstrapTimeoutMs ?? chosen.bootstrapTimeoutMs,
    writeTimeoutMs: options.writeTimeoutMs ?? chosen.writeTimeoutMs,
    readTimeoutMs: options.readTimeoutMs ?? chosen.readTimeoutMs,
    stateSyncMs: options.stateSyncIntervalMs ?? chosen.stateSyncMs,
    balancerMs: options.balancerIntervalMs ?? chosen.balancerMs,
  };
}

function ruleOf(quorum: ClusterOptions["quorum"]): QuorumRule {
  if (typeof quorum === "object") return { kind: "seeds", seeds: [...new Set(quorum.seeds)].sort() };
  return { kind: quorum ?? "dynamic" };
}

/** What is allowed, and should be known. */
function warningsOf(options: ClusterOptions, partitionCount: number, rule: QuorumRule): readonly string[] {
  const { replicaCount = 3, minimumPeersQuorum } = options;
  const warnings: string[] = [];
  if (!isPrime(partitionCount)) {
    warnings.push(`partitionCount ${partitionCount} is no prime: names that differ in a pattern may share partitions`);
  }
  if (replicaCount === 1) {
    warnings.push("replicaCount 1: the names of a lost node are found again only with its actors");
  }
  if (rule.kind === "seeds" && minimumPeersQuorum > rule.seeds.length) {
    warnings.push(`minimumPeersQuorum ${minimumPeersQuorum} is more than there are seeds`);
  }
  if (rule.kind === "dynamic" && minimumPeersQuorum === 1) {
    warnings.push("minimumPeersQuorum 1: nodes that start without seeing each other found clusters of their own");
  }
  return warnings;
}

function checkQuorums(check: OptionsCheck, { replicaCount = 3, writeQuorum, readQuorum }: ClusterOptions): void {
  check.wholeNumber("cluster.replicaCount", replicaCount, { min: 1, max: REPLICAS_MAX });
  if (!Number.isInteger(replicaCount) || replicaCount < 1 || replicaCount > REPLICAS_MAX) return; // Of what, then?
  const majority = Math.floor(replicaCount / 2) + 1;
  check.wholeNumber("cluster.writeQuorum", writeQuorum, { min: majority, max: replicaCount, optional: true });
  check.wholeNumber("cluster.readQuorum", readQuorum, { min: 1, max: replicaCount, optional: true });
}

function checkRule(check: OptionsCheck, quorum: unknown): void {
  if (quorum === undefined || quorum === "dynamic" || quorum === "oldest") return;
  const seeds = typeof quorum === "object" && quorum !== null && "seeds" in quorum ? quorum.seeds : undefined;
  const isGood = Array.isArray(seeds) && seeds.length >= 1 && seeds.length <= SEEDS_MAX &&
    seeds.every((seed) => typeof seed === "string" && parseAddress(seed) !== undefined);
  if (!isGood) {
    check.problem("cluster.quorum", quorum, `"dynamic", "oldest", or { seeds: [host:port, …] }, 1 to ${SEEDS_MAX}`);
  }
}

function checkLabels(check: OptionsCheck, { roles = [], zone, capacity }: ClusterOptions): void {
  if (!Array.isArray(roles)) check.problem("cluster.roles", roles, "a list of names");
  else for (const role of roles) if (!isName(role)) check.problem("cluster.roles", role, NAME_RULE);
  if (zone !== undefined && zone !== "" && !isName(zone)) check.problem("cluster.zone", zone, NAME_RULE);
  check.number("cluster.capacity", capacity, { min: 0.001, max: 1_000, optional: true });
}

function checkTimes(check: OptionsCheck, options: ClusterOptions): void {
  const { writeTimeoutMs = TIMINGS.writeTimeoutMs, stateSyncIntervalMs = TIMINGS.stateSyncMs } = options;
  const short = { min: 10, max: 60_000, optional: true };
  check.number("cluster.bootstrapTimeoutMs", options.bootstrapTimeoutMs, {
    min: 1_000,
    max: WAIT_MS_MAX,
    optional: true,
  });
  check.number("cluster.writeTimeoutMs", options.writeTimeoutMs, short);
  check.number("cluster.readTimeoutMs", options.readTimeoutMs, short);
  check.number("cluster.stateSyncIntervalMs", options.stateSyncIntervalMs, {
    min: 100,
    max: WAIT_MS_MAX,
    optional: true,
  });
  check.number("cluster.balancerIntervalMs", options.balancerIntervalMs, {
    min: 100,
    max: WAIT_MS_MAX,
    optional: true,
  });
  if (stateSyncIntervalMs <= writeTimeoutMs) {
    check.problem(
      "cluster.stateSyncIntervalMs",
      stateSyncIntervalMs,
      `more than writeTimeoutMs, which is ${writeTimeoutMs}`,
    );
  }
  const { balancerIntervalMs = TIMINGS.balancerMs } = options;
  if (balancerIntervalMs >= stateSyncIntervalMs) {
    check.problem(
      "cluster.balancerIntervalMs",
      balancerIntervalMs,
      `less than stateSyncIntervalMs, which is ${stateSyncIntervalMs}`,
    );
  }
}

function checkBarrier(check: OptionsCheck, barrier: unknown): void {
  if (barrier === undefined) return;
  if (typeof barrier !== "object" || barrier === null) {
    return check.problem("cluster.grainActivationBarrier", barrier, "an object with timeoutMs");
  }
  check.unknownKeys("cluster.grainActivationBarrier", barrier, ["timeoutMs", "onTimeout"]);
  const { timeoutMs, onTimeout } = { timeoutMs: undefined, onTimeout: undefined, ...barrier };
  check.number("cluster.grainActivationBarrier.timeoutMs", timeoutMs, { min: 0, max: WAIT_MS_MAX });
  check.oneOf("cluster.grainActivationBarrier.onTimeout", onTimeout, ["proceed", "fail"], { optional: true });
}

function isPrime(count: number): boolean {
  if (count < 2) return false;
  for (let divisor = 2; divisor * divisor <= count; divisor++) if (count % divisor === 0) return false;
  return true;
}
