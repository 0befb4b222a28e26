/**
 * Whom a proposer should remove: gathers accusations until they agree, so that nodes that went together leave by one
 * view. A pure machine that changes its own state in place.
 *
 * One idea (from Rapid: Suresh, Malkhi et al., USENIX ATC 2018): a subject with many accusers is gone, one with a few is
 * unclear, and while somebody is unclear the cut waits a little, because the missing accusations are probably on their
 * way. So one blinking node neither leaves by itself nor stops the others from leaving.
 *
 * Invariant: an observer counts once, for a subject the installed view gives it, and while its alert is fresh. A node
 * never asks for its own removal.
 *
 * @module
 */
import type { Instant, NodeId } from "../core/ids.ts";
import { grayRemoval } from "./cut_gray.ts";
import { accuse, accuserCount, block, createSuspect, forgetStale, type Suspect } from "./cut_suspect.ts";
import type { AlertFrom } from "./detector_protocol.ts";
import { isObserver, type ObserverRing, observersOf, ringOf } from "./observers.ts";
import type { Timings } from "./settings.ts";
import type { Now } from "./time.ts";
import type { View } from "./view.ts";

/** Milliseconds a cut waits for what is unclear: the slowest observer needs one more round than the fastest. */
export const HOLD_MS = 3_000;
/** Why an accusation was not taken: for counters. */
export type CutRefusal =
  /** There is no view yet to judge it by. */
  | "no-view"
  /** The subject, or who accuses, is no member. */
  | "not-member"
  /** Not its observer, under the same view as ours: forged, or a bug of the sender. */
  | "not-observer"
  /** Not its observer here, perhaps under the view of the sender. It repeats itself. */
  | "other-view"
  /** Enough accuse it already. */
  | "full";

/** The state of a cut. Belongs to its node's machine. */
export interface Cut {
  readonly self: NodeId;
  readonly timings: Timings;
  view: View | undefined;
  ring: ObserverRing | undefined;
  /** Only of members with something said of them. */
  readonly suspects: Map<NodeId, Suspect>;
  readonly refusals: Record<CutRefusal, number>;
}

/** What a cut is told. */
export type CutInput =
  | { readonly kind: "tick" }
  | { readonly kind: "view"; readonly view: View }
  /** `by` is this node, or who sent it: never what a frame says of itself. */
  | AlertFrom
  /** `by` cannot go on while `subject` does not answer. Counts like an observer's alert. */
  | { readonly kind: "accused"; readonly subject: NodeId; readonly by: NodeId }
  /** Another process asks to join from this member's address: the old one has ended. */
  | { readonly kind: "superseded"; readonly subject: NodeId };

/** Accusers that make a cut, and that make a subject unclear. */
export interface CutThresholds {
  readonly high: number;
  readonly low: number;
}

/** A cut that knows no view and suspects nobody. */
export function createCut(options: { readonly self: NodeId; readonly timings: Timings }): Cut {
  return {
    ...options,
    view: undefined,
    ring: undefined,
    suspects: new Map(),
    refusals: { "no-view": 0, "not-member": 0, "not-observer": 0, "other-view": 0, "full": 0 },
  };
}

/** One input. */
export function stepCut(cut: Cut, input: CutInput, now: Now): void {
  switch (input.kind) {
    case "tick":
      for (const [subject, suspect] of cut.suspects) review(cut, subject, suspect, now);
      return;
    case "view":
      return install(cut, input.view, now);
    case "alert":
      return takeAlert(cut, input, now);
    case "accused":
      return takeBlocked(cut, input.subject, input.by, now);
    case "superseded":
      return takeSuperseded(cut, input.subject, now);
    default:
      return input satisfies never;
  }
}

/**
 * Whom to remove by the next view, oldest member first; nobody while it is too early to say. Empty for a node that is no
 * member. Changes nothing: it may be asked as often as one likes.
 */
export function removals(cut: Cut, now: Now): readonly NodeId[] {
  const { view, ring, self, timings } = cut;
  if (view === undefined || ring === undefined || !ring.positions.has(self)) return [];
  let since: Instant | undefined;
  let isUnclear = false;
  for (const [subject, { reachedAt, unclearAt }] of cut.suspects) {
    if (subject === self) continue;
    if (reachedAt === undefined) isUnclear ||= unclearAt !== undefined;
    else if (since === undefined || reachedAt < since) since = reachedAt;
  }
  if (since === undefined) return grayRemoval(view, self, cut.suspects, now);
  const waitedMs = now.mono - since;
  if (waitedMs < timings.cutDelayMs || (isUnclear && waitedMs < HOLD_MS)) return [];
  return view.members.map(({ id }) => id)
    .filter((id) => id !== self && cut.suspects.get(id)?.reachedAt !== undefined);
}

