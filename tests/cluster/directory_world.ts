/**
 * Several directories over one linearizable register, a lossy bus and hosts that run what they are told, all by one
 * seed. Test support.
 *
 * The register stands for an engine: it answers late, twice, not at all, or `unavailable` for a write that happens
 * later. What is checked while it runs: at most one unremoved node runs a key, everything that starts was acknowledged
 * and has a lease, and no audit stops what the register names. What is checked after a calm: records and activations
 * back each other.
 *
 * @module
 */
import { hash64, partitionOf } from "../../core/hash.ts";
import { epoch, type Instant, instant, type NodeId, nodeId, type Partition } from "../../core/ids.ts";
import { below, fraction, type Random, seededRandom } from "../../core/random.ts";
import { isHolding } from "../../cluster/activation.ts";
import { stepDirectory } from "../../cluster/directory.ts";
import type {
  Claim,
  DirectoryEffect,
  DirectoryEvent,
  DirectoryInput,
  DirectoryResult,
} from "../../cluster/directory_protocol.ts";
import { createDirectory, type DirectoryState } from "../../cluster/directory_state.ts";
import { type DueQueue, dueQueue, putDue, takeDue } from "../../cluster/due_queue.ts";
import type { CasOperation, CasResult, EngineRequest, EngineResult, Entry, LeaseStatus } from "../../cluster/engine.ts";
import { ALL_RULES, type Rules } from "../../cluster/rules.ts";
import { TIMINGS } from "../../cluster/settings.ts";
import type { Member, MemberStatus, View } from "../../cluster/view.ts";

/** What a run may do. Shares are of 1. */
export interface WorldOptions {
  readonly seed: number;
  readonly nodeCount: number;
  readonly rules: Rules;
  readonly loss: number;
  readonly duplicates: number;
  readonly late: number;
  readonly stateSyncMs: number;
  readonly startErrors: number;
  /** Milliseconds from the lease that is given back to the view without its node. */
  readonly removalMs: number;
}

/** The quiet world: nothing is lost, late or doubled. */
export const QUIET: WorldOptions = {
  seed: 1,
  nodeCount: 3,
  rules: ALL_RULES,
  loss: 0,
  duplicates: 0,
  late: 0,
  stateSyncMs: 1_000,
  startErrors: 0,
  removalMs: 10,
};

/** One node of the world, with its host. */
export interface WorldNode {
  readonly id: NodeId;
  readonly directory: DirectoryState;
  lease: LeaseStatus;
  isCrashed: boolean;
  installed: View | undefined;
  readonly duties: Set<Partition>;
  /** Tokens of what its host runs. */
  readonly running: Map<string, string>;
  /** Engine outputs to it come in order: not before this. */
  lastAt: number;
  isDeparting: boolean;
}

const PARTITION_COUNT = 3;

/** Directories, register, bus and hosts. */
export class World {
  readonly options: WorldOptions;
  readonly nodes: WorldNode[] = [];
  readonly register = new Map<string, Entry>();
  readonly violations: string[] = [];
  readonly done = new Map<string, DirectoryResult[]>();
  readonly events: { readonly node: NodeId; readonly event: DirectoryEvent }[] = [];
  readonly answers: { readonly node: NodeId; readonly effect: DirectoryEffect }[] = [];
  readonly random: Random;
  view: View;
  now = 0;
  isCalm = false;
  readonly #queue: DueQueue<() => void> = dueQueue();
  readonly #configurations: number[] = Array.from({ length: PARTITION_COUNT }, () => 1);
  readonly #acknowledged = new Set<string>();
  #writes = 0;
  #requests = 0;

  constructor(options: Partial<WorldOptions> = {}) {
    this.options = { ...QUIET, ...options };
    this.random = seededRandom(this.options.seed);
    const ids = Array.from({ length: this.options.nodeCount }, (_, index) => nodeId(`n${index}`));
    this.view = this.#viewOf(1, ids.map((id) => memberAt(id, 1, "up")));
    for (const id of ids) this.#addNode(id);
    this.#publish();
    for (const node of this.nodes) this.setLease(node, "held");
  }

