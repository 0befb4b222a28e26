/**
 * The part of a node that is the same whatever it runs: engine, failure detector and leader, and the header of every
 * frame. Pure; mutable, one per node identity.
 *
 * One idea: each frame says which view its sender has. Whoever is behind hears so before it hears anything else, and
 * whoever is no member is not listened to; so no machine has to ask itself who is speaking.
 *
 * Invariant: a machine other than bootstrap hears members of the installed view only.
 *
 * @module
 */
import { type Epoch, epoch, type NodeId } from "../core/ids.ts";
import { createDetector, type Detector, hear, stepDetector } from "./detector.ts";
import type { DetectorEffect, DetectorMessage } from "./detector_protocol.ts";
import type { DirectoryMessage } from "./directory_protocol.ts";
import {
  beginEngineStep,
  createEmbeddedEngine,
  type EmbeddedEngine,
  type EmbeddedOptions,
  engineDiscovered,
  type EngineEffect,
  engineInput,
  type EngineMessage,
  engineMessage,
  engineMetEpoch,
  isEngineStepDue,
  tickEngine,
} from "./embedded_engine.ts";
import type { EngineInput } from "./engine.ts";
import { createLeader, type Leader, type LeaderInput, stepLeader } from "./leader.ts";
import { initialPlaces } from "./planner.ts";
import type { RouterMessage } from "./router_protocol.ts";
import type { Now } from "./time.ts";
import { isMember, type View } from "./view.ts";
import { isBootstrap } from "./view_protocol.ts";

/** What nodes send to each other: a message for one of the machines, and what view its sender has. */
export type Frame =
  & {
    /** The sender's cluster; empty when it has none. */
    readonly clusterId: string;
    /** The epoch of its view; `0` when it has none. */
    readonly epoch: Epoch;
  }
  & (
    | { readonly part: "engine"; readonly message: EngineMessage }
    | { readonly part: "detector"; readonly message: DetectorMessage }
    | { readonly part: "directory"; readonly message: DirectoryMessage }
    | { readonly part: "router"; readonly message: RouterMessage }
  );

/** Why a frame was not taken. For counters. */
export type FrameRefusal = "no-view" | "foreign-cluster" | "stranger";

/** What the core wants done, and what it tells the machines above. */
export type CoreEffect =
  | Exclude<
    EngineEffect,
    { readonly kind: "send" | "greet" | "joinWanted" | "leaseReleased" | "votersProven" | "recovered" | "accused" }
  >
  | { readonly kind: "send"; readonly to: NodeId; readonly lane: "control" | "data"; readonly frame: Frame }
  | { readonly kind: "greet"; readonly address: string; readonly frame: Frame }
  /** A frame for one of the machines above. */
  | {
    readonly kind: "forAbove";
    readonly from: NodeId;
    readonly frame: Frame & { readonly part: "directory" | "router" };
  };

/** What the core is made of. */
export type CoreOptions = Omit<EmbeddedOptions, "initialPlaces">;

/** The state. */
export interface ClusterCore {
  readonly options: CoreOptions;
  readonly engine: EmbeddedEngine;
  readonly detector: Detector;
  readonly leader: Leader;
  readonly refused: Record<FrameRefusal, number>;
  /** Counts this node's own proposals; their ids are negative, those of the machines above are not. */
  proposals: number;
}

/** Messages that only whoever has an older view needs, so they come from anybody with a newer one. */
const NEWS: ReadonlySet<string> = new Set(["commit", "pull"] satisfies EngineMessage["kind"][]);

/** A node that is nowhere yet. */
export function createCore(options: CoreOptions): ClusterCore {
  const { self, settings, timings, random, bornAt } = options;
  const parts = { self: self.id, settings, timings, random };
  return {
    options,
    engine: createEmbeddedEngine({
      ...options,
      initialPlaces: (founders) => initialPlaces(founders, settings.partitionCount, settings.replicaCount, epoch(1)),
    }),
    detector: createDetector(parts),
    leader: createLeader(parts, bornAt),
    refused: { "no-view": 0, "foreign-cluster": 0, stranger: 0 },
    proposals: 0,
  };
}

