/**
 * Doing what relocation wants done: asking nodes to claim, deleting what is not to go on, all within budgets. Pure
 * functions over a directory's state.
 *
 * One idea: whoever is asked may refuse, forget or die. It is asked again, then another, until the record has left its
 * holder; nothing else ends the asking.
 *
 * Invariant: no node has more than {@link HINTS_PER_TARGET_MAX} hints of this node that are not settled.
 *
 * @module
 */
import type { Instant, NodeId } from "../core/ids.ts";
import type { Claim, DirectoryEffect, HintRefusal } from "./directory_protocol.ts";
import { type DirectoryState, hasLease, nextNumber, nextOperation, send, wakeIn } from "./directory_state.ts";
import { callEngine } from "./engine_calls.ts";
import { type CasOperation, type Expected, isSameVersion, type RegistryRecord } from "./engine.ts";
import type { Relocating, Relocator } from "./relocator.ts";
import { candidates, chooseTarget, singletonHost } from "./targets.ts";

/** Hints to one target that are not settled. At the limit: others are asked, or it waits. */
export const HINTS_PER_TARGET_MAX = 256;
/** Hints a second to one target: what a node can start. At the limit: others are asked, or it waits. */
export const STARTS_PER_SECOND_MAX = 2000;
/** Milliseconds until a hint that showed nothing is repeated. */
export const HINT_REPEAT_MS = 500;
/** Hints to one target before another is asked. */
export const HINT_TRIES = 3;
/** Deletions in one request to the engine. */
const DELETES_PER_CALL_MAX = 256;
/** Such requests at one time. */
const DELETE_CALLS_MAX = 16;
/** Milliseconds until budgets are looked at again. */
const PUMP_MS = 50;

/** Puts it where its turn will come. */
export function enqueue(relocating: Relocator, item: Relocating): void {
  item.round = 0; // What was put down for it to be looked at again no longer counts.
  const queue = item.plan !== "hint"
    ? relocating.deletes
    : item.entry.record.type === "singleton"
    ? relocating.singletons
    : relocating.others;
  if (!queue.push(item)) relocating.blocked.add(item);
}

/** It is not with its target any more. */
export function leaveTarget(state: DirectoryState, item: Relocating): void {
  const { inFlight } = state.relocator;
  if (item.target !== undefined) {
    const count = (inFlight.get(item.target) ?? 0) - 1;
    if (count > 0) inFlight.set(item.target, count);
    else inFlight.delete(item.target);
  }
  item.target = undefined;
  item.tries = 0;
}

/** Sends what the budgets allow. */
export function pump(state: DirectoryState, now: Instant, out: DirectoryEffect[]): void {
  const relocating = state.relocator;
  if (!hasLease(state)) return pumpLater(state, now);
  pumpDeletes(state, now, out);
  for (const queue of [relocating.singletons, relocating.others]) {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      if (!isDue(relocating, item) || item.target !== undefined) continue;
      if (!hint(state, item, now, out)) {
        queue.unshift(item);
        pumpLater(state, now);
        break;
      }
    }
  }
}

/** Budgets may allow more. */
export function pumpDue(state: DirectoryState, now: Instant, out: DirectoryEffect[]): void {
  state.relocator.isPumpDue = false;
  pump(state, now, out);
}

/** A hint or a deletion has shown nothing for a while. */
export function relocateAgain(
  state: DirectoryState,
  key: string,
  round: number,
  now: Instant,
  out: DirectoryEffect[],
): void {
  const item = state.relocator.items.get(key);
  if (item === undefined || item.round !== round || item.isParked) return;
  const { target, entry } = item;
  if (target !== undefined) {
    const mayStill = candidates(state, entry.record).some(({ id }) => id === target);
    if (mayStill && item.tries < HINT_TRIES && hasLease(state)) return sendHint(state, item, target, now, out);
    item.refusedBy.add(target);
    leaveTarget(state, item);
  }
  enqueue(state.relocator, item);
  pump(state, now, out);
}

/** A node does not want it. */
export function hintRefused(
  state: DirectoryState,
  from: NodeId,
  key: string,
  expect: Expected,
  why: HintRefusal,
  now: Instant,
  out: DirectoryEffect[],
): void {
  const item = state.relocator.items.get(key);
  if (item === undefined || item.target !== from || expect === "absent") return;
  if (!isSameVersion(expect, item.entry.version) || why === "busy") return; // Busy is asked again after its time.
  item.refusedBy.add(from);
  leaveTarget(state, item);
  const { record } = item.entry;
  const isLeft = record.type !== "singleton" && candidates(state, record).some(({ id }) => !item.refusedBy.has(id));
  if (isLeft) {
    enqueue(state.relocator, item);
    return pump(state, now, out);
  }
  item.refusedBy.clear(); // All have refused: from the beginning, after a while.
  waitFor(state, item, now);
}

/** The answer to a request of deletions. */
export function deletesAnswered(
  state: DirectoryState,
  keys: readonly string[],
  now: Instant,
  out: DirectoryEffect[],
): void {
  state.relocator.deleteCalls = Math.max(0, state.relocator.deleteCalls - 1);
  for (const key of keys) {
    const item = state.relocator.items.get(key);
    if (item === undefined || item.plan === "hint") continue;
    waitFor(state, item, now); // What was deleted the engine tells as a change; what was not is tried again.
  }
  pump(state, now, out);
}

