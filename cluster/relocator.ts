/**
 * Relocation: "a record whose holder is gone must leave that holder". Each node sees to it in the partitions of its
 * duty: which records those are, and how far it is with them. Pure functions over a directory's state.
 *
 * One idea: what is to be done stands in the record, so the loop that does it can be lost with its node and taken up by
 * the next one.
 *
 * Invariant: for each lost node, held = relocated + released + excluded + failed + what is still open.
 *
 * @module
 */
import { partitionOfKey } from "../core/hash.ts";
import type { Instant, NodeId, Partition } from "../core/ids.ts";
import { RingQueue } from "../core/ring_queue.ts";
import type { DirectoryEffect, RelocationCounts } from "./directory_protocol.ts";
import { type DirectoryState, isLost, wakeIn } from "./directory_state.ts";
import { type Entry, isSameVersion, type RegistryRecord } from "./engine.ts";
import { ownerOf } from "./view.ts";
import { enqueue, leaveTarget, pump } from "./relocation_work.ts";

/** Records that wait for their turn; more than a node's table has. At the limit the record waits until a member joins. */
const QUEUE_MAX = 1 << 22;
/** Milliseconds between reports of progress. */
const PROGRESS_MS = 1_000;

/** What is to become of a record. */
export type Plan = "hint" | "release" | "exclude";

/** One record that must leave its holder. */
export interface Relocating {
  readonly entry: Entry;
  readonly partition: Partition;
  readonly plan: Plan;
  target: NodeId | undefined;
  tries: number;
  readonly refusedBy: Set<NodeId>;
  round: number;
  /** The duty for it has ended and will come back: nothing is done about it, and it stays counted. */
  isParked: boolean;
}

/** How far the records of one lost node are. */
interface Tally {
  held: number;
  relocated: number;
  released: number;
  excluded: number;
  failed: number;
  open: number;
  isAnnounced: boolean;
}

/** What one node has to relocate. */
export interface Relocator {
  readonly items: Map<string, Relocating>;
  readonly singletons: RingQueue<Relocating>;
  readonly others: RingQueue<Relocating>;
  readonly deletes: RingQueue<Relocating>;
  /** Kept until a member joins. */
  readonly blocked: Set<Relocating>;
  /** By partition: those whose duty has ended and will come back. */
  readonly parked: Map<Partition, Set<Relocating>>;
  readonly tallies: Map<NodeId, Tally>;
  readonly inFlight: Map<NodeId, number>;
  readonly budgets: Map<NodeId, { starts: number; at: Instant }>;
  /** Tallies that were not announced yet. */
  isNew: boolean;
  deleteCalls: number;
  isPumpDue: boolean;
}

/** Nothing to relocate. */
export function relocator(): Relocator {
  return {
    items: new Map(),
    singletons: new RingQueue(QUEUE_MAX),
    others: new RingQueue(QUEUE_MAX),
    deletes: new RingQueue(QUEUE_MAX),
    blocked: new Set(),
    parked: new Map(),
    tallies: new Map(),
    inFlight: new Map(),
    budgets: new Map(),
    isNew: false,
    deleteCalls: 0,
    isPumpDue: false,
  };
}

/** After a new view: finds what its removals left behind, and tries again what waited for a member. */
export function lossesInView(state: DirectoryState, hasJoined: boolean, now: Instant, out: DirectoryEffect[]): void {
  const relocating = state.relocator;
  for (const [holder, entries] of state.duty.byHolder) {
    if (state.members.has(holder)) continue;
    for (const entry of entries.values()) consider(state, undefined, entry);
  }
  for (const [partition, items] of relocating.parked) {
    if (isOurs(state, partition)) continue;
    for (const item of items) drop(state, item, out);
  }
  for (const id of [...relocating.inFlight.keys(), ...relocating.budgets.keys()]) {
    if (state.members.has(id)) continue;
    relocating.inFlight.delete(id);
    relocating.budgets.delete(id);
  }
  if (hasJoined) {
    for (const item of relocating.blocked) enqueue(relocating, item);
    relocating.blocked.clear();
  }
  announceLosses(state, now, out);
}

/** A record was read, or has changed. */
export function recordChanged(
  state: DirectoryState,
  partition: Partition,
  key: string,
  entry: Entry | null,
  now: Instant,
  out: DirectoryEffect[],
): void {
  const item = state.relocator.items.get(key);
  if (item !== undefined) {
    if (entry !== null && isSameVersion(entry.version, item.entry.version)) return goOn(state, item);
    settle(state, item, entry, out);
  }
  if (entry !== null) consider(state, partition, entry);
  if (state.relocator.singletons.size + state.relocator.others.size > 0) pump(state, now, out);
}

/**
 * The duty for a partition has ended. Where this node goes on as its owner, under another configuration, the duty comes
 * back, and what happens until then is counted then; otherwise the next one on duty counts what is left.
 */
export function dutyEnded(
  state: DirectoryState,
  partition: Partition,
  keys: Iterable<string>,
  out: DirectoryEffect[],
): void {
  for (const key of keys) {
    const item = state.relocator.items.get(key);
    if (item === undefined) continue;
    if (isOurs(state, partition)) park(state, item);
    else drop(state, item, out);
  }
}

