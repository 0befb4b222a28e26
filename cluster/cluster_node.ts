/**
 * A whole node of a cluster, but for its actors, its sockets and its clock: one state, one step. Pure; mutable, one per
 * node identity.
 *
 * One idea: the machines never call each other. What one of them wants of another is an effect like any other, taken
 * from a queue when the machine has returned; so the order of everything is the order of this queue, and a node can be
 * replayed from the list of its inputs.
 *
 * Invariant: all effects of one machine's step are performed before anything that follows from them.
 *
 * @module
 */
import type { Epoch, NodeId, Partition } from "../core/ids.ts";
import {
  beginStep,
  type ClusterCore,
  condemn,
  coreDiscovered,
  type CoreEffect,
  coreFrame,
  coreLag,
  coreLinkLost,
  type CoreOptions,
  coreRequest,
  createCore,
  type Frame,
  framed,
  heardAsUsual,
  isBeginDue,
  leaveWanted,
  tickCore,
  wantView,
} from "./cluster_core.ts";
import { stepDirectory } from "./directory.ts";
import type {
  Creation,
  DirectoryEffect,
  DirectoryEvent,
  DirectoryInput,
  DirectoryResult,
} from "./directory_protocol.ts";
import { type Barrier, createDirectory, type DirectoryState } from "./directory_state.ts";
import type { LeaseStatus } from "./engine.ts";
import { eventsBetween, type ViewEvent } from "./events.ts";
import type { LeaseTerm } from "./lease.ts";
import { createRouter, type RouterState, stepRouter } from "./router.ts";
import type { RouterEffect, RouterInput, RouterMessage } from "./router_protocol.ts";
import type { Now } from "./time.ts";
import type { View } from "./view.ts";
import type { Ballot } from "./view_protocol.ts";

/** Public facts about the cluster, as one node sees them. */
export type ClusterEvent =
  | ViewEvent
  | DirectoryEvent
  /** Without a lease nothing clustered runs here. */
  | { readonly kind: "leaseFrozen" }
  /** It goes on, after so many milliseconds. */
  | { readonly kind: "leaseResumed"; readonly gapMs: number }
  /** Too many copies of a partition were lost at once: claims of nodes that are gone may be lost. */
  | {
    readonly kind: "partitionDataLoss";
    readonly partition: Partition;
    readonly epoch: Epoch;
    readonly recovered: number;
  }
  | { readonly kind: "bootstrapTimedOut"; readonly seen: readonly string[]; readonly reason: string }
  | { readonly kind: "foreignCluster"; readonly clusterId: string; readonly address: string };

/** What a node is told. */
export type NodeInput =
  | { readonly kind: "tick" }
  | { readonly kind: "discovered"; readonly addresses: readonly string[] }
  | { readonly kind: "lag"; readonly ms: number }
  /** By the control lane, or by the data lane's link of this generation. The link has made sure who `from` is. */
  | {
    readonly kind: "frame";
    readonly from: NodeId;
    readonly lane: "control" | "data";
    readonly generation: number;
    readonly frame: Frame;
  }
  /** A data link is up, and takes the place of any older one of its pair. Generations count from 1, at home. */
  | { readonly kind: "linkUp"; readonly peer: NodeId; readonly generation: number }
  | { readonly kind: "linkLost"; readonly peer: NodeId; readonly lane: "control" | "data"; readonly generation: number }
  /** Somebody with the right to says that a member is to go. */
  | { readonly kind: "condemn"; readonly id: NodeId }
  /** From users, and from the host of the actors, about names. */
  | Extract<
    DirectoryInput,
    {
      readonly kind: "spawn" | "singleton" | "stop" | "locate" | "leave" | "started" | "ended" | "stoppedFor";
    }
  >
  /** From actors, and from their host, about messages. */
  | Extract<
    RouterInput,
    { readonly kind: "send" | "abortAsk" | "flushReached" | "refused" | "answered" | "handedBack" }
  >;

