/**
 * A simulated node: all machines of {@link stepNode}, simulated actors, links, and users who ask for things. Mutable; one
 * for each identity of a node.
 *
 * @module
 */
import { type ActorKey, after, type Epoch, type NodeId } from "../core/ids.ts";
import { actorKey, grainKey, isGrainKey } from "../core/names.ts";
import { standing } from "../cluster/lease.ts";
import type { LeaseStatus } from "../cluster/engine.ts";
import { type ClusterNode, createNode, type NodeEffect, type NodeInput, stepNode } from "../cluster/cluster_node.ts";
import type { ClusterCore, Frame } from "../cluster/cluster_core.ts";
import type { Claim, Creation, DirectoryResult } from "../cluster/directory_protocol.ts";
import type { Holding, Version } from "../cluster/engine.ts";
import type { Placement } from "../cluster/placement.ts";
import type { RouterMessage } from "../cluster/router_protocol.ts";
import type { Rules } from "../cluster/rules.ts";
import type { ClusterSettings, Timings } from "../cluster/settings.ts";
import type { Now } from "../cluster/time.ts";
import { isMember } from "../cluster/view.ts";
import type { ClusterNote } from "./cluster_notes.ts";
import type { Birth, ProcessEffect, ProcessInput, SimulatedProcess } from "./process.ts";
import { wasMemberBefore } from "./registry_process.ts";
import { SimulatedActors } from "./simulated_actors.ts";
import { answererIn, messageIn, type SimulatedMessage } from "./simulated_message.ts";
import type { SimulatedThreads } from "./simulated_threads.ts";

/** What users ask of a node. Names are few and numbered. */
export type ClusterOperation =
  | { readonly kind: "spawn"; readonly name: number; readonly placement: number }
  | { readonly kind: "singleton"; readonly name: number }
  | { readonly kind: "stop"; readonly name: number }
  | { readonly kind: "locate"; readonly name: number }
  /** To an actor or, with `isGrain`, to a grain; with `isAsk` somebody waits for the answer. */
  | { readonly kind: "message"; readonly name: number; readonly isGrain: boolean; readonly isAsk: boolean }
  | { readonly kind: "passivate"; readonly index: number }
  | { readonly kind: "leave" }
  | { readonly kind: "condemn"; readonly member: number };

/** How a node is made, beside what its birth says. */
export interface ClusterNodeSettings {
  readonly settings: ClusterSettings;
  readonly timings: Timings;
  readonly rules: Rules;
  readonly chunkEntries: number;
  readonly changesKept: number;
  readonly barrierMs: number;
  /** Roles of a host. */
  readonly rolesOf: (host: number) => readonly string[];
  /** The workers of the process that is born, or born again; `undefined` when its main thread runs the actors. */
  readonly threadsOf: (birth: Birth) => SimulatedThreads | undefined;
}

type Effects = ProcessEffect<Frame, ClusterNote>[];

/** One peer's data link, as this node counts its generations. */
interface DataLink {
  /** Of the simulator; 0 before the first frame of this home generation. */
  outside: number;
  home: number;
  /** How long it waits before it is made again, when nothing has come since it was made. */
  patienceMs: number;
}

/** Milliseconds a user waits for an operation, an ask, and for a node to leave. */
const OPERATION_MS = 5_000;
const ASK_MS = 5_000;
const LEAVE_MS = 20_000;
/** Milliseconds before a link is made again on which nothing has come: the second time, and at most. */
const RELINK_MS_MIN = 100;
const RELINK_MS_MAX = 2_000;
/** How often what a user sends may lead to other messages. */
const HOPS_MAX = 2;
const PLACEMENTS: readonly Placement[] = [
  { kind: "local" },
  { kind: "round-robin" },
  { kind: "random" },
  { kind: "least-load" },
];

/** The node. */
export class ClusterProcess implements SimulatedProcess<Frame, ClusterOperation, ClusterNote> {
  readonly id: NodeId;
  readonly node: ClusterNode;
  readonly actors: SimulatedActors | SimulatedThreads;
  readonly wasMember: boolean;
  readonly #links = new Map<NodeId, DataLink>();
  /** Links that are down, and when to try again. */
  readonly #down = new Map<NodeId, number>();
  readonly #waiting = new Set<string>();
  readonly #seqs = new Map<string, number>();
  readonly #inputs: NodeInput[] = [];
  readonly #ownActors: SimulatedActors | undefined;
  readonly #threads: SimulatedThreads | undefined;
  /** What has come while the main thread stood still. */
  readonly #backlog: ProcessInput<Frame, ClusterOperation>[] = [];
  #out: Effects = [];
  #now: Now;
  #counter = 0;
  #isOver = false;
  #mayOnlyJoin = false;

