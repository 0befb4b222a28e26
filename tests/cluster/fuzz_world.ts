/**
 * A few cores and everything that could be told to them: their own frames in any order, more than once, from the wrong
 * node, with a number or a name in them changed; requests; clocks that jump. For properties. Changes in place.
 *
 * One idea: commands are plain data that always mean something, whatever state they meet, so fast-check can shorten any
 * list of them.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  beginStep,
  type ClusterCore,
  condemn,
  coreDiscovered,
  type CoreEffect,
  coreFrame,
  coreLag,
  coreLinkLost,
  coreRequest,
  createCore,
  type Frame,
  leaveWanted,
  tickCore,
} from "../../cluster/cluster_core.ts";
import { type FrameDecoder, frameDecoder, isFrameProblem } from "../../cluster/decode_frame.ts";
import type { CasOperation, EngineRequest } from "../../cluster/engine.ts";
import { ALL_RULES } from "../../cluster/rules.ts";
import { type ClusterSettings, TIMINGS } from "../../cluster/settings.ts";
import type { Now } from "../../cluster/time.ts";
import type { Member, ViewDraft } from "../../cluster/view.ts";
import { epoch, instant, type NodeId, nodeId, type Partition } from "../../core/ids.ts";
import { seededRandom } from "../../core/random.ts";
import { frameSamples, PARTITIONS } from "./fuzz_samples.ts";
import { changed } from "./fuzz_values.ts";
import { watch, type Watcher } from "./fuzz_watch.ts";

/** Ids of the cores, then of others. */
export const IDS: readonly NodeId[] = ["a", "b", "c", "x"].map(nodeId);
const CORES = 3;
/** Frames that wait to be delivered: the oldest are lost. */
const FLYING_MAX = 256;

/** One thing to do. Numbers are taken modulo what there is. */
export type Command =
  /** All clocks go on, everybody ticks, everything arrives, so often. */
  | { readonly kind: "calm"; readonly ticks: number }
  | { readonly kind: "tick"; readonly at: number; readonly ms: number; readonly wallMs: number }
  | {
    readonly kind: "deliver";
    readonly which: number;
    readonly isKept: boolean;
    readonly from: number | undefined;
    readonly to: number | undefined;
    readonly change: { readonly leaf: number; readonly by: number } | undefined;
    /** Whether it comes through the decoder of frames, as it should. */
    readonly isDecoded: boolean;
  }
  | {
    readonly kind: "sample";
    readonly which: number;
    readonly from: number;
    readonly to: number;
    readonly isOfCluster: boolean;
    readonly change: { readonly leaf: number; readonly by: number } | undefined;
  }
  | { readonly kind: "request"; readonly at: number; readonly what: number; readonly key: number; readonly ms: number }
  | { readonly kind: "other"; readonly at: number; readonly what: number; readonly value: number };

interface Flying {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly frame: Frame;
}

/** One core with its clocks and what is known of it. */
export interface FuzzedNode {
  readonly id: NodeId;
  readonly core: ClusterCore;
  readonly watcher: Watcher;
  mono: number;
  wall: number;
}

/** The world. */
export class FuzzWorld {
  readonly nodes: readonly FuzzedNode[];
  readonly settings: ClusterSettings;
  readonly #decode: FrameDecoder = frameDecoder({ partitionCount: PARTITIONS, specBytesMax: 1_024 });
  #flying: Flying[] = [];
  #requests = 0;

