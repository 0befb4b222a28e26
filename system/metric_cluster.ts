/**
 * What a clustered node knows of its cluster and its links, as samples. Pure.
 *
 * One idea: a peer is its address. It stays the same over all lives of a node, so a node that restarts again and again
 * adds no series; and what a limit of peers leaves over is one more peer, `others`.
 *
 * Invariant: no two samples have the same name and labels, however many links share an address.
 *
 * @module
 */
import type { LeaseStatus } from "../cluster/engine.ts";
import type { View } from "../cluster/view.ts";
import type { NodeId } from "../core/ids.ts";
import { CLOSE_CODES, UPGRADE_STATUS } from "../remoting/link_refusal.ts";
import type { Lane, LinkCounters, LinkReport } from "../remoting/links.ts";
import { type MetricName, METRICS, type Sample, sample } from "./metric_table.ts";
import type { ClusterTally } from "./metric_tally.ts";
import type { DriverCounts } from "./node_identity.ts";

/** What of a node's driver is shown. */
export interface ClusterVitals {
  readonly id: NodeId;
  readonly view: View | undefined;
  readonly lease: LeaseStatus;
  readonly leaseLeftMs: number;
  readonly inputCount: number;
  readonly counts: Readonly<DriverCounts>;
  readonly links: readonly LinkReport[];
  readonly linkCounters: LinkCounters | undefined;
  readonly discovered: readonly string[];
  readonly discoveryFailure: string | undefined;
}

/** Peers with samples of their own, by address; the rest are one together. */
export const PEERS_MAX = 256;
/** The address of that rest: none that anybody can have, for it has no port. */
const OTHERS = "others";

// What has never happened is shown as zero: the first time would be no increase of a series that was not there.
const NEVER_ENDED = zeroOf([...Object.keys(CLOSE_CODES), "network"]);
const NEVER_REFUSED = zeroOf([...Object.keys(CLOSE_CODES), ...Object.keys(UPGRADE_STATUS), "unreachable"]);

const LANES: readonly Lane[] = ["control", "data"];
const LEASES: readonly LeaseStatus[] = ["none", "held", "soft", "frozen", "fenced"];

/** Every sample of a cluster. */
export function clusterSamples(vitals: ClusterVitals, tally: ClusterTally): readonly Sample[] {
  return [
    ...viewSamples(vitals),
    ...LEASES.map((state) => sample("troupe_lease_state", { state }, Number(vitals.lease === state))),
    sample("troupe_lease_remaining_seconds", {}, vitals.leaseLeftMs / 1_000),
    sample("troupe_cluster_inputs_queued", {}, vitals.inputCount),
    sample("troupe_discovery_failing", {}, Number(vitals.discoveryFailure !== undefined)),
    sample("troupe_discovered_addresses", {}, vitals.discovered.length),
    ...tallySamples(tally),
    ...frameSamples(vitals),
    ...linkSamples(vitals),
  ];
}

function viewSamples({ id, view, leaseLeftMs }: ClusterVitals): readonly Sample[] {
  const count = (status: "up" | "leaving") => view?.members.filter((member) => member.status === status).length ?? 0;
  const roles = rolesOf(id, view);
  return [
    sample("troupe_in_cluster", {}, Number(view !== undefined)),
    sample("troupe_leader", {}, Number(view?.leader === id && leaseLeftMs > 0)),
    sample("troupe_view_epoch", {}, view?.epoch ?? 0),
    sample("troupe_members", { status: "up" }, count("up")),
    sample("troupe_members", { status: "leaving" }, count("leaving")),
    sample("troupe_voters", {}, view?.voters.length ?? 0),
    sample("troupe_partitions", { role: "owned" }, roles.owned),
    sample("troupe_partitions", { role: "backup" }, roles.backup),
    sample("troupe_partitions", { role: "moving" }, roles.moving),
  ];
}

/** `moving`: to, from or with this node; such a partition is also counted as what it is until then. */
function rolesOf(id: NodeId, view: View | undefined): { owned: number; backup: number; moving: number } {
  const roles = { owned: 0, backup: 0, moving: 0 };
  for (const { group, next } of view?.partitions ?? []) {
    const place = group.indexOf(id);
    if (place === 0) roles.owned++;
    else if (place > 0) roles.backup++;
    if (next !== undefined && (place >= 0 || next.group.includes(id))) roles.moving++;
  }
  return roles;
}