  constructor(birth: Birth, options: ClusterNodeSettings) {
    this.id = birth.id;
    this.#now = birth.bornAt;
    this.wasMember = wasMemberBefore(birth);
    const { settings, timings, rules, chunkEntries, changesKept, barrierMs, rolesOf } = options;
    this.node = createNode({
      settings,
      timings,
      rules,
      chunkEntries,
      changesKept,
      self: {
        id: birth.id,
        address: birth.address,
        zone: "",
        roles: rolesOf(birth.host),
        kinds: ["thing"],
        joinEpoch: 0 as Epoch,
        status: "up",
        capacity: 1,
      },
      random: birth.random,
      bornAt: birth.bornAt,
      processStartedAt: birth.processStartedAt,
      wasMember: this.wasMember,
      tableBytes: 1 << 26,
      barrier: { minimumMembers: settings.minimumPeersQuorum, timeoutMs: barrierMs, onTimeout: "proceed" },
      creationOf: (key) => isGrainKey(key as ActorKey) ? GRAIN : undefined,
    });
    this.#threads = options.threadsOf(birth);
    this.#threads?.begin();
    const own = new SimulatedActors(birth.id, birth.random, this.#note, (input) => this.#inputs.push(input));
    this.#ownActors = this.#threads === undefined ? own : undefined;
    this.actors = this.#threads ?? own;
  }

  /** For checkers. */
  get core(): ClusterCore {
    return this.node.core;
  }

  /** Whether nothing is under way: no user waits, and no actor starts, ends or has messages. */
  get isQuiet(): boolean {
    return this.#waiting.size === 0 && this.actors.isQuiet;
  }

  *holdings(): Generator<readonly [string, Version]> {
    for (const [key, { token }] of this.actors.actors) yield [key, token];
  }

  describe(): unknown {
    const { view, lease } = this.node;
    return {
      wasMember: this.wasMember || view !== undefined || this.#mayOnlyJoin,
      view: view === undefined ? "" : `${view.clusterId}@${view.epoch}`,
      lease,
      actors: this.actors.actors.size,
    };
  }

  step(input: ProcessInput<Frame, ClusterOperation>, now: Now, out: Effects): void {
    this.#out = out;
    this.#now = now;
    if (this.#threads === undefined) this.#take(input);
    else this.#stepThreads(input, this.#threads);
  }

  /** The main thread and the workers, each as far as it can go now. */
  #stepThreads(input: ProcessInput<Frame, ClusterOperation>, threads: SimulatedThreads): void {
    const now = this.#now;
    this.#backlog.push(input);
    if (!threads.isStalled(now)) {
      threads.drain(now, (news) => this.#feed(news));
      for (let next = this.#backlog.shift(); next !== undefined; next = this.#backlog.shift()) this.#take(next);
      if (input.kind === "tick") threads.mayStall(now);
    }
    if (!this.#isOver) threads.look(now, this.#note);
  }

  #take(input: ProcessInput<Frame, ClusterOperation>): void {
    switch (input.kind) {
      case "tick":
        this.#relink();
        this.#feed(input);
        this.#ownActors?.tick(() => this.#mayRun());
        break;
      case "discovered":
      case "lag":
        this.#feed(input);
        break;
      case "frame":
        this.#frame(input.from, input.lane, input.generation, input.frame);
        break;
      case "linkLost":
        if (input.lane === "data") this.#linkLost(input.peer, input.generation);
        else this.#feed(input);
        break;
      case "operation":
        this.#operate(input.operation);
        break;
      default:
        input satisfies never;
    }
    for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) this.#feed(next);
  }

  // --- users ----------------------------------------------------------------------------------------

  #operate(operation: ClusterOperation): void {
    const deadline = after(this.#now.mono, OPERATION_MS);
    const { view } = this.node;
    switch (operation.kind) {
      case "spawn": {
        const placement = PLACEMENTS[operation.placement % PLACEMENTS.length] ?? { kind: "local" };
        const claim = claimOf("actor", operation.name % 3 === 0 ? "odd" : "");
        const key = nameOf(operation.name);
        return this.#feed({
          kind: "spawn",
          requestId: this.#ask("spawn", OPERATION_MS),
          key,
          claim,
          placement,
          deadline,
        });
      }
      case "singleton": {
        const key = actorKey(`only${operation.name % 2}`);
        const claim = claimOf("singleton", "");
        return this.#feed({ kind: "singleton", requestId: this.#ask("singleton", OPERATION_MS), key, claim, deadline });
      }
      case "stop":
        return this.#feed({
          kind: "stop",
          requestId: this.#ask("stop", OPERATION_MS),
          key: nameOf(operation.name),
          deadline,
        });
      case "locate": {
        const requestId = this.#ask("locate", OPERATION_MS);
        return this.#feed({ kind: "locate", requestId, key: nameOf(operation.name), deadline });
      }
      case "message":
        return this.#send(operation.isGrain ? grainOf(operation.name) : nameOf(operation.name), operation.isAsk);
      case "passivate":
        return this.actors.passivate(operation.index);
      case "leave": {
        if (view === undefined || view.members.length < 2) return;
        const until = after(this.#now.mono, LEAVE_MS);
        return this.#feed({ kind: "leave", requestId: this.#ask("leave", 2 * LEAVE_MS), deadline: until });
      }
      case "condemn": {
        const member = view?.members[operation.member % view.members.length];
        if (member !== undefined && member.id !== this.id) this.#feed({ kind: "condemn", id: member.id });
        return;
      }
      default:
        operation satisfies never;
    }
  }

  #send(target: string, isAsk: boolean): void {
    const seq = (this.#seqs.get(target) ?? 0) + 1;
    this.#seqs.set(target, seq);
    const payload: SimulatedMessage = { sender: this.id, seq, hops: HOPS_MAX, by: this.id };
    const ask = isAsk ? { id: this.#ask("ask", ASK_MS), deadline: after(this.#now.mono, ASK_MS) } : undefined;
    this.#feed({ kind: "send", letter: { target, actorKind: "thing", sender: undefined, ask, bytes: 100, payload } });
  }

  #ask(what: string, waitMs: number): number {
    const id = ++this.#counter;
    const name = `${what} ${this.id}/${id}`;
    this.#waiting.add(`${id}`);
    this.#out.push({ kind: "note", note: { kind: "asked", id: name, deadlineMs: this.#now.mono + waitMs } });
    return id;
  }

  #ended(what: string, id: number, how: string): void {
    this.#waiting.delete(`${id}`);
    this.#out.push({ kind: "note", note: { kind: "ended", id: `${what} ${this.id}/${id}`, how } });
  }

  // --- links ----------------------------------------------------------------------------------------

  #frame(from: NodeId, lane: "control" | "data", outside: number, frame: Frame): void {
    if (lane === "control" || outside === 0) {
      return this.#feed({ kind: "frame", from, lane: "control", generation: 0, frame });
    }
    const link = this.#linkTo(from);
    link.patienceMs = 0;
    if (this.#down.delete(from)) this.#feed({ kind: "linkUp", peer: from, generation: link.home });
    if (link.outside === 0) link.outside = outside;
    else if (outside > link.outside) this.#newLink(from, link, outside);
    // By an older connection: the router knows what may still become of it.
    const generation = outside < link.outside ? link.home - 1 : link.home;
    this.#feed({ kind: "frame", from, lane, generation, frame });
  }

  #linkLost(peer: NodeId, outside: number): void {
    const link = this.#links.get(peer);
    if (link === undefined || outside < link.outside || this.#down.has(peer)) return;
    if (link.patienceMs === 0) this.#newLink(peer, link, 0);
    else {
      this.#feed({ kind: "linkLost", peer, lane: "data", generation: link.home });
      link.home++;
      link.outside = 0;
      this.#down.set(peer, after(this.#now.mono, link.patienceMs));
    }
    link.patienceMs = Math.min(RELINK_MS_MAX, Math.max(RELINK_MS_MIN, 2 * link.patienceMs));
  }

  /** Tries again where nobody was there: only to members, or a crash would keep all others busy for ever. */
  #relink(): void {
    for (const [peer, at] of this.#down) {
      const { view } = this.node;
      const link = this.#links.get(peer);
      if (this.#now.mono < at || view === undefined || link === undefined || !isMember(view, peer)) continue;
      this.#down.delete(peer);
      this.#feed({ kind: "linkUp", peer, generation: link.home });
    }
  }

  #newLink(peer: NodeId, link: DataLink, outside: number): void {
    this.#feed({ kind: "linkLost", peer, lane: "data", generation: link.home });
    link.home++;
    link.outside = outside;
    this.#feed({ kind: "linkUp", peer, generation: link.home });
  }

  /** Links are made when they are first needed, and then again whenever they are lost. */
  #linkTo(peer: NodeId): DataLink {
    let link = this.#links.get(peer);
    if (link === undefined) {
      this.#links.set(peer, link = { outside: 0, home: 1, patienceMs: 0 });
      this.#feed({ kind: "linkUp", peer, generation: 1 });
    }
    return link;
  }

  // --- the node -------------------------------------------------------------------------------------

  #mayRun(): boolean {
    const { lease, options } = this.node;
    return !this.#isOver && (lease === "held" || lease === "soft" || !options.rules.freezeAtExpiry);
  }

  #feed(input: NodeInput): void {
    if (this.#isOver) return;
    const effects: NodeEffect[] = [];
    stepNode(this.node, input, this.#now, effects);
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: NodeEffect): void {
    const out = this.#out;
    switch (effect.kind) {
      case "send":
        if (effect.lane === "data" && effect.generation !== this.#links.get(effect.to)?.home) return;
        if (effect.frame.part === "router") this.#leaves(effect.to, effect.frame.message);
        return void out.push({ kind: "send", to: effect.to, lane: effect.lane, frame: effect.frame });
      case "greet":
        return void out.push(effect);
      case "start":
        return this.actors.start(effect, this.#now, this.#note);
      case "stop":
        return this.actors.stop(effect, this.#now);
      case "enqueue":
        return this.actors.enqueue(effect, this.#now, (input) => this.#inputs.push(input));
      case "reply":
        if (this.#threads?.askEnded(effect.askId, this.#now) === true) return;
        return this.#ended("ask", effect.askId, "reply");
      case "failed":
        if (this.#threads?.askEnded(effect.askId, this.#now) === true) return;
        return this.#ended("ask", effect.askId, `${effect.code} (${effect.fate})`);
      case "deadLetter":
        return;
      case "closeLink": {
        const link = this.#links.get(effect.peer);
        if (link?.home === effect.generation) this.#newLink(effect.peer, link, link.outside);
        return;
      }
      case "done":
        return this.#done(effect.requestId, effect.result);
      case "event":
        return void out.push({ kind: "note", note: effect });
      case "view":
        out.push({ kind: "note", note: { kind: "installed", view: effect.view } });
        for (const { id } of effect.view.members) if (id !== this.id) this.#linkTo(id);
        return;
      case "lease":
        return void out.push({ kind: "note", note: { kind: "lease", status: effect.status } });
      case "leaseTerm":
        return this.#threads?.publish(effect.until);
      case "retire":
        this.#threads?.retire();
        this.#isOver = true;
        this.#mayOnlyJoin = effect.wasMember;
        return void out.push({ kind: "retire", reason: effect.reason });
      case "voted":
      case "odd":
        return void out.push({ kind: "note", note: effect });
      default:
        effect satisfies never;
    }
  }

  /** What actors have made leaves this node: for checkers, with the lease it has by its clocks. */
  #leaves(to: NodeId, message: RouterMessage): void {
    const isOfActor = message.kind === "user" ? message.sender !== undefined : message.kind === "reply";
    if (!isOfActor) return;
    const by = message.kind === "user"
      ? messageIn(message.payload)?.by
      : message.kind === "reply" && message.outcome.kind === "ok"
      ? answererIn(message.outcome.value)
      : undefined;
    if (by === undefined) return;
    const what = message.kind === "user" ? "message" : "reply";
    this.#note({ kind: "left", what, by, to, lease: this.#leaseNow() });
  }

  #leaseNow(): LeaseStatus {
    const { view, lease } = this.core.engine.views;
    return view === undefined ? "none" : standing(lease, view, this.#now, this.core.options.timings).status;
  }

  #note = (note: ClusterNote): void => void this.#out.push({ kind: "note", note });

  #done(requestId: number, result: DirectoryResult): void {
    const how = result.kind === "failed" ? `${result.failure.code}` : result.kind;
    this.#ended(REQUESTS[result.kind] ?? "request", requestId, how);
    // A node that has left ends; in this world it comes back as another.
    if (result.kind === "left") {
      this.#threads?.retire();
      this.#isOver = true;
      this.#out.push({ kind: "retire", reason: "left" });
    }
  }
}

const REQUESTS: Readonly<Record<string, string>> = { left: "leave" };
const NOTHING = new Uint8Array(0);

function claimOf(type: Holding, role: string): Claim {
  return {
    type,
    kind: "thing",
    spec: NOTHING,
    isRelocatable: true,
    isEager: false,
    role,
    idempotencyKey: "",
  };
}

const GRAIN: Creation = { claim: claimOf("grain", ""), placement: { kind: "random" } };

/** The names that actors of these nodes send to, so many actors and so many grains. */
export function targetNames(count: number): readonly string[] {
  return Array.from({ length: count }, (_, number) => [nameOf(number), grainOf(number)]).flat();
}

function nameOf(number: number): string {
  return actorKey(`a${number}`);
}

function grainOf(number: number): string {
  return grainKey("thing", `g${number}`);
}
