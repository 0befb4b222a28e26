/**
 * A stand-in for a cluster: the real router, over a directory that simply knows everything. For trying the actors of a
 * world without the machines that find out. Mutable; shared by all nodes of a world.
 *
 * One idea: whoever is dead is known to be dead after as long as a lease lasts, so moves and losses take their real
 * time. What it lacks is disagreement: no split makes two sides believe different things.
 *
 * @module
 */
import { type Epoch, epoch, type NodeId } from "../core/ids.ts";
import { hash32 } from "../core/hash.ts";
import type { RegistryRecord, Version } from "../cluster/engine.ts";
import type { Claim } from "../cluster/directory_protocol.ts";
import { createRouter, type RouterState, stepRouter } from "../cluster/router.ts";
import type { RouterEffect, RouterInput, RouterMessage } from "../cluster/router_protocol.ts";
import { ALL_RULES } from "../cluster/rules.ts";
import type { Now } from "../cluster/time.ts";
import type { View } from "../cluster/view.ts";
import type { ClusterEffect, ClusterInput, HostEffect, NodeCluster } from "./actor_cluster.ts";

/** How long a node that is gone still counts: detection, and the end of its lease. */
const LOST_AFTER_MS = 6_500;

interface Entry {
  holder: NodeId;
  token: Version;
  readonly record: RegistryRecord;
}

/** What all nodes of one world know. */
export class KnownPlaces {
  /** Simulated milliseconds. */
  readonly nowMs: () => number;
  readonly entries: Map<string, Entry> = new Map();
  readonly nodes: Map<NodeId, KnownCluster> = new Map();
  readonly #lost = new Map<NodeId, number>();
  view: View = viewOf(0, []);
  #seq = 0;

  constructor(nowMs: () => number) {
    this.nowMs = nowMs;
  }

  join(cluster: KnownCluster): void {
    this.nodes.set(cluster.id, cluster);
    this.#next();
  }

  /** A node's process has ended. */
  crashed(id: NodeId): void {
    if (this.nodes.has(id)) this.#lost.set(id, this.nowMs() + LOST_AFTER_MS);
  }

  refresh(): void {
    for (const [id, atMs] of this.#lost) {
      if (atMs > this.nowMs()) continue;
      this.#lost.delete(id);
      this.nodes.delete(id);
      this.#next();
      for (const [key, entry] of this.entries) {
        if (entry.holder !== id) continue;
        this.entries.delete(key);
        if (entry.record.isRelocatable) this.claim(key, entry.record, undefined);
      }
    }
  }

  /** The entry of a key; a free one is given to a node that lives, or to `wanted`. */
  claim(key: string, claim: Claim, wanted: NodeId | undefined): Entry | undefined {
    const known = this.entries.get(key);
    if (known !== undefined) return known;
    const live = [...this.nodes.keys()].filter((id) => !this.#lost.has(id));
    const holder = wanted ?? live[hash32(key) % Math.max(1, live.length)];
    if (holder === undefined) return undefined;
    const record = { ...claim, holder, holderJoin: epoch(1) };
    const entry = { holder, token: { cfg: this.view.epoch, seq: ++this.#seq }, record };
    this.entries.set(key, entry);
    this.nodes.get(holder)?.starts.push({ kind: "start", key, token: entry.token, record, snapshot: undefined });
    return entry;
  }

  release(key: string, token: Version): void {
    if (this.entries.get(key)?.token.seq === token.seq) this.entries.delete(key);
  }

  #next(): void {
    this.view = viewOf(this.view.epoch + 1, [...this.nodes.keys()]);
  }
}

/** The stand-in, as one node has it. */
export class KnownCluster implements NodeCluster<RouterMessage> {
  readonly id: NodeId;
  /** What this node is to start, as soon as it looks. */
  readonly starts: Extract<HostEffect, { kind: "start" }>[] = [];
  readonly #places: KnownPlaces;
  readonly #router: RouterState;
  readonly #links = new Map<NodeId, { number: number; network: number }>();
  readonly #down = new Set<NodeId>();
  readonly #spawns = new Map<string, number>();
  #epoch: Epoch = epoch(0);
  #out: ClusterEffect<RouterMessage>[] = [];

  constructor(id: NodeId, places: KnownPlaces, now: Now) {
    this.id = id;
    this.#places = places;
    this.#router = createRouter(id, ALL_RULES, now);
    places.join(this);
  }

  unready(): string | undefined {
    return this.#epoch === 0 ? "no view yet" : undefined;
  }

  step(input: ClusterInput<RouterMessage>, now: Now, out: ClusterEffect<RouterMessage>[]): void {
    this.#out = out;
    this.#look(now);
    this.#take(input, now);
    this.#look(now);
  }

  #take(input: ClusterInput<RouterMessage>, now: Now): void {
    switch (input.kind) {
      case "tick":
        this.#places.refresh();
        this.#dial(now);
        return this.#route({ kind: "tick" }, now);
      case "discovered":
      case "lag":
        return;
      case "frame": {
        const link = this.#linkTo(input.from, now);
        if (input.generation > link.network) {
          if (link.network > 0) this.#renew(input.from, now);
          link.network = input.generation;
          this.#dial(now);
        } else if (input.generation < link.network) return;
        const { from, frame: message } = input;
        return this.#route({ kind: "received", from, generation: link.number, message }, now);
      }
      case "linkLost":
        if (input.lane === "data") this.#renew(input.peer, now);
        return;
      case "spawn":
        return this.#spawn(input);
      case "stop": {
        const entry = this.#places.entries.get(input.key);
        if (entry !== undefined) {
          const { token } = entry;
          const holder = this.#places.nodes.get(entry.holder);
          holder?.stops.push({ kind: "stop", key: input.key, token, reason: "released" });
        }
        return this.#tell({ kind: "done", requestId: input.requestId, result: { kind: "stopped" } });
      }
      case "started":
        return this.#started(input.key, input.token, input.error, now);
      case "ended":
      case "stoppedFor":
        this.#places.release(input.key, input.token);
        return this.#route({ kind: "activation", key: input.key, token: input.token, status: "gone" }, now);
      default:
        return this.#route(input, now);
    }
  }

  /** What this node is to end, as soon as it looks. */
  readonly stops: Extract<HostEffect, { kind: "stop" }>[] = [];

  #look(now: Now): void {
    const { view } = this.#places;
    if (view.epoch !== this.#epoch) {
      if (this.#epoch === 0) this.#route({ kind: "lease", status: "held" }, now);
      this.#epoch = view.epoch;
      this.#route({ kind: "view", view }, now);
      for (const { id } of view.members) if (id !== this.id) this.#linkTo(id, now);
    }
    for (const start of this.starts.splice(0)) {
      this.#route({ kind: "activation", key: start.key, token: start.token, status: "starting" }, now);
      this.#tell(start);
    }
    for (const stop of this.stops.splice(0)) this.#tell(stop);
  }

  #linkTo(peer: NodeId, now: Now): { number: number; network: number } {
    const known = this.#links.get(peer);
    if (known !== undefined) return known;
    const link = { number: 1, network: 0 };
    this.#links.set(peer, link);
    this.#route({ kind: "linkUp", peer, generation: 1 }, now);
    return link;
  }