/** What a node wants done. */
export type NodeEffect =
  | { readonly kind: "send"; readonly to: NodeId; readonly lane: "control"; readonly frame: Frame }
  /** By this generation of the data link or not at all. */
  | {
    readonly kind: "send";
    readonly to: NodeId;
    readonly lane: "data";
    readonly generation: number;
    readonly frame: Frame;
  }
  | { readonly kind: "greet"; readonly address: string; readonly frame: Frame }
  | Extract<DirectoryEffect, { readonly kind: "start" | "stop" }>
  | Extract<RouterEffect, { readonly kind: "enqueue" | "reply" | "failed" | "deadLetter" | "closeLink" }>
  | { readonly kind: "done"; readonly requestId: number; readonly result: DirectoryResult }
  | { readonly kind: "event"; readonly event: ClusterEvent }
  /** The view that is installed now: for whoever routes or shows it. */
  | { readonly kind: "view"; readonly view: View }
  | { readonly kind: "lease"; readonly status: LeaseStatus }
  /** Until when the lease lasts: for the gate in front of the workers. */
  | { readonly kind: "leaseTerm"; readonly until: LeaseTerm | undefined }
  /** This identity is over, and everything under it. The process may go on with a new node. */
  | { readonly kind: "retire"; readonly reason: string; readonly wasMember: boolean }
  | { readonly kind: "voted"; readonly ballot: Ballot; readonly base: View; readonly view: View }
  | { readonly kind: "odd"; readonly from: NodeId; readonly reason: string };

/** What a node is made of. */
export interface NodeOptions extends CoreOptions {
  readonly barrier: Barrier;
  /** How a grain of this kind and key begins when nobody has it; `undefined` for keys that do not begin by themselves. */
  readonly creationOf: (key: string, kind: string) => Creation | undefined;
}

/** The state. */
export interface ClusterNode {
  readonly options: NodeOptions;
  readonly core: ClusterCore;
  readonly directory: DirectoryState;
  readonly router: RouterState;
  lease: LeaseStatus;
  frozenAt: Now | undefined;
  view: View | undefined;
}

/** A node that is nowhere yet. */
export function createNode(options: NodeOptions): ClusterNode {
  const { self, settings, timings, rules, random, barrier, bornAt } = options;
  return {
    options,
    core: createCore(options),
    directory: createDirectory({ self: self.id, settings, timings, rules, random, barrier }),
    router: createRouter(self.id, rules, bornAt),
    lease: "none",
    frozenAt: undefined,
    view: undefined,
  };
}

/** Takes one input; what is to be done about it is appended to `out`, to be done in this order. */
export function stepNode(node: ClusterNode, input: NodeInput, now: Now, out: NodeEffect[]): void {
  if (node.core.engine.isRetired) return;
  const step = new Step(node, now, out);
  if (isBeginDue(node.core, now)) {
    step.core((effects) => beginStep(node.core, now, effects));
    step.settle();
  }
  step.take(input);
  step.settle();
  step.end();
}

/** What one machine wants of another, in the order it was wanted. */
type Errand =
  | { readonly kind: "directory"; readonly input: DirectoryInput }
  | { readonly kind: "router"; readonly input: RouterInput }
  | { readonly kind: "core"; readonly run: (effects: CoreEffect[]) => void };

class Step {
  readonly #node: ClusterNode;
  readonly #now: Now;
  readonly #out: NodeEffect[];
  /** None in most steps: those of messages between actors. */
  #errands: Errand[] | undefined;
  #next = 0;
  #retire: (NodeEffect & { readonly kind: "retire" }) | undefined;

  constructor(node: ClusterNode, now: Now, out: NodeEffect[]) {
    this.#node = node;
    this.#now = now;
    this.#out = out;
  }