  /** Runs what is due in the next `ms` milliseconds; a run that does not end is a bug. */
  run(ms: number): void {
    const end = this.now + ms;
    for (let steps = 0; steps < 2_000_000; steps++) {
      const next = takeDue(this.#queue, instant(end));
      if (next === undefined) {
        this.now = end;
        return;
      }
      this.now = Math.max(this.now, next.at);
      next.item();
    }
    throw new Error("the world does not come to rest");
  }

  chance(share: number): boolean {
    return fraction(this.random) < share;
  }

  /** Any of these. */
  pick<Item>(items: readonly Item[]): Item | undefined {
    return items.length === 0 ? undefined : items[below(this.random, items.length)];
  }

  node(id: string): WorldNode {
    const found = this.nodes.find((node) => node.id === id);
    if (found === undefined) throw new Error(`there is no node ${id}`);
    return found;
  }

  /** Nodes that are in and have not crashed. */
  members(): readonly WorldNode[] {
    return this.nodes.filter((node) => !node.isCrashed && this.#isIn(node.id));
  }

  /** A user's request; its number. */
  request(node: WorldNode, make: (requestId: number, deadline: Instant) => DirectoryInput, waitMs = 5_000): number {
    const requestId = ++this.#requests;
    this.done.set(`${node.id}/${requestId}`, []);
    this.step(node, make(requestId, instant(this.now + waitMs)));
    return requestId;
  }

  spawn(node: WorldNode, key: string, fields: Partial<Claim> = {}, waitMs = 5_000): number {
    const placement = { kind: "local" } as const;
    const claim = claimOf(fields);
    return this.request(node, (requestId, deadline) => ({
      kind: "spawn",
      requestId,
      key,
      claim,
      placement,
      deadline,
    }), waitMs);
  }

  resultOf(node: WorldNode, requestId: number): DirectoryResult | undefined {
    return this.done.get(`${node.id}/${requestId}`)?.[0];
  }

  /** One input to one node; what it wants is done. */
  step(node: WorldNode, input: DirectoryInput): void {
    if (node.isCrashed) return;
    const out: DirectoryEffect[] = [];
    stepDirectory(node.directory, input, { mono: instant(this.now), wall: this.now }, out);
    for (const effect of out) this.#perform(node, effect);
  }

  setLease(node: WorldNode, status: LeaseStatus): void {
    if (node.lease === status || node.lease === "fenced") return;
    node.lease = status;
    this.step(node, { kind: "engineLease", status });
  }

  crash(node: WorldNode): void {
    node.isCrashed = true;
    node.running.clear();
  }

  /** A view without it, which comes after its lease has ended. */
  remove(node: WorldNode): void {
    if (node.lease !== "fenced") this.setLease(node, "frozen");
    this.#change(this.view.members.filter(({ id }) => id !== node.id));
  }

  join(id: NodeId, fields: Partial<Member> = {}): WorldNode {
    const node = this.#addNode(id);
    this.#change([...this.view.members, { ...memberAt(id, this.view.epoch + 1, "up"), ...fields }]);
    this.setLease(node, "held");
    return node;
  }

  /** Says of a member that it is leaving, and takes its partitions from it. */
  markLeaving(id: NodeId): void {
    const members = this.view.members.map((member) =>
      member.id === id ? { ...member, status: "leaving" as const } : member
    );
    this.#change(members);
  }

  /** Replaces the fields of a member. */
  setMember(id: NodeId, fields: Partial<Member>): void {
    this.#change(this.view.members.map((member) => member.id === id ? { ...member, ...fields } : member));
  }

  /** Forgets what a partition says of live holders, and asks all of them. What was answered before counts no more. */
  rebuild(partition: Partition): void {
    const members = this.members();
    if (members.length < this.view.members.length) return; // Somebody does not answer: it waits for the next view.
    const cfg = this.view.epoch + 1;
    this.#configurations[partition] = cfg;
    const reported = new Map<string, Entry>();
    for (const node of members) {
      for (const entry of this.#holdings(node, partition, cfg)) {
        const other = reported.get(entry.key);
        if (other !== undefined) this.violations.push(`two nodes report ${entry.key}`);
        if (other === undefined || isNewer(entry, other)) reported.set(entry.key, entry);
      }
    }
    for (const [key, entry] of this.register) {
      if (partitionOfKey(key) === partition && this.#isIn(entry.record.holder)) this.register.delete(key);
    }
    for (const [key, entry] of reported) this.register.set(key, entry);
    this.#change(this.view.members);
    for (const node of this.members()) {
      if (!node.duties.has(partition)) continue;
      this.#tellLater(node, 1, () => {
        if (!node.duties.has(partition)) return; // A view was faster.
        this.step(node, { kind: "engineDuty", partition, isOn: false });
        this.step(node, { kind: "engineDuty", partition, isOn: true });
      });
    }
  }

  /** What is not as it must be after a long calm. */
  unsettled(): readonly string[] {
    const found: string[] = [];
    for (const [key, { record, opId }] of this.register) {
      const node = this.members().find(({ id }) => id === record.holder);
      const activation = node?.directory.activations.get(key);
      const isBacked = activation !== undefined && isHolding(activation) && activation.opId === opId;
      if (!isBacked || !node?.running.has(key)) {
        found.push(`${key} names ${record.holder} ${opId}, which has ${activation?.status} ${activation?.opId}`);
      }
    }
    for (const node of this.members()) {
      for (const [key, activation] of node.directory.activations) {
        const isOurs = this.register.get(key)?.opId === activation.opId;
        if (!isOurs || !isHolding(activation)) {
          found.push(`${node.id} has ${key} ${activation.status} without a record`);
        }
      }
      for (const [name, count] of Object.entries(sizesOf(node.directory))) {
        if (count > 0) found.push(`${node.id} still has ${count} ${name}`);
      }
    }
    for (const [name, results] of this.done) {
      const node = this.nodes.find(({ id }) => name.startsWith(`${id}/`));
      if (results.length !== 1 && node?.isCrashed !== true) found.push(`${name} ended ${results.length} times`);
    }
    return found;
  }

  #addNode(id: NodeId): WorldNode {
    const { rules, stateSyncMs, seed } = this.options;
    const settings = {
      name: "test",
      partitionCount: PARTITION_COUNT,
      replicaCount: 1,
      writeQuorum: 1,
      readQuorum: 1,
      rule: { kind: "dynamic" },
      minimumPeersQuorum: 1,
    } as const;
    const directory = createDirectory({
      self: id,
      settings,
      timings: { ...TIMINGS, stateSyncMs },
      rules,
      random: seededRandom(seed * 64 + this.nodes.length),
      barrier: { minimumMembers: 2, timeoutMs: 1_000, onTimeout: "proceed" },
    });
    const node: WorldNode = {
      id,
      directory,
      lease: "none",
      isCrashed: false,
      installed: undefined,
      duties: new Set(),
      running: new Map(),
      lastAt: 0,
      isDeparting: false,
    };
    this.nodes.push(node);
    const tick = () => {
      this.step(node, { kind: "tick" });
      if (!node.isCrashed) this.#at(50, tick);
    };
    this.#at(below(this.random, 50), tick);
    return node;
  }

