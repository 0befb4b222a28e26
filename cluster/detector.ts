/**
 * The failure detector of one node: probes its subjects, helps others to probe, and tells the leader and the voters
 * whom it cannot reach. A pure machine that changes its own state in place.
 *
 * One idea: this is opinion, and nothing follows from one opinion. Enough of them make a cut (`cut.ts`), and even that
 * is only a proposal: the voters decide, and leases keep it safe however wrong all detectors are.
 *
 * Invariant: a node accuses only whom the installed view gave it to observe, and nobody while it is sick itself
 * (`local_health.ts`). A tick costs the number of subjects, never the size of the cluster.
 *
 * @module
 */
import { after, type Instant, type NodeId } from "../core/ids.ts";
import type { Random } from "../core/random.ts";
import { forward, giveUp, help, type Helping } from "./detector_helping.ts";
import {
  createOpinion,
  excuse,
  heardIndirectly,
  hurry,
  nacked,
  type Opinion,
  type Prober,
  stepOpinion,
} from "./detector_opinion.ts";
import type { AlertKind, DetectorEffect, DetectorMessage } from "./detector_protocol.ts";
import { createLocalHealth, fade, LAG_MS_MAX, mayAccuse, noteLag, worsen } from "./local_health.ts";
import { isObserver, type ObserverRing, observersOf, ringOf, subjectsOf } from "./observers.ts";
import type { Timings } from "./settings.ts";
import type { Now } from "./time.ts";
import type { View } from "./view.ts";

export type { DetectorEffect } from "./detector_protocol.ts";

/** Milliseconds between two sendings of an alert that is still true. Well below what a cut takes for stale. */
export const ALERT_MS = 1_000;

/** Why a frame was not taken: for counters. */
export type DetectorRefusal =
  /** From a node that is no member, and asks for work or accuses us. */
  | "stranger"
  /** Accuses us without being our observer. */
  | "not-observer"
  /** Asks us to ask while we do so for too many. */
  | "busy";

/** The state of one detector. Belongs to its node's machine; others only read. */
export interface Detector extends Prober {
  readonly self: NodeId;
  /** The view's subjects of this node, in the order of the ring. */
  opinions: Map<NodeId, Opinion>;
  readonly helping: Helping;
  view: View | undefined;
  ring: ObserverRing | undefined;
  /** Who is told of alerts, besides this node. */
  told: readonly NodeId[];
  /** Whether this node is told of alerts: it leads or votes. */
  isTold: boolean;
  tickAt: Instant | undefined;
  readonly refusals: Record<DetectorRefusal, number>;
}

/** What a detector is told. */
export type DetectorInput =
  | { readonly kind: "tick" }
  /** A view was installed. Opinions of subjects it does not give us are dropped. */
  | { readonly kind: "view"; readonly view: View }
  /** Any frame came from this node. As good as an answered probe. */
  | { readonly kind: "heard"; readonly from: NodeId }
  | { readonly kind: "message"; readonly from: NodeId; readonly message: DetectorMessage }
  /** The link closed without a leave. */
  | { readonly kind: "linkLost"; readonly peer: NodeId }
  /** A 100 ms timer of this node came `ms` milliseconds late. */
  | { readonly kind: "lag"; readonly ms: number };

/** What this node thinks of a subject: a hint for routing, no fact. */
export type Standing = "ok" | "failing" | "down" | "link";

/** A detector that knows no view yet and observes nobody. */
export function createDetector(
  options: { readonly self: NodeId; readonly timings: Timings; readonly random: Random },
): Detector {
  return {
    ...options,
    health: createLocalHealth(),
    peers: new Map(),
    seq: 0,
    opinions: new Map(),
    helping: new Map(),
    view: undefined,
    ring: undefined,
    told: [],
    isTold: false,
    tickAt: undefined,
    refusals: { "stranger": 0, "not-observer": 0, "busy": 0 },
  };
}

/** One input; appends what follows to `out`. */
export function stepDetector(detector: Detector, input: DetectorInput, now: Now, out: DetectorEffect[]): void {
  switch (input.kind) {
    case "tick":
      return tick(detector, now, out);
    case "view":
      return install(detector, input.view, now);
    case "heard":
      return hear(detector, input.from, now);
    case "message":
      hear(detector, input.from, now);
      return receive(detector, input.from, input.message, now, out);
    case "linkLost": {
      const opinion = detector.opinions.get(input.peer);
      return opinion === undefined ? undefined : hurry(opinion, now);
    }
    case "lag":
      return noteLag(detector.health, input.ms, now);
    default:
      return input satisfies never;
  }
}

/** What this node thinks of `id`; `undefined` when it is not its turn to observe it. */
export function standingOf(detector: Detector, id: NodeId): Standing | undefined {
  const opinion = detector.opinions.get(id);
  if (opinion === undefined) return undefined;
  return opinion.status === "ok" && opinion.failedRounds > 0 ? "failing" : opinion.status;
}