  take(input: NodeInput): void {
    const { core } = this.#node;
    const now = this.#now;
    switch (input.kind) {
      case "tick":
        this.core((effects) => tickCore(core, now, effects));
        this.#tell("directory", input);
        return this.#tell("router", input);
      case "discovered":
        return coreDiscovered(core, input.addresses, now);
      case "lag":
        return this.core((effects) => coreLag(core, input.ms, now, effects));
      case "frame":
        return this.#frame(input.from, input.generation, input.frame);
      case "linkUp":
        return this.#tell("router", input);
      case "linkLost":
        if (input.lane === "data") this.#tell("router", input);
        return this.core((effects) => coreLinkLost(core, input.peer, now, effects));
      case "condemn":
        return this.core((effects) => condemn(core, input.id, now, effects));
      case "spawn":
      case "singleton":
      case "stop":
      case "locate":
      case "leave":
      case "started":
      case "ended":
      case "stoppedFor":
        return this.#tell("directory", input);
      case "send":
      case "abortAsk":
      case "flushReached":
      case "refused":
      case "answered":
      case "handedBack":
        return this.#route(input);
      default:
        return input satisfies never;
    }
  }

  /** Runs errands until there are none. Each machine answers a bounded number of errands with fewer. */
  settle(): void {
    for (let errand = this.#errands?.[this.#next]; errand !== undefined; errand = this.#errands?.[this.#next]) {
      this.#next++;
      this.#run(errand);
    }
  }

  end(): void {
    if (this.#retire !== undefined) this.#out.push(this.#retire);
  }

  core(run: (effects: CoreEffect[]) => void): void {
    this.#add({ kind: "core", run });
  }

  #tell(machine: "directory", input: DirectoryInput): void;
  #tell(machine: "router", input: RouterInput): void;
  #tell(machine: "directory" | "router", input: DirectoryInput & RouterInput): void {
    this.#add({ kind: machine, input });
  }

  #add(errand: Errand): void {
    if (this.#errands === undefined) this.#errands = [errand];
    else this.#errands.push(errand);
  }

  #run(errand: Errand): void {
    switch (errand.kind) {
      case "core": {
        const effects: CoreEffect[] = [];
        errand.run(effects);
        for (const effect of effects) this.#fromCore(effect);
        return;
      }
      case "directory": {
        const effects: DirectoryEffect[] = [];
        stepDirectory(this.#node.directory, errand.input, this.#now, effects);
        for (const effect of effects) this.#fromDirectory(effect);
        return;
      }
      case "router":
        return this.#route(errand.input);
      default:
        return errand satisfies never;
    }
  }

  /** The router's turn: as an errand's, or at once when there is no errand before it. */
  #route(input: RouterInput): void {
    const effects: RouterEffect[] = [];
    stepRouter(this.#node.router, input, this.#now, effects);
    for (const effect of effects) this.#fromRouter(effect);
  }