/** H and L for members with this many observers: six and three of ten, and the same parts of fewer, rounded up. */
export function cutThresholds(observerCount: number): CutThresholds {
  return { high: Math.ceil(6 * observerCount / 10), low: Math.ceil(3 * observerCount / 10) };
}

function takeAlert(cut: Cut, { subject, by, alert, epoch }: AlertFrom, now: Now): void {
  const { view, ring, refusals } = cut;
  if (view === undefined || ring === undefined) return void refusals["no-view"]++;
  if (!ring.positions.has(subject) || !ring.positions.has(by)) return void refusals["not-member"]++;
  if (!isLawful(cut, ring, by, subject)) return void refusals[epoch === view.epoch ? "not-observer" : "other-view"]++;
  if (alert === "clear" && !cut.suspects.has(subject)) return;
  const suspect = suspectOf(cut, subject);
  if (alert === "clear") suspect.alerts.delete(by);
  else accuse(suspect, by, alert, now);
  review(cut, subject, suspect, now);
}

function takeBlocked(cut: Cut, subject: NodeId, by: NodeId, now: Now): void {
  const { ring, refusals } = cut;
  if (ring === undefined) return void refusals["no-view"]++;
  if (!ring.positions.has(subject) || !ring.positions.has(by)) return void refusals["not-member"]++;
  if (subject === by) return void refusals["not-observer"]++;
  const suspect = suspectOf(cut, subject);
  if (!block(suspect, by, now)) refusals["full"]++;
  review(cut, subject, suspect, now);
}

function takeSuperseded(cut: Cut, subject: NodeId, now: Now): void {
  const { ring, refusals } = cut;
  if (ring === undefined) return void refusals["no-view"]++;
  if (!ring.positions.has(subject)) return void refusals["not-member"]++;
  const suspect = suspectOf(cut, subject);
  suspect.supersededAt = now.mono;
  review(cut, subject, suspect, now);
}

/** Whether `by` may accuse. An observer that is accused itself still may: its alert is from before. */
function isLawful({ self }: Cut, ring: ObserverRing, by: NodeId, subject: NodeId): boolean {
  return isObserver(ring, by, subject) || (by === self && subject !== self);
}

function suspectOf({ suspects }: Cut, subject: NodeId): Suspect {
  const known = suspects.get(subject);
  if (known !== undefined) return known;
  const suspect = createSuspect();
  suspects.set(subject, suspect);
  return suspect;
}

/** What was said under an older view stays if it could be said under this one. */
function install(cut: Cut, view: View, now: Now): void {
  const ring = ringOf(view);
  cut.view = view;
  cut.ring = ring;
  for (const [subject, suspect] of cut.suspects) {
    if (!ring.positions.has(subject)) {
      cut.suspects.delete(subject);
      continue;
    }
    for (const by of suspect.alerts.keys()) if (!isLawful(cut, ring, by, subject)) suspect.alerts.delete(by);
    for (const by of suspect.blocked.keys()) if (!ring.positions.has(by)) suspect.blocked.delete(by);
    review(cut, subject, suspect, now);
  }
}

/** Forgets what is stale and sees whether a threshold was passed, in either direction. */
function review(cut: Cut, subject: NodeId, suspect: Suspect, now: Now): void {
  if (!forgetStale(suspect, now)) {
    cut.suspects.delete(subject);
    return;
  }
  const isSuperseded = suspect.supersededAt !== undefined;
  const { high, low } = cutThresholds(cut.ring?.observerCount ?? 0);
  const count = accuserCount(suspect);
  const isUnclear = isSuperseded || (count > 0 && count >= low);
  suspect.unclearAt = isUnclear ? suspect.unclearAt ?? now.mono : undefined;
  const isReached = isSuperseded || (count > 0 && count >= high) || isLeftByOthers(cut, subject, suspect, now);
  suspect.reachedAt = isReached ? suspect.reachedAt ?? now.mono : undefined;
}

/**
 * When many go at once, some of the lost are observed by others of the lost, who cannot say what they do not live to
 * see: with four of seven gone, no subject ever has four accusers. So after the hold a subject is also cut by the same
 * part of those of its observers whom nobody accuses; by two of them at least, so that one deaf node can't do it alone.
 */
function isLeftByOthers(cut: Cut, subject: NodeId, { alerts, unclearAt }: Suspect, now: Now): boolean {
  if (cut.view === undefined || unclearAt === undefined || now.mono - unclearAt < HOLD_MS) return false;
  const voices = observersOf(cut.view, subject).filter((id) => !isAccused(cut.suspects.get(id)));
  const accusers = voices.filter((id) => alerts.get(id)?.alert === "down");
  return accusers.length >= Math.max(2, cutThresholds(voices.length).high);
}

function isAccused(suspect: Suspect | undefined): boolean {
  return suspect !== undefined && accuserCount(suspect) > 0;
}