  #change(members: readonly Member[]): void {
    if (members.length === 0) return;
    this.view = this.#viewOf(this.view.epoch + 1, members);
    this.#publish();
  }

  #viewOf(number: number, members: readonly Member[]): View {
    const up = members.filter(({ status }) => status === "up");
    const owners = up.length > 0 ? up : members;
    return {
      clusterId: "c",
      draft: "",
      epoch: epoch(number),
      rule: { kind: "dynamic" },
      members,
      voters: [],
      need: 0,
      leader: up[0]?.id,
      leaderTerm: epoch(1),
      partitions: Array.from({ length: PARTITION_COUNT }, (_, index) => ({
        cfg: epoch(1),
        group: owners.length === 0 ? [] : [owners[(index + number) % owners.length]?.id ?? nodeId("")],
        next: undefined,
      })),
      removed: [],
    };
  }

  /** Everybody learns the view in its time; those that are out learn that. */
  #publish(): void {
    const { view } = this;
    for (const node of this.nodes) {
      this.#tellLater(node, this.isCalm ? 5 : below(this.random, this.chance(this.options.late) ? 600 : 30), () => {
        if (node.installed !== undefined && node.installed.epoch >= view.epoch) return;
        const previous = node.installed;
        node.installed = view;
        const isIn = view.members.some(({ id }) => id === node.id);
        if (!isIn && previous !== undefined) node.lease = "fenced";
        this.step(node, { kind: "engineView", view, previous });
        for (let index = 0; index < PARTITION_COUNT; index++) {
          const partition = index as Partition;
          const isOn = isIn && view.partitions[index]?.group[0] === node.id;
          if (isOn === node.duties.has(partition)) continue;
          if (isOn) node.duties.add(partition);
          else node.duties.delete(partition);
          this.step(node, { kind: "engineDuty", partition, isOn });
        }
      });
    }
  }

  #perform(node: WorldNode, effect: DirectoryEffect): void {
    switch (effect.kind) {
      case "engine":
        return this.#engine(node, effect.requestId, effect.deadline, effect.request);
      case "holdings":
        return;
      case "send": {
        const { to, message } = effect;
        const copies = this.chance(this.options.loss) ? 0 : this.chance(this.options.duplicates) ? 2 : 1;
        for (let copy = 0; copy < copies || (this.isCalm && copy < 1); copy++) {
          this.#at(this.#delay(), () => {
            const target = this.nodes.find(({ id }) => id === to);
            if (target !== undefined) this.step(target, { kind: "message", from: node.id, message });
          });
        }
        return;
      }
      case "start":
        return this.#start(node, effect);
      case "stop":
        this.#at(1 + below(this.random, 40), () => {
          if (node.running.get(effect.key) === nameOf(effect.token)) node.running.delete(effect.key);
          this.step(node, { kind: "stoppedFor", key: effect.key, token: effect.token, snapshot: new Uint8Array(1) });
        });
        return;
      case "done": {
        const results = this.done.get(`${node.id}/${effect.requestId}`);
        if (results === undefined) this.violations.push(`${node.id} ends ${effect.requestId}, which nobody asked`);
        else results.push(effect.result);
        return;
      }
      case "leaveWanted":
        if (this.#isIn(effect.id) && !this.chance(this.options.loss)) this.markLeaving(effect.id);
        return;
      case "event":
        this.events.push({ node: node.id, event: effect.event });
        return this.#judge(node, effect.event);
      case "activation":
      case "resolved":
      case "absent":
        this.answers.push({ node: node.id, effect });
        return;
      default:
        return effect satisfies never;
    }
  }

  #start(node: WorldNode, { key, token, record }: Extract<DirectoryEffect, { kind: "start" }>): void {
    const name = nameOf(token);
    if (node.lease !== "held") this.violations.push(`${node.id} starts ${key} without a lease`);
    if (!this.#acknowledged.has(`${node.id} ${key} ${name}`)) {
      this.violations.push(`${node.id} starts ${key} ${name}, which was not acknowledged`);
    }
    for (const other of this.nodes) {
      const theirs = other.running.get(key);
      if (theirs === undefined || other.isCrashed || !this.#isIn(other.id)) continue;
      this.violations.push(`${node.id} starts ${key} ${name} while ${other.id} runs it as ${theirs}`);
    }
    node.running.set(key, name);
    const error = this.chance(this.options.startErrors) && record.kind !== "sturdy" ? "it would not" : undefined;
    this.#at(1 + below(this.random, 30), () => {
      if (node.running.get(key) !== name) return; // A stop was faster.
      if (error !== undefined) node.running.delete(key);
      this.step(node, { kind: "started", key, token, error });
    });
  }

  #judge(node: WorldNode, event: DirectoryEvent): void {
    if (event.kind === "lostClaim") {
      const entry = this.register.get(event.key);
      if (entry?.record.holder === node.id && nameOf(entry.version) === nameOf(event.token)) {
        this.violations.push(`an audit stops ${event.key} ${nameOf(event.token)} on ${node.id}, which is lawful`);
      }
    } else if (event.kind === "relocationDone") {
      const { held, relocated, released, excluded, failed } = event.counts;
      if (held !== relocated + released + excluded + failed) {
        this.violations.push(`relocation does not add up: ${JSON.stringify(event.counts)}`);
      }
    }
  }

  #engine(node: WorldNode, requestId: number, deadline: Instant, request: EngineRequest): void {
    let isDone = false;
    const answer = (result: EngineResult, isOrdered: boolean) => {
      const deliver = () => {
        if (isDone && !this.chance(this.options.duplicates)) return;
        isDone = true;
        this.step(node, { kind: "engineDone", requestId, result });
      };
      if (isOrdered) this.#tellLater(node, this.#delay(), deliver);
      else this.#at(this.#delay(), deliver);
    };
    this.#at(Math.max(0, deadline - this.now), () => {
      if (isDone) return;
      isDone = true;
      this.step(node, { kind: "engineDone", requestId, result: unanswered(request) });
    });
    if (request.kind === "releaseLease") {
      if (node.running.size > 0) this.violations.push(`${node.id} gives its lease back while something runs`);
      node.lease = "none";
      this.#at(this.options.removalMs, () => this.remove(node));
      return answer({ kind: "releaseLease" }, false);
    }
    const { loss, duplicates, late } = this.options;
    const copies = this.isCalm ? 1 : this.chance(loss) ? 0 : this.chance(duplicates) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const isLate = !this.isCalm && this.chance(late);
      this.#at(isLate ? below(this.random, 2_500) : this.#delay(), () => {
        if (!this.#isIn(node.id)) return;
        const result = this.#apply(node, request);
        if (this.isCalm || !this.chance(loss)) answer(result, request.kind === "scan");
      });
    }
  }

  #apply(node: WorldNode, request: Exclude<EngineRequest, { kind: "releaseLease" }>): EngineResult {
    if (!this.isCalm && this.chance(0.03) && request.kind !== "scan") {
      const result = { kind: "unavailable", reason: "moving", retryAfterMs: 20, indeterminate: false } as const;
      if (request.kind === "get") return { kind: "get", result };
      if (request.kind === "cas") return { kind: "cas", result };
    }
    switch (request.kind) {
      case "get":
        return { kind: "get", result: { kind: "found", entry: this.register.get(request.key) ?? null } };
      case "cas":
        return { kind: "cas", result: this.#cas(node, request) };
      case "casMany":
        return { kind: "casMany", results: request.operations.map((operation) => this.#cas(node, operation)) };
      case "scan": {
        const entries = [...this.register.values()].filter(({ key }) => partitionOfKey(key) === request.partition);
        return { kind: "scan", entries, isComplete: this.view.partitions[request.partition]?.group[0] === node.id };
      }
      case "propose":
        return { kind: "propose", result: { kind: "conflict", epoch: this.view.epoch } };
      default:
        return request satisfies never;
    }
  }

  #cas(node: WorldNode, { key, expect, record, opId }: CasOperation): CasResult {
    const current = this.register.get(key);
    const isMine = !this.options.rules.holderCheck || current?.record.holder === node.id;
    if (current !== undefined && record !== null && current.opId === opId && isMine) {
      this.#acknowledged.add(`${node.id} ${key} ${nameOf(current.version)}`);
      return { kind: "ok", version: current.version };
    }
    const isExpected = expect === "absent"
      ? current === undefined
      : current !== undefined && nameOf(current.version) === nameOf(expect);
    if (!isExpected) return { kind: "conflict", current: current ?? null };
    const partition = partitionOfKey(key);
    const version = { cfg: epoch(this.#configurations[partition] ?? 1), seq: ++this.#writes };
    const entry = record === null ? null : { key, version, opId, record };
    if (entry === null) this.register.delete(key);
    else {
      this.register.set(key, entry);
      this.#acknowledged.add(`${node.id} ${key} ${nameOf(version)}`);
    }
    for (const other of this.nodes) {
      if (other.duties.has(partition)) this.#tell(other, { kind: "engineEntry", partition, key, entry });
    }
    return { kind: "ok", version };
  }

  #holdings(node: WorldNode, partition: Partition, cfg: number): readonly Entry[] {
    const out: DirectoryEffect[] = [];
    const input = { kind: "holdingsWanted", partition, cfg: epoch(cfg) } as const;
    stepDirectory(node.directory, input, { mono: instant(this.now), wall: this.now }, out);
    return out.flatMap((effect) => effect.kind === "holdings" ? effect.held.map(({ entry }) => entry) : []);
  }

  #tell(node: WorldNode, input: DirectoryInput): void {
    this.#tellLater(node, this.isCalm ? 1 : below(this.random, 10), () => this.step(node, input));
  }

  /** What an engine says to one node comes in the order in which it was said. */
  #tellLater(node: WorldNode, ms: number, act: () => void): void {
    node.lastAt = Math.max(node.lastAt, this.now + ms);
    putDue(this.#queue, instant(node.lastAt), act);
  }

  #at(ms: number, act: () => void): void {
    putDue(this.#queue, instant(this.now + ms), act);
  }

  #delay(): number {
    if (this.isCalm) return 1 + below(this.random, 5);
    return 1 + below(this.random, this.chance(this.options.late) ? 700 : 15);
  }

  #isIn(id: NodeId): boolean {
    return this.view.members.some((member) => member.id === id);
  }
}

