/**
 * The comparison of what a partition's records say a node holds with what it does hold. Both sides; pure functions over
 * a directory's state.
 *
 * One idea: messages and answers get lost, so now and then both sides compare notes. A record that nobody backs goes; an
 * activation that no record backs stops.
 *
 * Invariant: operations are compared, not names, and what is newer than the audit is not judged by it.
 *
 * @module
 */
import type { Instant, NodeId, Partition } from "../core/ids.ts";
import { below } from "../core/random.ts";
import { isHolding } from "./activation.ts";
import { stopActivation } from "./activation_life.ts";
import type { AuditLine, DirectoryEffect, DirectoryMessage } from "./directory_protocol.ts";
import { type DirectoryState, refuse, send, wakeIn } from "./directory_state.ts";
import { type Entry, isOlder } from "./engine.ts";
import { releaseGhost } from "./ghosts.ts";
import { ownerOf } from "./view.ts";

/** Lines of one audit. Of a holder with more in one partition, only ghosts are found. */
export const AUDIT_LINES_MAX = 4096;

/** Begins the audits of a partition whose records are known, at some time within a period. */
export function auditFrom(state: DirectoryState, partition: Partition, now: Instant): void {
  const duty = state.duty.partitions.get(partition);
  if (duty === undefined) return;
  const ms = 1 + below(state.random, Math.max(1, Math.floor(state.timings.stateSyncMs)));
  wakeIn(state, now, ms, { kind: "audit", partition, round: duty.round });
}

/** Sends each member the records of a partition that name it. */
export function audit(
  state: DirectoryState,
  partition: Partition,
  round: number,
  now: Instant,
  out: DirectoryEffect[],
): void {
  const duty = state.duty.partitions.get(partition);
  if (duty === undefined || duty.round !== round || state.isFenced) return;
  wakeIn(state, now, state.timings.stateSyncMs, { kind: "audit", partition, round });
  const { at } = duty;
  if (at === undefined) return; // Never written since the duty began: nobody's activation is older than that.
  const lines = new Map<NodeId, AuditLine[]>();
  for (const id of state.members) lines.set(id, []);
  for (const { key, opId, record } of duty.entries.values()) lines.get(record.holder)?.push({ key, opId });
  for (const [id, all] of lines) {
    const isWhole = all.length <= AUDIT_LINES_MAX;
    send(state, id, { kind: "holdAudit", partition, at, lines: all.slice(0, AUDIT_LINES_MAX), isWhole }, out);
  }
}

/** Asks the holder of one record whether it backs it. */
export function auditOne(state: DirectoryState, partition: Partition, entry: Entry, out: DirectoryEffect[]): void {
  const { key, opId, version, record } = entry;
  send(
    state,
    record.holder,
    { kind: "holdAudit", partition, at: version, lines: [{ key, opId }], isWhole: false },
    out,
  );
}

/** Compares. Only the owner of the partition in our own view is believed. */
export function audited(
  state: DirectoryState,
  from: NodeId,
  message: Extract<DirectoryMessage, { kind: "holdAudit" }>,
  now: Instant,
  out: DirectoryEffect[],
): void {
  const { partition, at, lines, isWhole } = message;
  if (state.view === undefined || ownerOf(state.view, partition) !== from) return refuse(state, "not-owner");
  const opIdOf = new Map<string, string>();
  for (const { key, opId } of lines.slice(0, AUDIT_LINES_MAX)) {
    opIdOf.set(key, opId);
    const ours = state.activations.get(key);
    const isOurs = ours !== undefined && (ours.opId === opId || !state.rules.auditByOperation);
    if (!isOurs) releaseGhost(state, key, opId, false, now, out);
  }
  if (!isWhole) return;
  for (const activation of [...state.byPartition.get(partition)?.values() ?? []]) {
    const { key, token, opId } = activation;
    if (token === undefined || !isHolding(activation)) continue;
    if (state.rules.auditByVersion && isOlder(at, token)) continue; // Claimed after the audit was written.
    const listed = opIdOf.get(key);
    if (listed === opId || (listed !== undefined && !state.rules.auditByOperation)) continue;
    out.push({ kind: "event", event: { kind: "lostClaim", key, token } });
    stopActivation(state, activation, "lost-claim", now, out);
  }
}
