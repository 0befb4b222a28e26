/**
 * What one observer thinks of one subject, and the rounds of probes it comes from. Pure; an opinion changes in place and
 * belongs to one detector.
 *
 * One idea: a round asks directly, and when that fails asks others to ask. Three rounds in a row that failed directly
 * make an accusation: `link` if anybody else got through in them, `down` if nobody did.
 *
 * Invariant: any frame from the subject since its round began ends the round well, whatever else is on its way.
 *
 * @module
 */
import { after, type Instant, type NodeId } from "../core/ids.ts";
import { fraction, type Random } from "../core/random.ts";
import type { DetectorEffect } from "./detector_protocol.ts";
import { improve, type LocalHealth, mayAccuse, patienceMs, pauseMs, worsen } from "./local_health.ts";
import type { Timings } from "./settings.ts";
import type { Now } from "./time.ts";

/** Failed rounds before an accusation: with 5 % of frames lost, three in a row go wrong once in a thousand tries. */
export const FAILED_ROUNDS = 3;
/** Nodes that are asked to ask. */
export const INDIRECT_PROBES = 3;
/** Milliseconds between rounds after a connection closed without a word: the process is probably gone. */
export const FAST_ROUND_MS = 200;
/** The part of a pause between rounds that is left to chance, a fifth in all, so that nodes do not probe in step. */
const JITTER = 0.1;

/** A node near us on the ring, on either side. */
export interface Peer {
  readonly id: NodeId;
  /** When any frame came from it; `undefined` before the first, and after its link was lost. */
  heardAt: Instant | undefined;
}

/** One round of probes. */
interface Round {
  readonly seq: number;
  readonly isFast: boolean;
  readonly startedAt: Instant;
  directUntil: Instant;
  endsAt: Instant;
  /** Whom we asked to ask; `undefined` as long as the direct probe may succeed. */
  asked: readonly NodeId[] | undefined;
  /** Who of them said that it got no answer either. */
  nacked: NodeId[];
  /** Somebody else got an answer. */
  hasIndirect: boolean;
}

/** An observer's opinion of one subject. */
export interface Opinion {
  readonly peer: Peer;
  status: "ok" | "down" | "link";
  /** Rounds in a row that failed directly, up to {@link FAILED_ROUNDS}. */
  failedRounds: number;
  /** … and in which nobody else got through either. */
  silentRounds: number;
  fastRoundsLeft: number;
  nextRoundAt: Instant;
  round: Round | undefined;
  /** Its helpers may still answer. */
  previousRound: Round | undefined;
  /** When the alert is due again. */
  alertAt: Instant;
}

/** What all opinions of a detector share. */
export interface Prober {
  readonly timings: Timings;
  readonly random: Random;
  readonly health: LocalHealth;
  /** Subjects and observers of this node: those it has links to. */
  readonly peers: Map<NodeId, Peer>;
  /** The last number given to a probe. */
  seq: number;
}

/** The opinion of a subject that has just been given to us. The time before counts for nothing. */
export function createOpinion(peer: Peer, { timings, random }: Prober, now: Now): Opinion {
  return {
    peer,
    status: "ok",
    failedRounds: 0,
    silentRounds: 0,
    fastRoundsLeft: 0,
    nextRoundAt: after(now.mono, fraction(random) * timings.probeMs),
    round: undefined,
    previousRound: undefined,
    alertAt: now.mono,
  };
}

/** What time has brought: begins a round, asks others, or ends the round. */
export function stepOpinion(prober: Prober, opinion: Opinion, now: Now, out: DetectorEffect[]): void {
  if (wasHeard(opinion)) return succeed(prober, opinion, now);
  const round = opinion.round;
  if (round === undefined) {
    if (now.mono >= opinion.nextRoundAt && !isHeardEnough(prober, opinion, now)) begin(prober, opinion, now, out);
    return;
  }
  if (now.mono < round.directUntil) return;
  if (round.asked === undefined) {
    if (!round.hasIndirect) askOthers(prober, opinion, round, now, out);
    round.asked ??= [];
  }
  const isAnswered = round.hasIndirect || round.nacked.length === round.asked.length;
  if (isAnswered || now.mono >= round.endsAt) fail(prober, opinion, round, now);
}

/** The connection closed without a leave: frames from before prove nothing now, and the next rounds are short. */
export function hurry(opinion: Opinion, now: Now): void {
  if (opinion.fastRoundsLeft > 0 || opinion.round?.isFast === true) return; // A flapping link must not put the end off.
  opinion.peer.heardAt = undefined;
  opinion.fastRoundsLeft = FAILED_ROUNDS;
  opinion.nextRoundAt = now.mono;
  opinion.round = undefined;
}

/** A helper got an answer. Says whether this was about a probe of this opinion. */
export function heardIndirectly(opinion: Opinion, from: NodeId, seq: number): boolean {
  const isOurs = [opinion.round, opinion.previousRound].some((round) =>
    round?.seq === seq && round.asked?.includes(from) === true
  );
  if (!isOurs) return false;
  if (opinion.round === undefined) opinion.silentRounds = 0;
  else opinion.round.hasIndirect = true;
  return true;
}

