/**
 * The records of the partitions this node is on duty for, as its engine tells them: one scan when the duty begins, then
 * every committed change. Changes in place.
 *
 * One idea: this is a copy to look things up in and to find work by. It may be behind; whoever acts on it does so by a
 * compare-and-set with the version found here.
 *
 * Invariant: a scan contains every change that the engine told before it, and later changes are told after it. So a
 * partition that is ready holds exactly the records as of `at`.
 *
 * @module
 */
import { partitionOfKey } from "../core/hash.ts";
import type { Instant, NodeId, Partition } from "../core/ids.ts";
import { auditFrom } from "./audit.ts";
import type { DirectoryEffect } from "./directory_protocol.ts";
import { type DirectoryState, nextNumber, refuse, wakeIn } from "./directory_state.ts";
import { callEngine } from "./engine_calls.ts";
import { type Entry, isOlder, type Version } from "./engine.ts";
import { wantedChanged } from "./locate.ts";
import { announceLosses, dutyBack, dutyEnded, recordChanged } from "./relocator.ts";

/** Milliseconds until a scan that was not complete is repeated. */
const RESCAN_MS = 500;

/** One partition of this node's duty. */
export interface DutyPartition {
  readonly entries: Map<string, Entry>;
  /** Names the duty, from its beginning to its end. */
  readonly round: number;
  /** The scan has come: what is not in `entries` is not in the registry. */
  isReady: boolean;
  /** Changed while the scan was under way. */
  touched: Set<string>;
  /** The newest version seen. */
  at: Version | undefined;
}

/** All of them. */
export interface DutyRecords {
  readonly partitions: Map<Partition, DutyPartition>;
  /** Keys of the records by who holds them. */
  readonly byHolder: Map<NodeId, Map<string, Entry>>;
}

/** No duty yet. */
export function dutyRecords(): DutyRecords {
  return { partitions: new Map(), byHolder: new Map() };
}

/** The partition of a key, when this node is on duty for it and knows its records. */
export function dutyOfKey(state: DirectoryState, key: string): DutyPartition | undefined {
  const duty = state.duty.partitions.get(partitionOfKey(key, state.settings.partitionCount));
  return duty?.isReady === true ? duty : undefined;
}

/** Records that a node holds, in this node's duty. */
export function heldCount(state: DirectoryState, holder: NodeId): number {
  return state.duty.byHolder.get(holder)?.size ?? 0;
}

/** The engine gives a duty, or takes it. */
export function dutyChanged(
  state: DirectoryState,
  partition: Partition,
  isOn: boolean,
  now: Instant,
  out: DirectoryEffect[],
): void {
  const before = state.duty.partitions.get(partition);
  if (before !== undefined) {
    for (const entry of before.entries.values()) removeHolder(state, entry);
    state.duty.partitions.delete(partition);
    dutyEnded(state, partition, before.entries.keys(), out);
  }
  if (!isOn) return;
  const round = nextNumber(state);
  state.duty.partitions.set(partition, {
    entries: new Map(),
    round,
    isReady: false,
    touched: new Set(),
    at: undefined,
  });
  scan(state, partition, now, out);
}

/** Reads the partition as a whole. */
export function scan(state: DirectoryState, partition: Partition, now: Instant, out: DirectoryEffect[]): void {
  const duty = state.duty.partitions.get(partition);
  if (duty === undefined || duty.isReady || state.isFenced) return;
  const isAsked = callEngine(
    state.calls,
    { kind: "scan", partition, round: duty.round },
    { kind: "scan", partition, holder: undefined },
    state.timings.readTimeoutMs,
    now,
    out,
  );
  if (!isAsked) wakeIn(state, now, RESCAN_MS, { kind: "scan", partition });
}

/** The answer to a scan. */
export function scanAnswered(
  state: DirectoryState,
  partition: Partition,
  round: number,
  entries: readonly Entry[],
  isComplete: boolean,
  now: Instant,
  out: DirectoryEffect[],
): void {
  const duty = state.duty.partitions.get(partition);
  if (duty === undefined || duty.round !== round || duty.isReady) return;
  if (!isComplete) return wakeIn(state, now, RESCAN_MS, { kind: "scan", partition });
  duty.isReady = true;
  for (const entry of entries) {
    if (duty.touched.has(entry.key)) continue;
    put(state, duty, entry.key, entry);
    recordChanged(state, partition, entry.key, entry, now, out);
  }
  duty.touched = new Set();
  dutyBack(state, partition, duty.entries, out);
  announceLosses(state, now, out);
  auditFrom(state, partition, now);
}

/** A committed change. */
export function entryChanged(
  state: DirectoryState,
  partition: Partition,
  key: string,
  entry: Entry | null,
  now: Instant,
  out: DirectoryEffect[],
): void {
  const duty = state.duty.partitions.get(partition);
  if (duty === undefined) return refuse(state, "not-on-duty");
  const before = duty.entries.get(key);
  if (before !== undefined && entry !== null && isOlder(entry.version, before.version)) return;
  if (!duty.isReady) duty.touched.add(key);
  put(state, duty, key, entry);
  recordChanged(state, partition, key, entry, now, out);
  announceLosses(state, now, out);
  wantedChanged(state, key, now, out);
}

function put(state: DirectoryState, duty: DutyPartition, key: string, entry: Entry | null): void {
  const before = duty.entries.get(key);
  if (before !== undefined) removeHolder(state, before);
  if (entry === null) {
    duty.entries.delete(key);
    return;
  }
  duty.entries.set(key, entry);
  if (duty.at === undefined || isOlder(duty.at, entry.version)) duty.at = entry.version;
  const { holder } = entry.record;
  const held = state.duty.byHolder.get(holder);
  if (held === undefined) state.duty.byHolder.set(holder, new Map([[key, entry]]));
  else held.set(key, entry);
}

function removeHolder(state: DirectoryState, entry: Entry): void {
  const { holder } = entry.record;
  const held = state.duty.byHolder.get(holder);
  held?.delete(entry.key);
  if (held?.size === 0) state.duty.byHolder.delete(holder);
}
