/**
 * The gate in front of everything clustered: whether what began under one identity of this process may run, and whether
 * what it made may leave, now. The main thread publishes it in shared memory; each thread asks it by its own clock.
 *
 * One idea: what is published is an instant and not a state. A main thread that stands still can neither renew the lease
 * nor say that it is over, so whoever asks must be able to see the end of it alone.
 *
 * Invariant: no thread finds the gate open later than the main thread would, had it looked at that moment.
 *
 * Pure: values in, verdicts out.
 *
 * @module
 */
import { after, type Instant, instant } from "./ids.ts";

/** Milliseconds by which one reading of a clock may be behind it: platforms round what they show, some to a whole one. */
export const CLOCK_GRAIN_MS = 1;

/** Until when a lease lasts, or what a thread's clocks show now: by its monotonic clock, and by the wall clock. */
export interface BothClocks {
  readonly mono: Instant;
  readonly wall: number;
}

/** Which rules of the gate hold: all, outside of our own tests. */
export interface GateRules {
  readonly generationGate: boolean;
  readonly freezeAtExpiry: boolean;
  readonly parkWhileFrozen: boolean;
}

/** All of them. */
export const ALL_GATE_RULES: GateRules = { generationGate: true, freezeAtExpiry: true, parkWhileFrozen: true };

/** What the main thread publishes: read as a whole or not at all. */
export interface LeaseGate {
  /** Counts the identities of this process, from 1. What began under another one is over for good. */
  readonly generation: number;
  /** The lease is over when either clock says so. `-Infinity` when there is none. */
  readonly untilMono: Instant;
  readonly untilWall: number;
  /** So many milliseconds before its end nothing begins any more: the longest a handler may keep its thread. */
  readonly marginMs: number;
}

/** What the gate says. */
export type GateVerdict =
  /** Anything may begin, and leave. */
  | "open"
  /** What runs may end, and what it makes may leave; nothing begins. */
  | "closing"
  /** Nothing runs or leaves; it waits. */
  | "shut"
  /** It began under another identity: it never runs or leaves again. */
  | "over";

/** A gate that nothing passes, for a process that begins as this identity, or that has just lost one. */
export function shutGate(generation: number): LeaseGate {
  return { generation, untilMono: instant(-Infinity), untilWall: -Infinity, marginMs: 0 };
}

/** The gate of a lease. To be published before anything that follows from the change of the lease. */
export function gateOf(
  generation: number,
  until: BothClocks | undefined,
  timings: { readonly leaseMs: number; readonly softAfterMs: number },
): LeaseGate {
  if (until === undefined) return shutGate(generation);
  const marginMs = timings.leaseMs - timings.softAfterMs;
  return { generation, untilMono: until.mono, untilWall: until.wall, marginMs };
}

/**
 * What the gate says to something that began under an identity.
 *
 * @param generation The identity it began under: of its activation, its record, its timer, its ask.
 * @param now By the clocks of the thread that asks, for which the gate is {@link seenFrom}.
 */
export function verdictOf(gate: LeaseGate, generation: number, now: BothClocks, rules: GateRules): GateVerdict {
  if (rules.generationGate && generation !== gate.generation) return "over";
  if (!rules.freezeAtExpiry) return "open";
  // Written so that a clock or a term that is no number shuts the gate.
  const leftMs = Math.min(gate.untilMono - now.mono, gate.untilWall - now.wall);
  if (!(leftMs > 0)) return "shut";
  return leftMs > gate.marginMs ? "open" : "closing";
}

/** Whether something may begin now: a message, a timer, the rest of a handler after its ask was answered. */
export function isOpen(gate: LeaseGate, generation: number, now: BothClocks, rules: GateRules): boolean {
  return verdictOf(gate, generation, now, rules) === "open";
}

/** Whether what a handler made may leave: into a ring, and from there into a socket. Both ask. */
export function mayLeave(gate: LeaseGate, generation: number, now: BothClocks, rules: GateRules): boolean {
  const verdict = verdictOf(gate, generation, now, rules);
  return verdict === "open" || verdict === "closing";
}

/** Whether a reply or a timer may resume its actor now. They wait for the lease as messages do. */
export function mayResume(gate: LeaseGate, generation: number, now: BothClocks, rules: GateRules): boolean {
  const verdict = verdictOf(gate, generation, now, rules);
  return verdict === "open" || (verdict !== "over" && !rules.parkWhileFrozen);
}

/**
 * How far a thread's monotonic clock is certainly ahead of the main thread's, in milliseconds; the true distance is this
 * or more. Each worker's clock begins with the worker. `-Infinity` before the first measurement: the gate stays shut.
 */
export type ClockLead = number;

/** A worker that has measured nothing. */
export const UNMEASURED: ClockLead = -Infinity;

/**
 * Takes in one measurement: the worker reads its clock and says what it shows, the main thread then reads its own and
 * answers. The longer that takes, the smaller the difference; it is never more than the true one. So the largest of all
 * measurements is the best, and safe. The mean, or half of the round trip, would be nearer and wrong half of the time.
 */
export function measured(lead: ClockLead, workerBefore: Instant, mainAfter: Instant): ClockLead {
  const sample = workerBefore - mainAfter - CLOCK_GRAIN_MS;
  return sample > lead ? sample : lead;
}

/** The gate with its term by the clock of a worker. All threads share the wall clock. */
export function seenFrom(gate: LeaseGate, lead: ClockLead): LeaseGate {
  return { ...gate, untilMono: after(gate.untilMono, lead) };
}