/** A helper got no answer. Says whether this was about a probe of this opinion. */
export function nacked({ round }: Opinion, from: NodeId, seq: number): boolean {
  if (round?.seq !== seq || round.asked?.includes(from) !== true) return false;
  if (!round.nacked.includes(from)) round.nacked.push(from);
  return true;
}

/** We did not run for `ms`: what we did not read meanwhile is not the subject's silence. */
export function excuse({ round }: Opinion, ms: number): void {
  if (round === undefined) return;
  round.directUntil = after(round.directUntil, ms);
  round.endsAt = after(round.endsAt, ms);
}

function wasHeard({ peer, round, previousRound, failedRounds }: Opinion): boolean {
  const since = round?.startedAt ?? (failedRounds > 0 ? previousRound?.startedAt : undefined);
  return since !== undefined && peer.heardAt !== undefined && peer.heardAt >= since;
}

function succeed({ timings, random, health }: Prober, opinion: Opinion, now: Now): void {
  opinion.status = "ok";
  opinion.failedRounds = 0;
  opinion.silentRounds = 0;
  opinion.fastRoundsLeft = 0;
  opinion.round = undefined;
  opinion.previousRound = undefined;
  opinion.nextRoundAt = after(opinion.peer.heardAt ?? now.mono, roundMs(timings, random, health));
  improve(health, now);
}

/** A subject that talks to us anyway is not probed. */
function isHeardEnough(prober: Prober, opinion: Opinion, now: Now): boolean {
  const { heardAt } = opinion.peer;
  if (opinion.failedRounds > 0 || heardAt === undefined) return false;
  if (now.mono - heardAt >= prober.timings.probeMs * (1 - JITTER)) return false;
  succeed(prober, opinion, now);
  return true;
}

function begin(prober: Prober, opinion: Opinion, now: Now, out: DetectorEffect[]): void {
  const { timings, random, health } = prober;
  const isFast = opinion.fastRoundsLeft > 0;
  if (isFast) opinion.fastRoundsLeft--;
  const lengthMs = isFast
    ? pauseMs(health, Math.min(FAST_ROUND_MS, timings.probeMs))
    : roundMs(timings, random, health);
  const directMs = isFast ? lengthMs / 2 : patienceMs(health, timings.probeTimeoutMs);
  const seq = ++prober.seq;
  opinion.nextRoundAt = after(now.mono, lengthMs);
  opinion.round = {
    seq,
    isFast,
    startedAt: now.mono,
    directUntil: after(now.mono, directMs),
    endsAt: opinion.nextRoundAt,
    asked: undefined,
    nacked: [],
    hasIndirect: false,
  };
  const message = { kind: "ping", seq, accused: opinion.status === "down" && mayAccuse(health) } as const;
  out.push({ kind: "send", to: opinion.peer.id, message });
}

function askOthers(prober: Prober, opinion: Opinion, round: Round, now: Now, out: DetectorEffect[]): void {
  const { timings } = prober;
  const target = opinion.peer.id;
  round.asked = helpersFor(prober, target, now);
  // A patient node asks late in its round. Its helpers need their time all the same, or their nacks would be missing.
  if (!round.isFast) {
    const answeredAt = after(now.mono, timings.probeTimeoutMs + timings.tickMs);
    if (answeredAt > round.endsAt) round.endsAt = answeredAt;
  }
  for (const to of round.asked) {
    out.push({ kind: "send", to, message: { kind: "pingRequest", seq: round.seq, target } });
  }
}

/**
 * Those heard last, and only those still heard: when many go at once, asking the lost would look as if we were deaf.
 * Whoever hears nobody at all asks the silent, and learns from their silence that it is.
 */
function helpersFor({ timings, peers, health }: Prober, target: NodeId, now: Now): readonly NodeId[] {
  const others = [...peers.values()].filter(({ id }) => id !== target);
  others.sort((one, other) => (other.heardAt ?? -1) - (one.heardAt ?? -1));
  const silentMs = 2 * pauseMs(health, timings.probeMs);
  const heard = others.filter(({ heardAt }) => heardAt !== undefined && now.mono - heardAt < silentMs);
  return (heard.length > 0 ? heard : others).slice(0, INDIRECT_PROBES).map(({ id }) => id);
}

function fail({ health }: Prober, opinion: Opinion, round: Round, now: Now): void {
  // One missing nack may be a helper that went with the subject; most of them missing is us. A fast round is over
  // before nacks are due, and says nothing.
  const isMostlyUnheard = 2 * round.nacked.length < (round.asked?.length ?? 0);
  if (!round.isFast && !round.hasIndirect && isMostlyUnheard) worsen(health, now);
  opinion.failedRounds = Math.min(FAILED_ROUNDS, opinion.failedRounds + 1);
  opinion.silentRounds = round.hasIndirect ? 0 : Math.min(FAILED_ROUNDS, opinion.silentRounds + 1);
  opinion.previousRound = round;
  opinion.round = undefined;
  if (opinion.failedRounds < FAILED_ROUNDS || !mayAccuse(health)) return;
  opinion.status = opinion.silentRounds < FAILED_ROUNDS ? "link" : "down";
}

function roundMs(timings: Timings, random: Random, health: LocalHealth): number {
  return pauseMs(health, timings.probeMs) * (1 - JITTER + 2 * JITTER * fraction(random));
}
