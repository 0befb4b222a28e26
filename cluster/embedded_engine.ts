/**
 * The engine that needs nothing beside the nodes themselves: views by voters among them, leases by the same voters, the
 * registry in partitions with backups. Pure; mutable, one per node identity.
 *
 * One idea: three machines that only meet here. The view machine says who is in and who owns; bootstrap makes the first
 * view; the partitions serve under it. None knows another's messages.
 *
 * Invariant: what comes from a node that is not a member of the installed view reaches nothing but bootstrap, and the
 * answer "you are behind".
 *
 * @module
 */
import type { NodeId, Partition } from "../core/ids.ts";
import { partitionOfKey } from "../core/hash.ts";
import type { Random } from "../core/random.ts";
import { bootstrapMessage, createBootstrap, discovered, mayInstall, tickBootstrap, wasRemoved } from "./bootstrap.ts";
import type { Bootstrap, BootstrapEffect, Membership, RetireReason } from "./bootstrap_state.ts";
import type { EngineInput, EngineOutput, EngineRequest, EngineResult, Unavailable } from "./engine.ts";
import type { LeaseTerm } from "./lease.ts";
import {
  foundPartitions,
  holdingsGiven,
  leaseChanged,
  partitionMessage,
  partitionsInstalled,
  tickPartitions,
} from "./partition_machine.ts";
import type { PartitionMessage } from "./partition_protocol.ts";
import { createPartitions, type PartitionEffect, type Partitions } from "./partition_state.ts";
import {
  type ClientEffect,
  createRegistryClient,
  endAll,
  ownersChanged,
  type RegistryClient,
  replied,
  request,
  tickClient,
} from "./registry_client.ts";
import type { Rules } from "./rules.ts";
import { serving } from "./owner.ts";
import type { ClusterSettings, Timings } from "./settings.ts";
import type { Now } from "./time.ts";
import { isMember, type Member, type Placed, type View } from "./view.ts";
import {
  createViewMachine,
  hasLeaseRunOut,
  install,
  lookAtLease,
  metEpoch,
  propose,
  releaseLease,
  tickView,
  type ViewEffect,
  type ViewMachine,
  viewMessage,
} from "./view_machine.ts";
import { type Ballot, type BootstrapMessage, isBootstrap, isOfViews, type ViewMessage } from "./view_protocol.ts";

/** What nodes with this engine say to each other. */
export type EngineMessage = ViewMessage | BootstrapMessage | PartitionMessage;

/** What is asked for outside, beside what the machines above are told. */
export type EngineEffect =
  | EngineOutput
  | { readonly kind: "send"; readonly to: NodeId; readonly message: EngineMessage }
  | { readonly kind: "greet"; readonly address: string; readonly message: BootstrapMessage }
  /** Until when the lease lasts, for the gate in front of the workers. */
  | { readonly kind: "leaseTerm"; readonly until: LeaseTerm | undefined }
  | { readonly kind: "retire"; readonly reason: RetireReason; readonly wasMember: boolean }
  | { readonly kind: "bootstrapTimedOut"; readonly seen: readonly string[]; readonly reason: string }
  | { readonly kind: "foreignCluster"; readonly clusterId: string; readonly address: string }
  | { readonly kind: "voted"; readonly ballot: Ballot; readonly base: View; readonly view: View }
  | { readonly kind: "odd"; readonly from: NodeId; readonly reason: string };

/** What the engine is made of. */
export interface EmbeddedOptions {
  readonly self: Member;
  readonly settings: ClusterSettings;
  readonly timings: Timings;
  readonly rules: Rules;
  readonly random: Random;
  readonly bornAt: Now;
  readonly processStartedAt: Now;
  readonly wasMember: boolean;
  readonly chunkEntries: number;
  readonly changesKept: number;
  readonly tableBytes: number;
  readonly initialPlaces: (founders: readonly Member[]) => readonly Placed[];
}

/** The state. */
export interface EmbeddedEngine {
  readonly options: EmbeddedOptions;
  readonly views: ViewMachine;
  readonly bootstrap: Bootstrap;
  readonly partitions: Partitions;
  readonly client: RegistryClient;
  isRetired: boolean;
}