/** What a spawn says. */
export function claimOf(fields: Partial<Claim> = {}): Claim {
  return {
    type: "actor",
    kind: "k",
    spec: new Uint8Array(0),
    isRelocatable: true,
    isEager: false,
    role: "",
    idempotencyKey: "",
    ...fields,
  };
}

/** The partition of a key of the test. */
export function partitionOfKey(key: string): Partition {
  return partitionOf(hash64(key), PARTITION_COUNT);
}

function memberAt(id: NodeId, join: number, status: MemberStatus): Member {
  const kinds = ["k", "other", "sturdy"];
  return { id, address: `${id}:1`, zone: "", roles: [], kinds, joinEpoch: epoch(join), status, capacity: 1 };
}

function nameOf({ cfg, seq }: { readonly cfg: number; readonly seq: number }): string {
  return `${cfg}.${seq}`;
}

function isNewer(one: Entry, other: Entry): boolean {
  return one.version.cfg > other.version.cfg ||
    (one.version.cfg === other.version.cfg && one.version.seq > other.version.seq);
}

function unanswered(request: EngineRequest): EngineResult {
  const result = { kind: "unavailable", reason: "no-quorum", retryAfterMs: 50, indeterminate: true } as const;
  switch (request.kind) {
    case "get":
      return { kind: "get", result };
    case "cas":
      return { kind: "cas", result };
    case "casMany":
      return { kind: "casMany", results: request.operations.map(() => result) };
    case "scan":
      return { kind: "scan", entries: [], isComplete: false };
    case "propose":
      return { kind: "propose", result };
    case "releaseLease":
      return { kind: "releaseLease" };
    default:
      return request satisfies never;
  }
}

function sizesOf(directory: DirectoryState): Readonly<Record<string, number>> {
  return {
    ghosts: directory.ghosts.size,
    requests: directory.requests.size,
    resolving: directory.resolving.size,
    wanted: directory.wanted.size,
    relocating: directory.relocator.items.size,
    calls: directory.calls.out.size,
    beginning: directory.startingCount,
  };
}
