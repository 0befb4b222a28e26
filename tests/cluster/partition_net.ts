/**
 * Partitions of several nodes that talk to each other over a queue: a test says who hears what, and when. There is one
 * partition, 0.
 *
 * @module
 */
import { type NodeId, nodeId, type Partition } from "../../core/ids.ts";
import type { Held } from "../../cluster/engine.ts";
import {
  foundPartitions,
  holdingsGiven,
  leaseChanged,
  partitionMessage,
  partitionsInstalled,
  tickPartitions,
} from "../../cluster/partition_machine.ts";
import type { PartitionMessage, RegistryAnswer, RegistryOperation } from "../../cluster/partition_protocol.ts";
import {
  createPartitions,
  type PartitionEffect,
  type PartitionOptions,
  type Partitions,
  replicaOf,
} from "../../cluster/partition_state.ts";
import type { Replica } from "../../cluster/replica.ts";
import { ALL_RULES } from "../../cluster/rules.ts";
import type { View } from "../../cluster/view.ts";
import { at, founded, record, SETTINGS, TIMES } from "./view_values.ts";

/** The one partition. */
export const P = 0 as Partition;

/** A message on its way. */
export interface Sent {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly message: PartitionMessage;
}

/** An answer, as its client hears it. */
export interface Answered {
  readonly by: NodeId;
  readonly to: NodeId;
  readonly requestId: number;
  readonly answers: readonly RegistryAnswer[];
}

type Done = Exclude<PartitionEffect, { readonly kind: "send" }>;

/** Everything a test of partitions may set. */
export type NetOptions = Partial<Omit<PartitionOptions, "self">>;

/** The nodes of a first view, all with leases. */
export class PartitionNet {
  readonly nodes: Map<NodeId, Partitions> = new Map();
  queue: Sent[] = [];
  readonly answers: Answered[] = [];
  readonly done: (readonly [NodeId, Done])[] = [];
  /** What each node says it holds when it is asked. */
  readonly held: Map<NodeId, readonly Held[]> = new Map();
  nowMs = 0;
  view: View;
  readonly #down = new Set<NodeId>();
  readonly #options: NetOptions;

  constructor(view: View, options: NetOptions = {}) {
    this.#options = options;
    this.view = view;
    for (const { id } of view.members) this.#add(id, true);
    this.pass(300);
    this.done.length = 0;
  }

  /** The machine of a name. */
  at(name: string): Partitions {
    const node = this.nodes.get(nodeId(name));
    if (node === undefined) throw new Error(`There is no node ${name}`);
    return node;
  }

  /** A node's copy. */
  copy(name: string): Replica {
    return replicaOf(this.at(name), P);
  }

  /** All members install a view; newcomers begin with it. */
  install(view: View): void {
    this.view = view;
    for (const { id } of view.members) {
      const node = this.nodes.get(id);
      if (node === undefined) this.#add(id, false);
      else if (!this.#down.has(id)) {
        this.#act(id, (out) => partitionsInstalled(node, view, node.view, this.#now(), out));
      }
    }
  }

  /** A message arrives that may never have been sent. */
  hear(from: string, to: string, message: PartitionMessage): void {
    this.#act(nodeId(to), (out) => partitionMessage(this.at(to), nodeId(from), message, this.#now(), out));
  }

  /** A client's request arrives at a node. */
  request(
    from: string,
    to: string,
    requestId: number,
    operations: readonly RegistryOperation[],
    more: { readonly epoch?: number; readonly oldest?: number } = {},
  ): void {
    const epoch = (more.epoch ?? this.view.epoch) as View["epoch"];
    const oldest = more.oldest ?? requestId;
    this.hear(from, to, { kind: "registryRequest", epoch, requestId, oldest, partition: P, operations });
  }

