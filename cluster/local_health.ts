/**
 * How far a node trusts itself: 0 is well, 8 is as sick as it gets. Pure; the score changes in place and has one owner.
 *
 * One idea (from Lifeguard: Dadgar, Phillips, Currey 2018): who hears nothing from anybody is more likely deaf than
 * surrounded by the dead. A doubtful node waits longer before it calls a probe failed, and a sick one accuses nobody.
 *
 * Invariant: nothing a stranger sends changes the score.
 *
 * @module
 */
import { after, type Instant, instant } from "../core/ids.ts";
import type { Now } from "./time.ts";

/** The worst score. Probes then wait nine times as long. */
export const HEALTH_SCORE_MAX = 8;
/** From this score on a node accuses nobody: half of the scale, four signs within seconds. */
export const HEALTH_SCORE_SICK = 4;
/** Milliseconds by which a 100 ms timer may be late before it is a sign: garbage collection alone stays below. */
export const LAG_MS_MAX = 150;
/**
 * Milliseconds between two steps towards health, however many probes succeed. Lifeguard's node probes one peer a
 * second; ours probes ten, and ten steps a second would wipe out every sign of lag before it had an effect.
 */
export const HEAL_MS = 1_000;
/**
 * Milliseconds without any sign after which the score falls by one, although no probe succeeded: who has lost its only
 * subject would otherwise never get well enough to say so.
 */
export const QUIET_MS = 5_000;

/** The opinion a node has of itself. */
export interface LocalHealth {
  /** Whole, `0` (well) to {@link HEALTH_SCORE_MAX}. */
  score: number;
  healAt: Instant;
  quietAt: Instant;
}

/** A node begins well. */
export function createLocalHealth(): LocalHealth {
  return { score: 0, healAt: instant(0), quietAt: instant(0) };
}

/** A sign that it is us: a probe failed without the nacks that were due, a lawful observer accuses us, the loop lags. */
export function worsen(health: LocalHealth, now: Now): void {
  health.score = Math.min(HEALTH_SCORE_MAX, health.score + 1);
  health.quietAt = after(now.mono, QUIET_MS);
}

/** A probe succeeded. */
export function improve(health: LocalHealth, now: Now): void {
  if (health.score === 0 || now.mono < health.healAt) return;
  health.score--;
  health.healAt = after(now.mono, HEAL_MS);
}

/** Time passes: without new signs the old ones fade. */
export function fade(health: LocalHealth, now: Now): void {
  if (health.score === 0 || now.mono < health.quietAt) return;
  health.score--;
  health.quietAt = after(now.mono, QUIET_MS);
}

/** A timer of this node came `lagMs` late. */
export function noteLag(health: LocalHealth, lagMs: number, now: Now): void {
  if (lagMs > LAG_MS_MAX) worsen(health, now);
}

/** Whether a node of this health may accuse others. */
export function mayAccuse(health: LocalHealth): boolean {
  return health.score < HEALTH_SCORE_SICK;
}

/** How long to wait for an answer that a well node waits `ms` for: up to nine times. */
export function patienceMs(health: LocalHealth, ms: number): number {
  return ms * (1 + health.score);
}

/** How long to wait between probes when a well node waits `ms`: up to three times. */
export function pauseMs(health: LocalHealth, ms: number): number {
  return ms * (1 + health.score / 4);
}