function tick(detector: Detector, now: Now, out: DetectorEffect[]): void {
  const lateMs = detector.tickAt === undefined ? 0 : now.mono - detector.tickAt - detector.timings.tickMs;
  detector.tickAt = now.mono;
  fade(detector.health, now);
  for (const opinion of detector.opinions.values()) {
    if (lateMs > LAG_MS_MAX) excuse(opinion, lateMs);
    const before = opinion.status;
    stepOpinion(detector, opinion, now, out);
    announce(detector, opinion, before, now, out);
  }
  giveUp(detector.helping, now, out);
}

function announce(
  detector: Detector,
  opinion: Opinion,
  before: Opinion["status"],
  now: Now,
  out: DetectorEffect[],
): void {
  const { status } = opinion;
  if (status === "ok") {
    if (before !== "ok") tell(detector, opinion.peer.id, "clear", out);
    return;
  }
  if (!mayAccuse(detector.health) || (status === before && now.mono < opinion.alertAt)) return;
  opinion.alertAt = after(now.mono, ALERT_MS);
  tell(detector, opinion.peer.id, status, out);
}

function tell(
  { self: by, view, told, isTold }: Detector,
  subject: NodeId,
  alert: AlertKind,
  out: DetectorEffect[],
): void {
  if (view === undefined) return;
  const { epoch } = view;
  if (isTold) out.push({ kind: "alert", subject, by, alert, epoch });
  for (const to of told) out.push({ kind: "send", to, message: { kind: "alert", subject, alert, epoch } });
}

function install(detector: Detector, view: View, now: Now): void {
  const subjects = subjectsOf(view, detector.self);
  const before = new Map(detector.peers);
  detector.peers.clear();
  for (const id of [...subjects, ...observersOf(view, detector.self)]) {
    detector.peers.set(id, before.get(id) ?? { id, heardAt: undefined });
  }
  const opinions = new Map<NodeId, Opinion>();
  for (const id of subjects) {
    const peer = detector.peers.get(id);
    if (peer !== undefined) opinions.set(id, detector.opinions.get(id) ?? createOpinion(peer, detector, now));
  }
  detector.opinions = opinions;
  detector.view = view;
  detector.ring = ringOf(view);
  const told = new Set(view.voters.map(({ id }) => id));
  if (view.leader !== undefined) told.add(view.leader);
  detector.isTold = told.delete(detector.self);
  detector.told = [...told];
}

/** A sign of life of a member, whatever it said. */
export function hear(detector: Detector, from: NodeId, now: Now): void {
  const peer = detector.peers.get(from);
  if (peer !== undefined) peer.heardAt = now.mono;
}

function receive(
  detector: Detector,
  from: NodeId,
  message: DetectorMessage,
  now: Now,
  out: DetectorEffect[],
): void {
  switch (message.kind) {
    case "ping":
      // Anybody is answered: one who knows a newer view than we do must not take us for dead.
      out.push({ kind: "send", to: from, message: { kind: "pong", seq: message.seq } });
      if (message.accused) takeAccusation(detector, from, now);
      return;
    case "pong":
      return forward(detector.helping, from, message.seq, out);
    case "pingRequest":
      return takeRequest(detector, from, message, now, out);
    case "pongForward":
      for (const opinion of detector.opinions.values()) if (heardIndirectly(opinion, from, message.seq)) return;
      return;
    case "pingNack":
      for (const opinion of detector.opinions.values()) if (nacked(opinion, from, message.seq)) return;
      return;
    case "alert":
      out.push({ kind: "alert", subject: message.subject, by: from, alert: message.alert, epoch: message.epoch });
      return;
    default:
      return message satisfies never;
  }
}

function takeAccusation(detector: Detector, from: NodeId, now: Now): void {
  const { ring, refusals } = detector;
  if (ring === undefined || !ring.positions.has(from)) refusals["stranger"]++;
  else if (!isObserver(ring, from, detector.self)) refusals["not-observer"]++;
  else worsen(detector.health, now);
}

function takeRequest(
  detector: Detector,
  from: NodeId,
  { seq, target }: { readonly seq: number; readonly target: NodeId },
  now: Now,
  out: DetectorEffect[],
): void {
  const { ring, refusals, timings } = detector;
  if (ring === undefined || !ring.positions.has(from)) {
    refusals["stranger"]++;
  } else if (target === detector.self) {
    out.push({ kind: "send", to: from, message: { kind: "pongForward", seq } });
  } else if (!ring.positions.has(target) || target === from) {
    out.push({ kind: "send", to: from, message: { kind: "pingNack", seq } });
  } else if (!help(detector.helping, { requester: from, seq, target }, ++detector.seq, timings, now, out)) {
    refusals["busy"]++;
  }
}
