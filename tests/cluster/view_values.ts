/**
 * Views, members and clocks for tests of the core: small values with a usual shape, changed where a test says so.
 *
 * @module
 */
import { epoch, instant, type NodeId, nodeId } from "../../core/ids.ts";
import type { Entry, RegistryRecord } from "../../cluster/engine.ts";
import { firstView, nextView } from "../../cluster/next_view.ts";
import { ALL_RULES, type Rules } from "../../cluster/rules.ts";
import { type ClusterSettings, TIMINGS, type Timings } from "../../cluster/settings.ts";
import type { Now } from "../../cluster/time.ts";
import type { Member, Placed, QuorumRule, View, ViewDraft, Voter } from "../../cluster/view.ts";
import { active, member } from "./planned.ts";

/** What nodes of these tests are told: one partition, three copies, dynamic votes. */
export const SETTINGS: ClusterSettings = {
  name: "test",
  partitionCount: 1,
  replicaCount: 3,
  writeQuorum: 2,
  readQuorum: 1,
  rule: { kind: "dynamic" },
  minimumPeersQuorum: 1,
};

/** The usual times: leases of 6,000 ms, promises of 6,300 ms. */
export const TIMES: Timings = TIMINGS;

/** The present, with both clocks at the same number unless said otherwise. */
export function at(mono: number, wall: number = mono): Now {
  return { mono: instant(mono), wall };
}

/** Ids from a text such as `a b c`. */
export function ids(text: string): readonly NodeId[] {
  return text.split(" ").filter((name) => name !== "").map(nodeId);
}

/** Members from a text such as `a b c`, in this order of age. */
export function aged(text: string): readonly Member[] {
  return ids(text).map((id) => member(id));
}

/** The first view of a cluster of these members. */
export function founded(
  text: string,
  more: { readonly rule?: QuorumRule; readonly partitions?: readonly Placed[]; readonly cluster?: string } = {},
): View {
  const { rule = { kind: "dynamic" }, cluster = "test-1" } = more;
  return firstView(cluster, rule, aged(text), more.partitions ?? [active(1, ...ids(text).slice(0, 3))]);
}

/** The view after `view` for a changed draft; everybody has been seen as a member. */
export function following(
  view: View,
  draft: Partial<ViewDraft>,
  more: { readonly isProven?: (id: NodeId) => boolean; readonly rules?: Rules; readonly name?: string } = {},
): View {
  const { isProven = () => true, rules = ALL_RULES, name = `draft-${view.epoch + 1}` } = more;
  return nextView(view, { members: view.members, partitions: view.partitions, ...draft }, name, isProven, rules);
}

/** The view after `view`, without these members. */
export function lacking(view: View, gone: string): View {
  const without = new Set(ids(gone));
  return following(view, { members: view.members.filter(({ id }) => !without.has(id)) });
}

/** `a:2 b c` as voters: a name, and its votes where they are not 1. */
export function voters(text: string): readonly Voter[] {
  return text.split(" ").map((part) => {
    const [name = "", votes = "1"] = part.split(":");
    return { id: nodeId(name), weight: Number(votes) };
  });
}

/** Voters as text, the other way round. */
export function votesText(given: readonly Voter[]): string {
  return given.map(({ id, weight }) => weight === 1 ? id : `${id}:${weight}`).join(" ");
}

/** What a registry says of an actor of `holder`. */
export function record(holder: string, more: Partial<RegistryRecord> = {}): RegistryRecord {
  return {
    type: "actor",
    kind: "account",
    holder: nodeId(holder),
    holderJoin: epoch(1),
    spec: new Uint8Array(),
    isRelocatable: true,
    isEager: false,
    role: "",
    idempotencyKey: "",
    ...more,
  };
}

/** An entry with its version as `[cfg, seq]`. */
export function entry(key: string, [cfg, seq]: readonly [number, number], holder = "a", opId = `${key}-op`): Entry {
  return { key, version: { cfg: epoch(cfg), seq }, opId, record: record(holder) };
}