function tallySamples({ letters, relocated, facts }: ClusterTally): readonly Sample[] {
  return [
    sample("troupe_messages_total", { thread: "0", route: "nodes" }, letters),
    ...Object.entries(relocated).map(([outcome, value]) => sample("troupe_relocated_actors_total", { outcome }, value)),
    ...Object.entries(facts).map(([event, value]) => sample("troupe_cluster_events_total", { event }, value)),
  ];
}

function frameSamples({ counts, linkCounters }: ClusterVitals): readonly Sample[] {
  const samples = [
    sample("troupe_frames_total", { direction: "received" }, counts.framesReceived),
    sample("troupe_frames_total", { direction: "sent" }, counts.framesSent),
    sample("troupe_frames_malformed_total", {}, counts.framesMalformed),
    sample("troupe_frames_odd_total", {}, counts.odd),
    sample("troupe_frames_unsent_total", {}, counts.framesUnsent),
  ];
  if (linkCounters === undefined) return samples;
  const { refused, ended, lostFrames } = linkCounters;
  return [
    ...samples,
    ...Object.entries({ ...NEVER_REFUSED, ...refused }).map(([code, count]) =>
      sample("troupe_handshakes_refused_total", { code }, count)
    ),
    ...Object.entries({ ...NEVER_ENDED, ...ended }).map(([reason, count]) =>
      sample("troupe_links_ended_total", { reason }, count)
    ),
    sample("troupe_link_frames_lost_total", {}, lostFrames),
  ];
}

/** Each peer that should have links or has one, on both lanes. */
function linkSamples({ id, view, links }: ClusterVitals): readonly Sample[] {
  const members = view?.members.filter((member) => member.id !== id) ?? [];
  const nameOf = peerNames([...members.map(({ address }) => address), ...links.map(({ address }) => address)]);
  const sums = new Sums();
  for (const { address } of members) {
    for (const lane of LANES) sums.add("troupe_link_up", { peer: nameOf(address), lane }, 0);
  }
  for (const link of links) addLink(sums, link, { peer: nameOf(link.address), lane: link.lane });
  return sums.samples;
}

function addLink(sums: Sums, link: LinkReport, labels: { readonly peer: string; readonly lane: Lane }): void {
  sums.add("troupe_link_up", labels, 1);
  sums.add("troupe_link_queued_bytes", labels, link.queuedBytes);
  sums.most("troupe_link_silent_seconds", labels, link.silentForMs / 1_000);
  sums.add("troupe_link_frames_total", { ...labels, direction: "sent" }, link.sentFrames);
  sums.add("troupe_link_frames_total", { ...labels, direction: "received" }, link.receivedFrames);
  sums.add("troupe_link_bytes_total", { ...labels, direction: "sent" }, link.sentBytes);
  sums.add("troupe_link_bytes_total", { ...labels, direction: "received" }, link.receivedBytes);
  sums.add("troupe_link_frames_refused_total", labels, link.refusedFrames);
}

function zeroOf(names: readonly string[]): Readonly<Record<string, number>> {
  return Object.fromEntries(names.map((name) => [name, 0]));
}

/** The name of each address: itself for the first ones in their order, the same ones as long as the addresses are. */
function peerNames(addresses: readonly string[]): (address: string) => string {
  const shown = new Set([...new Set(addresses)].sort().slice(0, PEERS_MAX));
  return (address) => shown.has(address) ? address : OTHERS;
}

/** Samples that may meet: two lives of one node, or all that is called `others`. */
class Sums {
  readonly #byKey = new Map<string, Sample>();

  get samples(): readonly Sample[] {
    return [...this.#byKey.values()];
  }

  add<Name extends MetricName>(...[name, labels, value]: Parameters<typeof sample<Name>>): void {
    this.#merge(sample(name, labels, value), (one, other) => one + other);
  }

  most<Name extends MetricName>(...[name, labels, value]: Parameters<typeof sample<Name>>): void {
    this.#merge(sample(name, labels, value), Math.max);
  }

  #merge(one: Sample, merged: (one: number, other: number) => number): void {
    const key = JSON.stringify([one.name, ...METRICS[one.name].labels.map((label) => one.labels[label])]);
    const before = this.#byKey.get(key);
    this.#byKey.set(key, before === undefined ? one : { ...one, value: merged(before.value, one.value) });
  }
}