/** The view this node has installed. */
export function viewOf(core: ClusterCore): View | undefined {
  return core.engine.views.view;
}

/** Begins a step, before its input is taken: nothing may be done under a lease that has run out meanwhile. */
export function beginStep(core: ClusterCore, now: Now, out: CoreEffect[]): void {
  withEngine(core, now, out, (effects) => beginEngineStep(core.engine, now, effects));
}

/** Whether {@link beginStep} has anything to do. */
export function isBeginDue(core: ClusterCore, now: Now): boolean {
  return isEngineStepDue(core.engine, now);
}

/** Time has passed. */
export function tickCore(core: ClusterCore, now: Now, out: CoreEffect[]): void {
  withEngine(core, now, out, (effects) => tickEngine(core.engine, now, effects));
  withDetector(core, now, out, (effects) => stepDetector(core.detector, { kind: "tick" }, now, effects));
  lead(core, { kind: "tick" }, now, out);
}

/** Discovery found these addresses. */
export function coreDiscovered(core: ClusterCore, addresses: readonly string[], now: Now): void {
  engineDiscovered(core.engine, addresses, now);
}

/** The link to a peer broke without a word. */
export function coreLinkLost(core: ClusterCore, peer: NodeId, now: Now, out: CoreEffect[]): void {
  withDetector(core, now, out, (effects) => stepDetector(core.detector, { kind: "linkLost", peer }, now, effects));
}

/** The event loop stood still for `ms` milliseconds. */
export function coreLag(core: ClusterCore, ms: number, now: Now, out: CoreEffect[]): void {
  withDetector(core, now, out, (effects) => stepDetector(core.detector, { kind: "lag", ms }, now, effects));
}

/** Somebody with the right to says that a member is to go. */
export function condemn(core: ClusterCore, id: NodeId, now: Now, out: CoreEffect[]): void {
  lead(core, { kind: "condemn", id }, now, out);
}

/** A member wants to leave: heard by its directory, drafted here. */
export function leaveWanted(core: ClusterCore, id: NodeId, now: Now, out: CoreEffect[]): void {
  lead(core, { kind: "leaveWanted", id }, now, out);
}

/** A peer has this view: ours is older, and something waits for it. */
export function wantView(core: ClusterCore, from: NodeId, theirs: Epoch, now: Now, out: CoreEffect[]): void {
  withEngine(core, now, out, (effects) => engineMetEpoch(core.engine, from, theirs, now, effects));
}

/** What the machines above ask of the engine. */
export function coreRequest(core: ClusterCore, input: EngineInput, now: Now, out: CoreEffect[]): void {
  withEngine(core, now, out, (effects) => engineInput(core.engine, input, now, effects));
}

/**
 * Whether a frame says nothing about its sender that was not known: a member, with the view that is installed here. Then
 * there is nothing to do but to note that it was heard, and that is done. Nearly all frames come so.
 */
export function heardAsUsual(core: ClusterCore, from: NodeId, frame: Frame, now: Now): boolean {
  const view = viewOf(core);
  if (core.engine.isRetired || view === undefined) return false;
  if (frame.clusterId !== view.clusterId || frame.epoch !== view.epoch || !isMember(view, from)) return false;
  hear(core.detector, from, now);
  return true;
}