  #frame(from: NodeId, generation: number, frame: Frame): void {
    const { core } = this.#node;
    // The router keeps its links in order by itself, and knows which of them a message came by.
    if (frame.part === "router") this.#received(from, generation, frame.message, frame);
    else if (frame.part === "directory" && heardAsUsual(core, from, frame, this.#now)) {
      this.#tell("directory", { kind: "message", from, message: frame.message });
    } else this.core((effects) => coreFrame(core, from, frame, this.#now, effects));
  }

  #received(from: NodeId, generation: number, message: RouterMessage, frame: Frame): void {
    const { core } = this.#node;
    if (heardAsUsual(core, from, frame, this.#now)) return this.#route({ kind: "received", from, generation, message });
    this.core((effects) => {
      const known: CoreEffect[] = [];
      coreFrame(core, from, frame, this.#now, known);
      effects.push(...known.filter(({ kind }) => kind !== "forAbove"));
    });
    const { view } = this.#node;
    // A sender that is no member yet is the router's to judge, for it holds frames until their view is here.
    if (view !== undefined && frame.clusterId !== view.clusterId) return;
    this.#tell("router", { kind: "received", from, generation, message });
  }

  // --- effects --------------------------------------------------------------------------------------

  #fromCore(effect: CoreEffect): void {
    const out = this.#out;
    switch (effect.kind) {
      case "send":
        return void out.push({ kind: "send", to: effect.to, lane: "control", frame: effect.frame });
      case "greet":
      case "leaseTerm":
      case "voted":
      case "odd":
        return void out.push(effect);
      case "retire":
        return void (this.#retire = effect);
      case "forAbove":
        if (effect.frame.part === "directory") {
          this.#tell("directory", { kind: "message", from: effect.from, message: effect.frame.message });
        }
        return;
      case "engineView":
        return this.#viewInstalled(effect.view, effect);
      case "engineLease":
        return this.#leaseChanged(effect.status, effect);
      case "bootstrapTimedOut":
      case "foreignCluster":
        return this.#event(effect);
      case "engineDataLoss": {
        const { partition, cfg, recovered } = effect;
        this.#event({ kind: "partitionDataLoss", partition, epoch: cfg, recovered });
        return this.#tell("directory", effect);
      }
      default:
        return this.#tell("directory", effect);
    }
  }

  #fromDirectory(effect: DirectoryEffect): void {
    const { core } = this.#node;
    const now = this.#now;
    switch (effect.kind) {
      case "engine": {
        const { requestId, deadline, request } = effect;
        return this.core((effects) =>
          coreRequest(core, { kind: "engineRequest", requestId, deadline, request }, now, effects)
        );
      }
      case "holdings":
        return this.core((effects) => coreRequest(core, effect, now, effects));
      case "send": {
        const frame = framed(core, { part: "directory", message: effect.message });
        return void this.#out.push({ kind: "send", to: effect.to, lane: "control", frame });
      }
      case "start":
      case "stop":
      case "done":
        return void this.#out.push(effect);
      case "activation":
      case "resolved":
      case "absent":
        return this.#tell("router", effect);
      case "leaveWanted":
        return this.core((effects) => leaveWanted(core, effect.id, now, effects));
      case "event":
        return this.#event(effect.event);
      default:
        return effect satisfies never;
    }
  }

  #fromRouter(effect: RouterEffect): void {
    const { core, options } = this.#node;
    switch (effect.kind) {
      case "transmit": {
        const { to, generation, message } = effect;
        const frame = framed(core, { part: "router", message });
        return void this.#out.push({ kind: "send", to, lane: "data", generation, frame });
      }
      case "resolve": {
        const { key, actorKind, previous } = effect;
        const create = options.creationOf(key, actorKind);
        return this.#tell("directory", { kind: "resolve", key, create, notAt: previous?.token });
      }
      case "viewWanted":
        return this.core((effects) => wantView(core, effect.from, effect.epoch, this.#now, effects));
      case "enqueue":
      case "reply":
      case "failed":
      case "deadLetter":
      case "closeLink":
        return void this.#out.push(effect);
      default:
        return effect satisfies never;
    }
  }

  #viewInstalled(view: View, effect: DirectoryInput & { readonly kind: "engineView" }): void {
    const previous = this.#node.view;
    this.#node.view = view;
    this.#out.push({ kind: "view", view });
    for (const event of eventsBetween(previous, view)) this.#event(event);
    this.#tell("router", { kind: "view", view });
    this.#tell("directory", effect);
  }

  #leaseChanged(status: LeaseStatus, effect: DirectoryInput & { readonly kind: "engineLease" }): void {
    const node = this.#node;
    if (status === node.lease) return;
    const before = node.lease;
    node.lease = status;
    this.#out.push({ kind: "lease", status });
    // Before whatever else this step still has for the router: nothing leaves once the lease is over or given back.
    this.#errands ??= [];
    this.#errands.splice(this.#next, 0, { kind: "router", input: { kind: "lease", status } });
    this.#tell("directory", effect);
    if (status === "frozen" && (before === "held" || before === "soft")) {
      node.frozenAt = this.#now;
      this.#event({ kind: "leaseFrozen" });
    }
    if (node.frozenAt === undefined || (status !== "held" && status !== "soft")) return;
    this.#event({ kind: "leaseResumed", gapMs: this.#now.mono - node.frozenAt.mono });
    node.frozenAt = undefined;
  }

  #event(event: ClusterEvent): void {
    this.#out.push({ kind: "event", event });
  }
}