  /** Delivers what is on its way and what comes of that; what `keep` refuses is lost. */
  deliver(keep: (sent: Sent) => boolean = () => true): void {
    for (let sent = this.queue.shift(); sent !== undefined; sent = this.queue.shift()) {
      if (keep(sent) && !this.#down.has(sent.to)) this.hear(sent.from, sent.to, sent.message);
    }
  }

  /** Lets time pass in ticks of 50 ms. */
  pass(ms: number, keep: (sent: Sent) => boolean = () => true): void {
    this.deliver(keep);
    for (const end = this.nowMs + ms; this.nowMs < end;) {
      this.nowMs += 50;
      for (const [id, node] of this.nodes) {
        if (!this.#down.has(id)) this.#act(id, (out) => tickPartitions(node, this.#now(), out));
      }
      this.deliver(keep);
    }
  }

  /** Ends a node. */
  crash(name: string): void {
    this.#down.add(nodeId(name));
  }

  /** A node's lease comes or goes. */
  lease(name: string, hasLease: boolean): void {
    leaseChanged(this.at(name), hasLease);
  }

  /** The last answer to a request, as text: `ok 1.1`, `none`, `conflict k@1.1`, `busy`, `no-quorum?`; nothing when there is none. */
  answer(requestId: number): string {
    return this.answers.findLast((one) => one.requestId === requestId)?.answers.map(answerText).join(", ") ?? "";
  }

  /** What was reported, by kind. */
  reported(kind: Done["kind"]): readonly Done[] {
    return this.done.map(([, effect]) => effect).filter((effect) => effect.kind === kind);
  }

  #add(id: NodeId, isFounder: boolean): void {
    const node = createPartitions({
      self: id,
      settings: SETTINGS,
      timings: TIMES,
      rules: ALL_RULES,
      chunkEntries: 2,
      changesKept: 64,
      tableBytes: 1 << 20,
      ...this.#options,
    });
    this.nodes.set(id, node);
    if (isFounder) foundPartitions(node, this.view);
    leaseChanged(node, true);
    this.#act(id, (out) => partitionsInstalled(node, this.view, undefined, this.#now(), out));
  }

  #act(id: NodeId, act: (out: PartitionEffect[]) => void): void {
    const out: PartitionEffect[] = [];
    act(out);
    for (const effect of out) {
      if (effect.kind !== "send") this.done.push([id, effect]);
      else if (effect.message.kind === "registryReply") {
        const { requestId, answers } = effect.message;
        this.answers.push({ by: id, to: effect.to, requestId, answers });
      } else this.queue.push({ from: id, to: effect.to, message: effect.message });
      if (effect.kind === "holdingsWanted") {
        const { partition, cfg } = effect;
        const node = this.at(id);
        this.#act(id, (some) => holdingsGiven(node, partition, cfg, this.held.get(id) ?? [], this.#now(), some));
      }
    }
  }

  #now() {
    return at(this.nowMs);
  }
}

/** A cluster in which `b` holds this key, at 1.1, by request 1. */
export function wrote(key: string, options: NetOptions = {}): PartitionNet {
  const net = new PartitionNet(founded("a b c"), options);
  net.request("b", "a", 1, [claim(key)]);
  net.deliver();
  return net;
}

/** Takes a key for `holder`: the operation that claims use. */
export function claim(key: string, holder = "b", opId = `${holder} claims ${key}`): RegistryOperation {
  return { kind: "cas", key, expect: "absent", record: record(holder), opId };
}

/** Deletes what is there under this version, as `[cfg, seq]`. */
export function remove(key: string, [cfg, seq]: readonly [number, number]): RegistryOperation {
  return { kind: "cas", key, expect: { cfg: cfg as View["epoch"], seq }, record: null, opId: `remove ${key}` };
}

/** Reads. */
export function get(key: string): RegistryOperation {
  return { kind: "get", key };
}

function answerText({ result }: RegistryAnswer): string {
  switch (result.kind) {
    case "ok":
      return `ok ${result.version.cfg}.${result.version.seq}`;
    case "conflict":
      return `conflict ${entryText(result.current)}`;
    case "found":
      return entryText(result.entry);
    case "unavailable":
      return result.indeterminate ? `${result.reason}?` : result.reason;
    default:
      return result satisfies never;
  }
}

function entryText(entry: { readonly key: string; readonly version: { cfg: number; seq: number } } | null): string {
  return entry === null ? "none" : `${entry.key}@${entry.version.cfg}.${entry.version.seq}`;
}