/** An engine of a node that is nowhere yet. */
export function createEmbeddedEngine(options: EmbeddedOptions): EmbeddedEngine {
  const self = options.self.id;
  return {
    options,
    views: createViewMachine({ ...options, self }),
    bootstrap: createBootstrap(options),
    partitions: createPartitions({ ...options, self }),
    client: createRegistryClient(),
    isRetired: false,
  };
}

/** The view this node has installed. */
export function installedView(engine: EmbeddedEngine): View | undefined {
  return engine.views.view;
}

/** Time has passed. */
export function tickEngine(engine: EmbeddedEngine, now: Now, out: EngineEffect[]): void {
  if (engine.isRetired) return;
  const { views, bootstrap, partitions, client } = engine;
  viewEffects(engine, collect((effects) => tickView(views, now, effects)), now, out);
  bootstrapEffects(
    engine,
    collect((effects) => tickBootstrap(bootstrap, membershipOf(engine), now, effects)),
    now,
    out,
  );
  if (engine.isRetired) return;
  partitionEffects(engine, collect((effects) => tickPartitions(partitions, now, effects)), now, out);
  clientEffects(engine, collect((effects) => tickClient(client, views.view, now, effects)), now, out);
}

/** Whether {@link beginEngineStep} has anything to do. */
export function isEngineStepDue({ views, isRetired }: EmbeddedEngine, now: Now): boolean {
  return !isRetired && hasLeaseRunOut(views, now);
}

/** Before anything else in every step: whether the lease is still there. */
export function beginEngineStep(engine: EmbeddedEngine, now: Now, out: EngineEffect[]): void {
  if (engine.isRetired) return;
  viewEffects(engine, collect((effects) => lookAtLease(engine.views, now, effects)), now, out);
}

/** Discovery found these addresses. */
export function engineDiscovered(engine: EmbeddedEngine, addresses: readonly string[], now: Now): void {
  discovered(engine.bootstrap, addresses, now);
}

/** A message of `from`, whose view has this epoch (0: none) in this cluster. */
export function engineMessage(
  engine: EmbeddedEngine,
  from: NodeId,
  message: EngineMessage,
  now: Now,
  out: EngineEffect[],
): void {
  if (engine.isRetired) return;
  const { views, bootstrap, partitions } = engine;
  if (isBootstrap(message)) {
    const effects = collect<BootstrapEffect>((some) =>
      bootstrapMessage(bootstrap, from, message, membershipOf(engine), now, some)
    );
    return bootstrapEffects(engine, effects, now, out);
  }
  if (isOfViews(message)) {
    if (message.kind === "commit" && views.view === undefined) return firstCommit(engine, message.view, now, out);
    return viewEffects(engine, collect((some) => viewMessage(views, from, message, now, some)), now, out);
  }
  if (message.kind === "registryReply") {
    const effects = collect<ClientEffect>((some) => replied(engine.client, from, message, now, some));
    return clientEffects(engine, effects, now, out);
  }
  partitionEffects(engine, collect((some) => partitionMessage(partitions, from, message, now, some)), now, out);
}

/** Meets a node whose installed view has another epoch. */
export function engineMetEpoch(
  engine: EmbeddedEngine,
  from: NodeId,
  theirs: View["epoch"],
  now: Now,
  out: EngineEffect[],
): void {
  viewEffects(engine, collect((some) => metEpoch(engine.views, from, theirs, now, some)), now, out);
}

/** What the machines above ask. */
export function engineInput(engine: EmbeddedEngine, input: EngineInput, now: Now, out: EngineEffect[]): void {
  if (engine.isRetired) {
    if (input.kind !== "engineRequest") return;
    const { requestId, request } = input;
    return void out.push({ kind: "engineDone", requestId, result: refusalOf(request) });
  }
  if (input.kind === "holdings") {
    const { partition, cfg, held } = input;
    const effects = collect<PartitionEffect>((some) =>
      holdingsGiven(engine.partitions, partition, cfg, held, now, some)
    );
    return partitionEffects(engine, effects, now, out);
  }
  perform(engine, input.requestId, input.deadline, input.request, now, out);
}

// --- requests -------------------------------------------------------------------------------------