/** The duty for a partition is back, and all of its records were read: those that are not among them are gone. */
export function dutyBack(
  state: DirectoryState,
  partition: Partition,
  entries: ReadonlyMap<string, Entry>,
  out: DirectoryEffect[],
): void {
  for (const item of state.relocator.parked.get(partition) ?? []) {
    if (!entries.has(item.entry.key)) settle(state, item, null, out);
  }
}

/** Says which nodes have left records behind since the last time, and begins with them. */
export function announceLosses(state: DirectoryState, now: Instant, out: DirectoryEffect[]): void {
  const relocating = state.relocator;
  if (relocating.isNew) {
    relocating.isNew = false;
    for (const [node, tally] of relocating.tallies) {
      if (tally.isAnnounced) continue;
      tally.isAnnounced = true;
      out.push({ kind: "event", event: { kind: "relocationStarted", node, held: tally.held } });
      wakeIn(state, now, PROGRESS_MS, { kind: "relocationProgress", node });
    }
  }
  pump(state, now, out);
}

/** Says how far it is. */
export function reportProgress(state: DirectoryState, node: NodeId, now: Instant, out: DirectoryEffect[]): void {
  const tally = state.relocator.tallies.get(node);
  if (tally === undefined) return;
  out.push({ kind: "event", event: { kind: "relocationProgress", node, counts: countsOf(tally) } });
  wakeIn(state, now, PROGRESS_MS, { kind: "relocationProgress", node });
}

function consider(state: DirectoryState, partition: Partition | undefined, entry: Entry): void {
  const { record, key } = entry;
  const relocating = state.relocator;
  if (state.view === undefined || !isLost(state, record.holder, record.holderJoin) || relocating.items.has(key)) return;
  const at = partition ?? partitionOfKey(key, state.settings.partitionCount);
  if (!isOurs(state, at)) return; // The duty is about to end, or the view of its beginning to come.
  const item: Relocating = {
    entry,
    partition: at,
    plan: planOf(record),
    target: undefined,
    tries: 0,
    refusedBy: new Set(),
    round: 0,
    isParked: false,
  };
  relocating.items.set(key, item);
  let tally = relocating.tallies.get(record.holder);
  if (tally === undefined) {
    tally = { held: 0, relocated: 0, released: 0, excluded: 0, failed: 0, open: 0, isAnnounced: false };
    relocating.tallies.set(record.holder, tally);
    relocating.isNew = true;
  }
  tally.held++;
  tally.open++;
  enqueue(relocating, item);
}

function planOf({ type, isRelocatable, isEager }: RegistryRecord): Plan {
  if (type === "singleton") return "hint";
  if (type === "grain") return isEager ? "hint" : "release";
  return isRelocatable ? "hint" : "exclude";
}

function settle(state: DirectoryState, item: Relocating, entry: Entry | null, out: DirectoryEffect[]): void {
  const { holder } = item.entry.record;
  remove(state, item);
  const tally = state.relocator.tallies.get(holder);
  if (tally === undefined) return;
  if (entry !== null) tally.relocated++;
  else if (item.plan === "release") tally.released++;
  else if (item.plan === "exclude") tally.excluded++;
  else tally.failed++;
  closeOne(state, holder, tally, out);
}

function closeOne(state: DirectoryState, node: NodeId, tally: Tally, out: DirectoryEffect[]): void {
  tally.open--;
  if (tally.open > 0) return;
  state.relocator.tallies.delete(node);
  out.push({ kind: "event", event: { kind: "relocationDone", node, counts: countsOf(tally) } });
}

function countsOf({ held, relocated, released, excluded, failed }: Tally): RelocationCounts {
  return { held, relocated, released, excluded, failed };
}

function isOurs(state: DirectoryState, partition: Partition): boolean {
  return state.view !== undefined && ownerOf(state.view, partition) === state.self;
}

function park(state: DirectoryState, item: Relocating): void {
  leaveTarget(state, item);
  const { blocked, parked } = state.relocator;
  blocked.delete(item);
  item.isParked = true;
  const others = parked.get(item.partition);
  if (others === undefined) parked.set(item.partition, new Set([item]));
  else others.add(item);
}

function unpark({ relocator: { parked } }: DirectoryState, item: Relocating): void {
  item.isParked = false;
  const items = parked.get(item.partition);
  items?.delete(item);
  if (items?.size === 0) parked.delete(item.partition);
}

/** The duty for it is back, and it is as it was. */
function goOn(state: DirectoryState, item: Relocating): void {
  if (!item.isParked) return;
  unpark(state, item);
  enqueue(state.relocator, item);
}

/** Another node counts it. */
function drop(state: DirectoryState, item: Relocating, out: DirectoryEffect[]): void {
  const { holder } = item.entry.record;
  remove(state, item);
  const tally = state.relocator.tallies.get(holder);
  if (tally === undefined) return;
  tally.held--;
  closeOne(state, holder, tally, out);
}

function remove(state: DirectoryState, item: Relocating): void {
  leaveTarget(state, item);
  unpark(state, item);
  state.relocator.items.delete(item.entry.key);
  state.relocator.blocked.delete(item);
}