/** Whether what comes out of a queue is still to be seen to. */
function isDue(relocating: Relocator, item: Relocating): boolean {
  return relocating.items.get(item.entry.key) === item && !item.isParked;
}

/** A record without its holder. */
function claimOf(record: RegistryRecord): Claim {
  const { type, kind, spec, isRelocatable, isEager, role, idempotencyKey } = record;
  return { type, kind, spec, isRelocatable, isEager, role, idempotencyKey };
}

/** Asks a node to claim; false when budgets allow nobody now. */
function hint(state: DirectoryState, item: Relocating, now: Instant, out: DirectoryEffect[]): boolean {
  const { entry } = item;
  const { record } = entry;
  const relocating = state.relocator;
  const all = candidates(state, record);
  if (all.length === 0) return block(state, item, out);
  if (all.every(({ id }) => item.refusedBy.has(id))) item.refusedBy.clear();
  const isSpent = (id: NodeId) => !hasBudget(relocating, id, now);
  let target: NodeId | undefined;
  if (record.type === "singleton") {
    target = singletonHost(state, record);
    if (target !== undefined && isSpent(target)) return false;
  } else {
    const isExcluded = (id: NodeId) => item.refusedBy.has(id) || isSpent(id);
    const choice = chooseTarget(state, record, { kind: "least-load" }, state.self, isExcluded);
    if (choice.kind === "refused") return false; // There are candidates: all of them have what they can take.
    target = choice.node;
  }
  if (target === undefined) return block(state, item, out);
  item.target = target;
  spend(relocating, target);
  sendHint(state, item, target, now, out);
  return true;
}

function sendHint(
  state: DirectoryState,
  item: Relocating,
  target: NodeId,
  now: Instant,
  out: DirectoryEffect[],
): void {
  const { key, record, version } = item.entry;
  item.tries++;
  waitFor(state, item, now);
  const why = record.type === "singleton" ? "singleton" : "relocation";
  send(state, target, { kind: "hint", key, claim: claimOf(record), expect: version, why }, out);
}

function block(state: DirectoryState, item: Relocating, out: DirectoryEffect[]): boolean {
  const { holder, kind, role } = item.entry.record;
  state.relocator.blocked.add(item);
  const event = { kind: "relocationBlocked", node: holder, key: item.entry.key, kindName: kind, role } as const;
  out.push({ kind: "event", event });
  return true;
}

function pumpDeletes(state: DirectoryState, now: Instant, out: DirectoryEffect[]): void {
  const relocating = state.relocator;
  const { deletes } = relocating;
  while (deletes.size > 0 && relocating.deleteCalls < DELETE_CALLS_MAX) {
    const items: Relocating[] = [];
    while (items.length < DELETES_PER_CALL_MAX) {
      const item = deletes.at(0);
      if (item === undefined || (items[0] !== undefined && items[0].partition !== item.partition)) break;
      deletes.shift();
      if (isDue(relocating, item)) items.push(item);
    }
    const first = items[0];
    if (first === undefined) continue;
    const operations: CasOperation[] = items.map(({ entry }) => ({
      key: entry.key,
      expect: entry.version,
      record: null,
      opId: nextOperation(state),
    }));
    const { partition } = first;
    const keys = operations.map(({ key }) => key);
    const purpose = { kind: "deletes", partition, keys } as const;
    const request = { kind: "casMany", partition, operations } as const;
    if (callEngine(state.calls, purpose, request, state.timings.writeTimeoutMs, now, out)) relocating.deleteCalls++;
    else for (const item of items) waitFor(state, item, now);
  }
}

function waitFor(state: DirectoryState, item: Relocating, now: Instant): void {
  item.round = nextNumber(state);
  wakeIn(state, now, HINT_REPEAT_MS, { kind: "relocate", key: item.entry.key, round: item.round });
}

function hasBudget(relocating: Relocator, id: NodeId, now: Instant): boolean {
  if ((relocating.inFlight.get(id) ?? 0) >= HINTS_PER_TARGET_MAX) return false;
  const budget = relocating.budgets.get(id);
  if (budget === undefined) {
    relocating.budgets.set(id, { starts: STARTS_PER_SECOND_MAX, at: now });
    return true;
  }
  const earned = Math.floor((now - budget.at) * STARTS_PER_SECOND_MAX / 1000);
  if (earned > 0) {
    budget.starts = Math.min(STARTS_PER_SECOND_MAX, budget.starts + earned);
    budget.at = now;
  }
  return budget.starts > 0;
}

function spend(relocating: Relocator, id: NodeId): void {
  relocating.inFlight.set(id, (relocating.inFlight.get(id) ?? 0) + 1);
  const budget = relocating.budgets.get(id);
  if (budget !== undefined) budget.starts--;
}

function pumpLater(state: DirectoryState, now: Instant): void {
  const relocating = state.relocator;
  const waiting = relocating.singletons.size + relocating.others.size + relocating.deletes.size;
  if (relocating.isPumpDue || waiting === 0 || state.isFenced) return;
  relocating.isPumpDue = true;
  wakeIn(state, now, PUMP_MS, { kind: "pump" });
}