function perform(
  engine: EmbeddedEngine,
  requestId: number,
  deadline: Now["mono"],
  asked: EngineRequest,
  now: Now,
  out: EngineEffect[],
): void {
  const { views, client, partitions, options } = engine;
  const { partitionCount } = options.settings;
  const ask = (kind: "get" | "cas" | "casMany", partition: Partition, operations: Parameters<typeof request>[5]) => {
    const effects = collect<ClientEffect>((some) =>
      request(client, views.view, requestId, kind, partition, operations, deadline, now, some)
    );
    clientEffects(engine, effects, now, out);
  };
  switch (asked.kind) {
    case "get":
      return ask("get", partitionOfKey(asked.key, partitionCount), [{ kind: "get", key: asked.key }]);
    case "cas":
      return ask("cas", partitionOfKey(asked.key, partitionCount), [asked]);
    case "casMany":
      return ask("casMany", asked.partition, asked.operations.map((operation) => ({ kind: "cas", ...operation })));
    case "scan": {
      const all = [...partitions.replicas.get(asked.partition)?.entries.values() ?? []];
      const entries = asked.holder === undefined ? all : all.filter(({ record }) => record.holder === asked.holder);
      const isComplete = typeof serving(partitions, asked.partition) === "object";
      return void out.push({ kind: "engineDone", requestId, result: { kind: "scan", entries, isComplete } });
    }
    case "propose": {
      const { base, draft } = asked;
      return viewEffects(
        engine,
        collect((some) => propose(views, requestId, base, draft, deadline, now, some)),
        now,
        out,
      );
    }
    case "releaseLease":
      viewEffects(engine, collect((some) => releaseLease(views, now, some)), now, out);
      return void out.push({ kind: "engineDone", requestId, result: { kind: "releaseLease" } });
    default:
      return asked satisfies never;
  }
}

// --- effects of the parts -------------------------------------------------------------------------

function viewEffects(engine: EmbeddedEngine, effects: readonly ViewEffect[], now: Now, out: EngineEffect[]): void {
  for (const effect of effects) {
    switch (effect.kind) {
      case "send":
      case "leaseReleased":
      case "voted":
      case "votersProven":
      case "odd":
        out.push(effect);
        break;
      case "installed":
        viewInstalled(engine, effect.view, effect.previous, now, out);
        break;
      case "lease":
        leaseChanged(engine.partitions, effect.status === "held" || effect.status === "soft");
        out.push({ kind: "leaseTerm", until: effect.until }, { kind: "engineLease", status: effect.status });
        break;
      case "proposed":
        out.push({
          kind: "engineDone",
          requestId: effect.requestId,
          result: { kind: "propose", result: effect.result },
        });
        break;
      case "removed":
        retire(engine, "removed", true, out);
        return;
      default:
        effect satisfies never;
    }
  }
}

function viewInstalled(
  engine: EmbeddedEngine,
  view: View,
  previous: View | undefined,
  now: Now,
  out: EngineEffect[],
): void {
  out.push({ kind: "engineView", view, previous });
  const { partitions, client } = engine;
  partitionEffects(engine, collect((some) => partitionsInstalled(partitions, view, previous, now, some)), now, out);
  clientEffects(engine, collect((some) => ownersChanged(client, view, now, some)), now, out);
}

function bootstrapEffects(
  engine: EmbeddedEngine,
  effects: readonly BootstrapEffect[],
  now: Now,
  out: EngineEffect[],
): void {
  const { view } = engine.views;
  for (const effect of effects) {
    switch (effect.kind) {
      case "send":
      case "greet":
      case "joinWanted":
      case "odd":
        out.push(effect);
        break;
      case "tellView":
        if (view !== undefined) out.push({ kind: "send", to: effect.to, message: { kind: "commit", view } });
        break;
      case "opened":
        open(engine, effect.founders, effect.view, now, out);
        break;
      case "retire":
        retire(engine, effect.reason, effect.wasMember, out);
        return;
      case "timedOut":
        out.push({ ...effect, kind: "bootstrapTimedOut" });
        break;
      case "foreign":
        out.push({ ...effect, kind: "foreignCluster" });
        break;
      default:
        effect satisfies never;
    }
  }
}