/** A frame of a peer. Its link has made sure who `from` is. */
export function coreFrame(core: ClusterCore, from: NodeId, frame: Frame, now: Now, out: CoreEffect[]): void {
  if (core.engine.isRetired) return;
  const { engine, refused } = core;
  const view = viewOf(core);
  if (frame.part === "engine" && isBootstrap(frame.message)) {
    return withEngine(core, now, out, (effects) => engineMessage(engine, from, frame.message, now, effects));
  }
  if (view === undefined) {
    if (frame.part !== "engine" || frame.message.kind !== "commit") return void refused["no-view"]++;
    return withEngine(core, now, out, (effects) => engineMessage(engine, from, frame.message, now, effects));
  }
  if (!heardAsUsual(core, from, frame, now)) {
    if (frame.clusterId !== view.clusterId) return void refused["foreign-cluster"]++;
    withEngine(core, now, out, (effects) => engineMetEpoch(engine, from, frame.epoch, now, effects));
    if (!isMember(view, from) && !(frame.part === "engine" && NEWS.has(frame.message.kind))) {
      return void refused.stranger++;
    }
    withDetector(core, now, out, (effects) => stepDetector(core.detector, { kind: "heard", from }, now, effects));
  }
  switch (frame.part) {
    case "engine":
      return withEngine(core, now, out, (effects) => engineMessage(engine, from, frame.message, now, effects));
    case "detector":
      return withDetector(core, now, out, (effects) => {
        stepDetector(core.detector, { kind: "message", from, message: frame.message }, now, effects);
      });
    case "directory":
    case "router":
      return void out.push({ kind: "forAbove", from, frame });
    default:
      return frame satisfies never;
  }
}

/** A frame with this node's header. */
export function framed(core: ClusterCore, content: Framed): Frame {
  const view = viewOf(core);
  return { clusterId: view?.clusterId ?? "", epoch: view?.epoch ?? epoch(0), ...content };
}

/** What a frame carries. */
export type Framed =
  | { readonly part: "engine"; readonly message: EngineMessage }
  | { readonly part: "detector"; readonly message: DetectorMessage }
  | { readonly part: "directory"; readonly message: DirectoryMessage }
  | { readonly part: "router"; readonly message: RouterMessage };

// --- effects --------------------------------------------------------------------------------------

function withEngine(core: ClusterCore, now: Now, out: CoreEffect[], run: (effects: EngineEffect[]) => void): void {
  if (core.engine.isRetired) return;
  const effects: EngineEffect[] = [];
  run(effects);
  for (const effect of effects) {
    switch (effect.kind) {
      case "send":
        out.push({
          kind: "send",
          to: effect.to,
          lane: "control",
          frame: framed(core, { part: "engine", message: effect.message }),
        });
        break;
      case "greet":
        out.push({
          kind: "greet",
          address: effect.address,
          frame: framed(core, { part: "engine", message: effect.message }),
        });
        break;
      case "engineView": {
        const { view } = effect;
        withDetector(core, now, out, (alerts) => stepDetector(core.detector, { kind: "view", view }, now, alerts));
        lead(core, effect, now, out);
        out.push(effect);
        break;
      }
      case "engineLease":
        lead(core, effect, now, out);
        out.push(effect);
        break;
      case "joinWanted":
      case "leaseReleased":
      case "votersProven":
      case "recovered":
      case "accused":
        lead(core, effect, now, out);
        break;
      case "engineDone":
        if (effect.requestId >= 0) out.push(effect);
        else if (effect.result.kind === "propose") {
          lead(core, { kind: "proposed", result: effect.result.result }, now, out);
        }
        break;
      case "retire": // The last word: what the step still had to say is nobody's.
        return void out.push(effect);
      default:
        out.push(effect);
    }
  }
}

function withDetector(core: ClusterCore, now: Now, out: CoreEffect[], run: (effects: DetectorEffect[]) => void): void {
  if (core.engine.isRetired) return;
  const effects: DetectorEffect[] = [];
  run(effects);
  for (const effect of effects) {
    if (effect.kind === "alert") lead(core, effect, now, out);
    else {
      const frame = framed(core, { part: "detector", message: effect.message });
      out.push({ kind: "send", to: effect.to, lane: "control", frame });
    }
  }
}

function lead(core: ClusterCore, input: LeaderInput, now: Now, out: CoreEffect[]): void {
  if (core.engine.isRetired) return;
  const proposing = stepLeader(core.leader, input, now);
  if (proposing === undefined) return;
  const { request, deadline } = proposing;
  const requestId = -++core.proposals;
  withEngine(
    core,
    now,
    out,
    (effects) => engineInput(core.engine, { kind: "engineRequest", requestId, deadline, request }, now, effects),
  );
}