  constructor(seed: number) {
    this.settings = {
      name: "fuzz",
      partitionCount: PARTITIONS,
      replicaCount: 2,
      writeQuorum: 2,
      readQuorum: 1 + seed % 2,
      rule: seed % 3 === 0 ? { kind: "seeds", seeds: ["a:1", "b:1", "c:1"] } : { kind: "dynamic" },
      minimumPeersQuorum: 2,
    };
    this.nodes = IDS.slice(0, CORES).map((id, index) => this.#nodeOf(id, seed + index));
  }

  /** Does one thing, and looks whether every core is still as it must be. */
  do(command: Command): void {
    switch (command.kind) {
      case "calm":
        return this.calm(command.ticks);
      case "tick": {
        const node = this.#at(command.at);
        node.mono += command.ms;
        node.wall += command.wallMs;
        return this.#step(node, (now, out) => tickCore(node.core, now, out));
      }
      case "deliver": {
        const index = command.which % Math.max(1, this.#flying.length);
        const flying = this.#flying[index];
        if (flying === undefined) return;
        if (!command.isKept) this.#flying.splice(index, 1);
        const from = command.from === undefined ? flying.from : this.#id(command.from);
        const to = command.to === undefined ? this.#named(flying.to) : this.#at(command.to);
        if (to === undefined) return;
        const frame = command.change === undefined ? flying.frame : this.#changed(flying.frame, command.change);
        if (!command.isDecoded) return this.#receive(to, from, frame);
        const decoded = this.#decode(frame);
        if (!isFrameProblem(decoded)) this.#receive(to, from, decoded);
        return;
      }
      case "sample": {
        const to = this.#at(command.to);
        const samples = frameSamples(to.core, command.isOfCluster);
        const sample = samples[command.which % samples.length] ?? assert.fail();
        const frame = command.change === undefined ? sample : this.#changed(sample, command.change);
        return this.#receive(to, this.#id(command.from), frame);
      }
      case "request":
        return this.#request(command);
      case "other":
        return this.#other(command);
      default:
        return command satisfies never;
    }
  }

  /** Nothing goes wrong for a while. */
  calm(ticks: number): void {
    for (let tick = 0; tick < ticks; tick++) {
      for (const node of this.nodes) {
        node.mono += 100;
        node.wall += 100;
        if (tick % 20 === 0) coreDiscovered(node.core, ["a:1", "b:1", "c:1"], this.#now(node));
        this.#step(node, (now, out) => tickCore(node.core, now, out));
      }
      for (let rounds = 0; rounds < 10 && this.#flying.length > 0; rounds++) {
        for (const { from, to, frame } of this.#flying.splice(0)) {
          const node = this.#named(to);
          if (node !== undefined) this.#receive(node, from, frame);
        }
      }
    }
  }

  /** A long time passes, without any answer: whatever was asked has ended. */
  end(): void {
    for (const node of this.nodes) {
      node.mono += 120_000;
      node.wall += 120_000;
      this.#step(node, (now, out) => tickCore(node.core, now, out));
      node.watcher.atEnd(this.#now(node));
    }
  }

  #nodeOf(id: NodeId, seed: number): FuzzedNode {
    const bornAt = { mono: instant(1_000 * seed % 10_000), wall: 1_780_000_000_000 + seed };
    const self: Member = {
      id,
      address: `${id}:1`,
      zone: "",
      roles: [],
      kinds: [],
      joinEpoch: epoch(0),
      status: "up",
      capacity: 1,
    };
    const core = createCore({
      self,
      settings: this.settings,
      timings: { ...TIMINGS, tickMs: 100, stateSyncMs: 2_000 },
      rules: ALL_RULES,
      random: seededRandom(seed),
      bornAt,
      processStartedAt: bornAt,
      wasMember: false,
      chunkEntries: 2,
      changesKept: 8,
      tableBytes: 1 << 16,
    });
    return { id, core, watcher: watch(core), mono: bornAt.mono, wall: bornAt.wall };
  }

  #step(node: FuzzedNode, run: (now: Now, out: CoreEffect[]) => void): void {
    const now = this.#now(node);
    const out: CoreEffect[] = [];
    beginStep(node.core, now, out);
    run(now, out);
    let more = out;
    while (more.length > 0) {
      const next: CoreEffect[] = [];
      for (const effect of more) this.#perform(node, effect, next);
      more = next;
    }
    node.watcher.afterStep(now);
  }

  #perform(node: FuzzedNode, effect: CoreEffect, out: CoreEffect[]): void {
    node.watcher.onEffect(effect);
    if (effect.kind === "send") this.#fly({ from: node.id, to: effect.to, frame: effect.frame });
    if (effect.kind === "greet") {
      const there = this.nodes.find(({ id }) => `${id}:1` === effect.address);
      if (there !== undefined) this.#fly({ from: node.id, to: there.id, frame: effect.frame });
    }
    if (effect.kind === "holdingsWanted") {
      const { partition, cfg } = effect;
      coreRequest(node.core, { kind: "holdings", partition, cfg, held: [] }, this.#now(node), out);
    }
  }

  #fly(flying: Flying): void {
    this.#flying.push(flying);
    if (this.#flying.length > FLYING_MAX) this.#flying.shift();
  }

  #receive(node: FuzzedNode, from: NodeId, frame: Frame): void {
    if (frame.part === "engine" && frame.message.kind === "leaseRelease") node.watcher.onRelease(from);
    this.#step(node, (now, out) => coreFrame(node.core, from, frame, now, out));
  }

  #request({ at, what, key, ms }: Command & { readonly kind: "request" }): void {
    const node = this.#at(at);
    const requestId = ++this.#requests;
    const deadline = instant(node.mono + ms);
    const request = this.#requestOf(node, what, `k${key % 5}`, requestId);
    node.watcher.onRequest(requestId);
    if (request.kind === "releaseLease") node.watcher.onRelease(node.id);
    this.#step(node, (now, out) => {
      coreRequest(node.core, { kind: "engineRequest", requestId, deadline, request }, now, out);
    });
  }

  #requestOf({ id, core }: FuzzedNode, what: number, key: string, number: number): EngineRequest {
    const record = {
      type: "actor",
      kind: "thing",
      holder: id,
      holderJoin: epoch(1),
      spec: new Uint8Array(0),
      isRelocatable: true,
      isEager: false,
      role: "",
      idempotencyKey: "",
    } as const;
    const claim: CasOperation = { key, expect: "absent", record, opId: `${id}#${number}` };
    const removal: CasOperation = { ...claim, expect: { cfg: epoch(1 + what % 4), seq: what % 7 }, record: null };
    const { view } = core.engine.views;
    switch (what % 7) {
      case 0:
        return { kind: "get", key };
      case 1:
        return { kind: "cas", ...claim };
      case 2:
        return { kind: "cas", ...removal };
      case 3:
        return { kind: "casMany", partition: (what % (PARTITIONS + 1)) as Partition, operations: [claim, removal] };
      case 4:
        return { kind: "scan", partition: (what % (PARTITIONS + 1)) as Partition, holder: undefined };
      case 5: {
        const members = (view?.members ?? []).filter((_, index) => index !== what % 5);
        const draft: ViewDraft = { members, partitions: view?.partitions ?? [] };
        return { kind: "propose", base: epoch((view?.epoch ?? 0) + (what % 11 === 0 ? 1 : 0)), draft };
      }
      default:
        return what % 4 === 0 ? { kind: "releaseLease" } : { kind: "get", key };
    }
  }

  #other({ at, what, value }: Command & { readonly kind: "other" }): void {
    const node = this.#at(at);
    this.#step(node, (now, out) => {
      switch (what % 6) {
        case 0:
          return coreLinkLost(node.core, this.#id(value), now, out);
        case 1:
          return coreLag(node.core, value, now, out);
        case 2:
          return condemn(node.core, this.#id(value), now, out);
        case 3:
          return leaveWanted(node.core, this.#id(value), now, out);
        case 4:
          return coreDiscovered(node.core, [`${this.#id(value)}:1`, "", "nowhere"], now);
        default: {
          const partition = (value % (PARTITIONS + 1)) as Partition;
          return coreRequest(node.core, { kind: "holdings", partition, cfg: epoch(value % 9), held: [] }, now, out);
        }
      }
    });
  }

  #changed(frame: Frame, change: { readonly leaf: number; readonly by: number }): Frame {
    return changed(frame, change.leaf, change.by);
  }

  #now({ mono, wall }: FuzzedNode): Now {
    return { mono: instant(mono), wall };
  }

  #at(index: number): FuzzedNode {
    return this.nodes[index % this.nodes.length] ?? assert.fail();
  }

  #id(index: number): NodeId {
    return IDS[index % IDS.length] ?? assert.fail();
  }

  #named(id: NodeId): FuzzedNode | undefined {
    return this.nodes.find((node) => node.id === id);
  }
}
