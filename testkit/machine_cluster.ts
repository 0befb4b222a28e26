/**
 * The cluster of a simulated node: the composed machine that real nodes run, with the links it needs. Mutable.
 *
 * One idea: the machine counts its own data links. A connection of the simulated network becomes a new link of the
 * machine when its first frame arrives, or when the machine wants one and there is none.
 *
 * @module
 */
import { type ActorKey, epoch, type NodeId } from "../core/ids.ts";
import { isGrainKey } from "../core/names.ts";
import { type ClusterNode, createNode, type NodeEffect, type NodeInput, stepNode } from "../cluster/cluster_node.ts";
import type { Claim, Creation } from "../cluster/directory_protocol.ts";
import { ALL_RULES, type Rules } from "../cluster/rules.ts";
import { type ClusterSettings, TIMINGS } from "../cluster/settings.ts";
import type { Now } from "../cluster/time.ts";
import { isMember, type View } from "../cluster/view.ts";
import type { ClusterEffect, ClusterInput, HostEffect, NodeCluster } from "./actor_cluster.ts";
import type { Birth } from "./process.ts";
import { addressOf } from "./sim_node.ts";

/** Partitions of a simulated registry: enough that every node owns some. */
const PARTITIONS = 13;
const CHUNK_ENTRIES = 64;
const CHANGES_KEPT = 1_024;
const TABLE_BYTES = 1 << 26;
/** How long grains wait for most of the nodes. */
const BARRIER_MS = 30_000;

interface Link {
  /** As the machine counts it. */
  number: number;
  /** As the network counts it; `0` until a frame has come by it. */
  network: number;
  isUp: boolean;
}

/** What all nodes of a world are told about their cluster. */
export function settingsOfCluster(nodeCount: number): ClusterSettings {
  const replicaCount = Math.min(3, nodeCount);
  // Seeds, because a world of theirs gets over the loss of most of them at once.
  const seedCount = nodeCount >= 5 ? 5 : nodeCount >= 3 ? 3 : 1;
  const seeds = Array.from({ length: seedCount }, (_, host) => addressOf(host));
  return {
    name: "simulation",
    partitionCount: PARTITIONS,
    replicaCount,
    writeQuorum: Math.floor(replicaCount / 2) + 1,
    readQuorum: 1,
    rule: { kind: "seeds", seeds },
    minimumPeersQuorum: Math.floor(seedCount / 2) + 1,
  };
}

/** The composed machine, as one simulated process has it. */
export class MachineCluster implements NodeCluster {
  readonly #node: ClusterNode;
  readonly #links = new Map<NodeId, Link>();
  #wasMember: boolean;
  #out: ClusterEffect[] = [];