function partitionEffects(
  engine: EmbeddedEngine,
  effects: readonly PartitionEffect[],
  now: Now,
  out: EngineEffect[],
): void {
  const self = engine.options.self.id;
  for (const effect of effects) {
    switch (effect.kind) {
      case "send":
        if (effect.to === self) engineMessage(engine, self, effect.message, now, out);
        else out.push(effect);
        break;
      case "duty":
        out.push({ ...effect, kind: "engineDuty" });
        break;
      case "entry":
        out.push({ ...effect, kind: "engineEntry" });
        break;
      case "dataLoss":
        out.push({ ...effect, kind: "engineDataLoss" });
        break;
      case "holdingsWanted":
      case "recovered":
      case "accused":
      case "odd":
        out.push(effect);
        break;
      default:
        effect satisfies never;
    }
  }
}

function clientEffects(engine: EmbeddedEngine, effects: readonly ClientEffect[], now: Now, out: EngineEffect[]): void {
  const self = engine.options.self.id;
  for (const effect of effects) {
    if (effect.kind === "answered") {
      out.push({ kind: "engineDone", requestId: effect.requestId, result: effect.result });
    } else if (effect.to === self) engineMessage(engine, self, effect.message, now, out);
    else out.push(effect);
  }
}

// --- beginning and end ----------------------------------------------------------------------------

/** All founders have accepted: this node is the first to know, and tells them. */
function open(engine: EmbeddedEngine, founders: View, view: View, now: Now, out: EngineEffect[]): void {
  const self = engine.options.self.id;
  foundPartitions(engine.partitions, founders);
  for (const { id } of view.members) {
    if (id !== self) out.push({ kind: "send", to: id, message: { kind: "commit", view } });
  }
  viewEffects(engine, collect((some) => install(engine.views, view, now, some)), now, out);
  engine.bootstrap.attempt = undefined;
}

/** The first view this node hears of: of the cluster it helped to found, or of the one that lets it in. */
function firstCommit(engine: EmbeddedEngine, view: View, now: Now, out: EngineEffect[]): void {
  const { bootstrap, views, partitions, options } = engine;
  if (!mayInstall(bootstrap, view)) return;
  const { attempt } = bootstrap;
  // A founder was in it, though it never knew: without that word it could found a second one while this one goes on.
  if (wasRemoved(view, options.self.id)) return retire(engine, "join-refused", attempt !== undefined, out);
  if (!isMember(view, options.self.id)) return;
  // The copies of the first configuration are empty until the cluster has opened, and that is what this view says.
  if (attempt !== undefined) foundPartitions(partitions, attempt.view);
  const effects = collect<ViewEffect>((some) =>
    viewMessage(views, options.self.id, { kind: "commit", view }, now, some)
  );
  viewEffects(engine, effects, now, out);
  if (views.view !== undefined) bootstrap.attempt = undefined;
}

function retire(engine: EmbeddedEngine, reason: RetireReason, wasMember: boolean, out: EngineEffect[]): void {
  engine.isRetired = true;
  out.push({ kind: "engineLease", status: "fenced" });
  for (const effect of collect<ClientEffect>((some) => endAll(engine.client, some))) {
    if (effect.kind === "answered") out.push({ ...effect, kind: "engineDone" });
  }
  const { requestId } = engine.views.proposal ?? {};
  if (requestId !== undefined) {
    const result = { ...OVER, indeterminate: true };
    out.push({ kind: "engineDone", requestId, result: { kind: "propose", result } });
  }
  out.push({ kind: "retire", reason, wasMember: wasMember || engine.options.wasMember });
}

// --- small parts ----------------------------------------------------------------------------------

const OVER: Unavailable = { kind: "unavailable", reason: "not-member", retryAfterMs: 0, indeterminate: false };

/** What is said to requests when this identity is over. */
function refusalOf(request: EngineRequest): EngineResult {
  switch (request.kind) {
    case "get":
    case "cas":
    case "propose":
      return { kind: request.kind, result: OVER };
    case "casMany":
      return { kind: "casMany", results: request.operations.map(() => OVER) };
    case "scan":
      return { kind: "scan", entries: [], isComplete: false };
    case "releaseLease":
      return { kind: "releaseLease" };
    default:
      return request satisfies never;
  }
}

function membershipOf({ views }: EmbeddedEngine): Membership {
  return { view: views.view, hasLease: views.status === "held" || views.status === "soft" };
}

function collect<Effect>(run: (out: Effect[]) => void): readonly Effect[] {
  const effects: Effect[] = [];
  run(effects);
  return effects;
}