  /** A link is gone; a new one is tried for at the next tick. */
  #renew(peer: NodeId, now: Now): void {
    const link = this.#linkTo(peer, now);
    this.#route({ kind: "linkLost", peer, generation: link.number }, now);
    link.number++;
    link.network = 0;
    this.#down.add(peer);
  }

  #dial(now: Now): void {
    for (const peer of this.#down) {
      const link = this.#links.get(peer);
      if (link !== undefined) this.#route({ kind: "linkUp", peer, generation: link.number }, now);
    }
    this.#down.clear();
  }

  #spawn({ requestId, key, claim }: Extract<ClusterInput<RouterMessage>, { kind: "spawn" }>): void {
    const isTaken = this.#places.entries.has(key);
    if (isTaken) {
      const failure = {
        code: "name-taken" as const,
        fate: "not-delivered" as const,
        holder: undefined,
        reason: `Cannot spawn ${key}: an actor of that name is running`,
      };
      return this.#tell({ kind: "done", requestId, result: { kind: "failed", failure } });
    }
    this.#spawns.set(key, requestId);
    this.#places.claim(key, claim, this.id);
  }

  #started(key: string, token: Version, error: string | undefined, now: Now): void {
    const requestId = this.#spawns.get(key);
    this.#spawns.delete(key);
    if (error === undefined) this.#route({ kind: "activation", key, token, status: "live" }, now);
    if (requestId === undefined) return;
    if (error === undefined) {
      const result = { kind: "spawned" as const, holder: this.id, token, isNew: true };
      return this.#tell({ kind: "done", requestId, result });
    }
    const failure = {
      code: "start-failed" as const,
      fate: "not-delivered" as const,
      holder: undefined,
      reason: error,
    };
    this.#tell({ kind: "done", requestId, result: { kind: "failed", failure } });
  }

  #route(input: RouterInput, now: Now): void {
    const out: RouterEffect[] = [];
    stepRouter(this.#router, input, now, out);
    for (const effect of out) this.#perform(effect, now);
  }

  #perform(effect: RouterEffect, now: Now): void {
    switch (effect.kind) {
      case "transmit":
        if (this.#links.get(effect.to)?.number !== effect.generation) return;
        this.#out.push({
          kind: "network",
          effect: { kind: "send", to: effect.to, lane: "data", frame: effect.message },
        });
        return;
      case "resolve":
        return this.#resolve(effect.key, effect.actorKind, now);
      case "closeLink":
        return this.#renew(effect.peer, now);
      case "viewWanted":
        return;
      default:
        return this.#tell(effect);
    }
  }

  #resolve(key: string, kind: string, now: Now): void {
    const root = key.split("/")[0] ?? key;
    const entry = root === key && root.includes(":")
      ? this.#places.claim(root, grainClaim(kind), undefined)
      : this.#places.entries.get(root);
    if (entry === undefined) return this.#route({ kind: "absent", key, reason: "absent" }, now);
    this.#route({ kind: "resolved", key, holder: entry.holder, token: entry.token }, now);
  }

  #tell(effect: HostEffect): void {
    this.#out.push({ kind: "host", effect });
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

function viewOf(number: number, ids: readonly NodeId[]): View {
  const members = ids.map((id) => ({
    id,
    address: id as string,
    zone: "",
    roles: [],
    kinds: [],
    joinEpoch: epoch(1),
    status: "up" as const,
    capacity: 1,
  }));
  return {
    clusterId: "known",
    draft: "",
    epoch: epoch(number),
    rule: { kind: "dynamic" },
    members,
    voters: [],
    need: 1,
    leader: ids[0],
    leaderTerm: epoch(1),
    partitions: [],
    removed: [],
  };
}