  constructor(birth: Birth, settings: ClusterSettings, kinds: readonly string[], rules: Rules = ALL_RULES) {
    this.#wasMember = wasMemberBefore(birth);
    const { minimumPeersQuorum: minimumMembers } = settings;
    this.#node = createNode({
      self: {
        id: birth.id,
        address: birth.address,
        zone: "",
        roles: [],
        kinds,
        joinEpoch: epoch(0),
        status: "up",
        capacity: 1,
      },
      settings,
      timings: TIMINGS,
      rules,
      random: birth.random,
      bornAt: birth.bornAt,
      processStartedAt: birth.processStartedAt,
      wasMember: this.#wasMember,
      chunkEntries: CHUNK_ENTRIES,
      changesKept: CHANGES_KEPT,
      tableBytes: TABLE_BYTES,
      barrier: { minimumMembers, timeoutMs: BARRIER_MS, onTimeout: "proceed" },
      creationOf,
    });
  }

  get view(): View | undefined {
    return this.#node.view;
  }

  isLinked(peer: NodeId): boolean {
    return this.#links.get(peer)?.isUp === true;
  }

  get clusterId(): string {
    return this.#node.view?.clusterId ?? "";
  }

  unready(): string | undefined {
    const { view, lease } = this.#node;
    if (view === undefined) return "it has no view";
    return lease === "held" || lease === "soft" ? undefined : `its lease is ${lease}`;
  }

  describe(): { readonly wasMember: boolean; readonly view: string; readonly lease: string } {
    const { view, lease } = this.#node;
    return { wasMember: this.#wasMember, view: view === undefined ? "" : `${view.clusterId}@${view.epoch}`, lease };
  }

  step(input: ClusterInput, now: Now, out: ClusterEffect[]): void {
    this.#out = out;
    switch (input.kind) {
      case "tick":
        this.#tell(input, now);
        return this.#dial(now);
      case "frame": {
        const { from, lane, frame, generation } = input;
        const link = lane === "control" ? undefined : this.#arrived(from, generation, now);
        if (lane === "data" && link === undefined) return;
        if (frame.part === "system") return this.#heard(from, frame.word);
        return this.#tell({ kind: "frame", from, lane, generation: link?.number ?? generation, frame }, now);
      }
      case "word":
        if (!this.isLinked(input.to)) return;
        return this.#network({
          kind: "send",
          to: input.to,
          lane: "data",
          frame: { part: "system", word: input.word },
        });
      case "linkLost":
        if (input.lane === "control") return this.#tell(input, now);
        return this.#lost(input.peer, input.generation, now);
      default:
        return this.#tell(input, now);
    }
  }

  /** Members are listened to, and nobody else, as in a real node. */
  #heard(from: NodeId, word: Uint8Array): void {
    const { view } = this;
    if (view !== undefined && isMember(view, from)) this.#host({ kind: "word", from, word });
  }

  #host(effect: HostEffect): void {
    this.#out.push({ kind: "host", effect });
  }

  #tell(input: NodeInput, now: Now): void {
    const effects: NodeEffect[] = [];
    stepNode(this.#node, input, now, effects);
    for (const effect of effects) this.#perform(effect, now);
  }

  #perform(effect: NodeEffect, now: Now): void {
    switch (effect.kind) {
      case "send": {
        const { to, lane, frame } = effect;
        if (lane === "data" && this.#links.get(to)?.number !== effect.generation) return;
        return this.#network({ kind: "send", to, lane, frame });
      }
      case "greet":
        return this.#network(effect);
      case "retire":
        this.#wasMember ||= effect.wasMember;
        return this.#network({ kind: "retire", reason: effect.reason });
      case "closeLink":
        return this.#lost(effect.peer, Infinity, now);
      case "view":
        this.#wasMember = true;
        for (const { id } of effect.view.members) if (id !== this.#node.options.self.id) this.#linkTo(id);
        this.#host(effect);
        return this.#dial(now);
      case "start":
      case "stop":
      case "enqueue":
      case "reply":
      case "failed":
      case "deadLetter":
      case "done":
      case "lease":
        return this.#host(effect);
      case "event":
      case "leaseTerm":
      case "voted":
      case "odd":
        return;
      default:
        return effect satisfies never;
    }
  }

  #network(effect: Extract<ClusterEffect, { kind: "network" }>["effect"]): void {
    this.#out.push({ kind: "network", effect });
  }

  #linkTo(peer: NodeId): Link {
    const known = this.#links.get(peer);
    if (known !== undefined) return known;
    const link = { number: 1, network: 0, isUp: false };
    this.#links.set(peer, link);
    return link;
  }

  /** A frame has come by a connection of the network: the link it belongs to, unless there is a newer one. */
  #arrived(peer: NodeId, generation: number, now: Now): Link | undefined {
    const link = this.#linkTo(peer);
    if (generation < link.network) return undefined;
    if (generation > link.network) {
      if (link.network > 0) this.#lost(peer, link.network, now);
      link.network = generation;
    }
    this.#raise(peer, link, now);
    return link;
  }

  /** A link is gone; another is tried for at the next tick, if the peer is still a member. */
  #lost(peer: NodeId, generation: number, now: Now): void {
    const link = this.#links.get(peer);
    if (link === undefined || !link.isUp || generation < link.network) return;
    const { number } = link;
    link.number++;
    link.network = 0;
    link.isUp = false;
    this.#host({ kind: "peerLink", peer, isUp: false });
    this.#tell({ kind: "linkLost", peer, lane: "data", generation: number }, now);
  }

  #dial(now: Now): void {
    const members = this.#node.view?.members ?? [];
    for (const { id } of members) {
      const link = this.#links.get(id);
      if (link !== undefined) this.#raise(id, link, now);
    }
  }

  #raise(peer: NodeId, link: Link, now: Now): void {
    if (link.isUp) return;
    link.isUp = true;
    this.#tell({ kind: "linkUp", peer, generation: link.number }, now);
    this.#host({ kind: "peerLink", peer, isUp: true });
  }
}

/** What a grain is claimed as. */
export function grainClaim(kind: string): Claim {
  return {
    type: "grain",
    kind,
    spec: new Uint8Array(),
    isRelocatable: false,
    isEager: false,
    role: "",
    idempotencyKey: "",
  };
}

/** Whether the process was ever in a cluster, under any identity. */
function wasMemberBefore({ previous }: Birth): boolean {
  const described = previous?.described;
  return typeof described === "object" && described !== null && "wasMember" in described &&
    described.wasMember === true;
}

/** How a key begins that nobody has: grains do, by the first message. */
function creationOf(key: string, kind: string): Creation | undefined {
  if (!isGrainKey(key as ActorKey)) return undefined;
  return { claim: grainClaim(kind), placement: { kind: "random" } };
}
