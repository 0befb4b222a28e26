/**
 * A simulated node that is nothing but a cluster core and a client of its registry: it claims names, runs what it holds,
 * gives names up, reads. The smallest thing that can break every promise of the core, and so the quickest way to see
 * one broken. Mutable; one for each identity of a node.
 *
 * @module
 */
import { type ActorKey, after, type Epoch, type NodeId, type Partition } from "../core/ids.ts";
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
  viewOf,
} from "../cluster/cluster_core.ts";
import { partitionOfKey } from "../core/hash.ts";
import type { EngineRequest, EngineResult, Entry, Expected, RegistryRecord, Version } from "../cluster/engine.ts";
import type { Rules } from "../cluster/rules.ts";
import type { ClusterSettings, Timings } from "../cluster/settings.ts";
import type { Now } from "../cluster/time.ts";
import { isGone, memberOf } from "../cluster/view.ts";
import type { ClusterNote } from "./cluster_notes.ts";
import type { CasOutcome, RegistryCall, SeenEntry } from "./checkers/linearizability.ts";
import type { Birth, ProcessEffect, ProcessInput, SimulatedProcess } from "./process.ts";

/** What a user asks of such a node. */
export type RegistryOperation =
  | { readonly kind: "claim"; readonly key: number }
  | { readonly kind: "release"; readonly key: number }
  | { readonly kind: "get"; readonly key: number }
  /** Has a member removed that nothing may be wrong with. `member` is taken modulo the members. */
  | { readonly kind: "condemn"; readonly member: number }
  /** Has a member drained of its partitions, as if it had said that it wants to leave; it never does. */
  | { readonly kind: "leave"; readonly member: number };

/** How a node is made, beside what its birth says. */
export interface RegistryNodeOptions {
  readonly settings: ClusterSettings;
  readonly timings: Timings;
  readonly rules: Rules;
  readonly chunkEntries: number;
  readonly changesKept: number;
}

type Effects = ProcessEffect<Frame, ClusterNote>[];

/** A claim that is acknowledged. */
interface HeldName {
  readonly entry: Entry;
}

/** A call under way. */
interface Call {
  readonly number: number;
  readonly key: string;
  readonly purpose: "claim" | "release" | "read" | "look";
  readonly opId: string;
  readonly request: EngineRequest;
  /** By the process's clock: after this it is given up. */
  readonly until: number;
}

/** Milliseconds of one engine request, and after which an attempt is given up. */
const REQUEST_MS = 1_500;
const ATTEMPT_MS = 6_000;

/** The node. */
export class RegistryProcess implements SimulatedProcess<Frame, RegistryOperation, ClusterNote> {
  readonly id: NodeId;
  readonly core: ClusterCore;
  readonly held: Map<string, HeldName> = new Map();
  readonly wasMember: boolean;
  /** Keys with a claim or a read under way. */
  readonly #busy = new Set<string>();
  readonly #calls = new Map<number, Call>();
  /** Attempts to be undone, by operation: what may still be written, or is written and not wanted. */
  readonly #unwanted = new Map<string, { readonly key: string; isAsked: boolean }>();
  readonly #floors = new Map<Partition, Epoch>();
  #counter = 0;
  /** Its last word was that this process may only join from now on. */
  #hasLeftAttempt = false;
  #effects: CoreEffect[] = [];

  constructor(birth: Birth, options: RegistryNodeOptions) {
    this.id = birth.id;
    this.wasMember = wasMemberBefore(birth);
    this.core = createCore({
      ...options,
      self: {
        id: birth.id,
        address: birth.address,
        zone: "",
        roles: [],
        kinds: [],
        joinEpoch: 0 as Epoch,
        status: "up",
        capacity: 1,
      },
      random: birth.random,
      bornAt: birth.bornAt,
      processStartedAt: birth.processStartedAt,
      wasMember: this.wasMember,
      tableBytes: 1 << 26,
    });
  }

  /** How it stands. `wasMember` outlives its identity: whether this process was ever in a cluster. */
  describe(): unknown {
    const view = viewOf(this.core);
    const { status } = this.core.engine.views;
    return {
      wasMember: this.wasMember || view !== undefined || this.#hasLeftAttempt,
      view: view === undefined ? "" : `${view.clusterId}@${view.epoch}`,
      status,
      held: this.held.size,
    };
  }

  *holdings(): Generator<readonly [string, Version]> {
    for (const [key, { entry }] of this.held) yield [key, entry.version];
  }

  /** Whether nothing is under way. */
  get isQuiet(): boolean {
    return this.#calls.size === 0 && this.#unwanted.size === 0;
  }

  step(input: ProcessInput<Frame, RegistryOperation>, now: Now, out: Effects): void {
    const { core } = this;
    const effects = this.#effects;
    beginStep(core, now, effects);
    switch (input.kind) {
      case "tick":
        tickCore(core, now, effects);
        this.#perform(now, out);
        this.#runHeld(out);
        this.#undo(now, out);
        break;
      case "frame":
        coreFrame(core, input.from, input.frame, now, effects);
        break;
      case "linkLost":
        coreLinkLost(core, input.peer, now, effects);
        break;
      case "discovered":
        coreDiscovered(core, input.addresses, now);
        break;
      case "lag":
        coreLag(core, input.ms, now, effects);
        break;
      case "operation":
        this.#operate(input.operation, now, out);
        break;
      default:
        input satisfies never;
    }
    this.#perform(now, out);
  }

  // --- what users ask -------------------------------------------------------------------------------

  #operate(operation: RegistryOperation, now: Now, out: Effects): void {
    const view = viewOf(this.core);
    if (view === undefined) return;
    switch (operation.kind) {
      case "claim": {
        const key = keyOf(operation.key);
        if (this.#mayRun() && !this.held.has(key) && !this.#busy.has(key)) this.#claim(key, "absent", now, out);
        return;
      }
      case "release": {
        const key = keyOf(operation.key);
        const held = this.held.get(key);
        if (held === undefined) return;
        this.#letGo(key, held, out);
        return;
      }
      case "get": {
        const key = keyOf(operation.key);
        if (!this.#busy.has(key)) this.#call("read", key, "", { kind: "get", key }, now, out);
        return;
      }
      case "condemn": {
        const member = view.members[operation.member % view.members.length];
        if (member !== undefined && member.id !== this.id) condemn(this.core, member.id, now, this.#effects);
        return;
      }
      case "leave": {
        const member = view.members[operation.member % view.members.length];
        if (member !== undefined) leaveWanted(this.core, member.id, now, this.#effects);
        return;
      }
      default:
        operation satisfies never;
    }
  }

  #claim(key: string, expect: Expected, now: Now, out: Effects): void {
    const view = viewOf(this.core);
    const opId = `${this.id}#${++this.#counter}`;
    const record: RegistryRecord = {
      type: "actor",
      kind: "thing",
      holder: this.id,
      holderJoin: (view === undefined ? 0 : memberOf(view, this.id)?.joinEpoch ?? 0) as Epoch,
      spec: NOTHING,
      isRelocatable: true,
      isEager: false,
      role: "",
      idempotencyKey: "",
    };
    this.#call("claim", key, opId, { kind: "cas", key, expect, record, opId }, now, out);
  }

  #letGo(key: string, { entry }: HeldName, out: Effects): void {
    this.held.delete(key);
    out.push({ kind: "note", note: { kind: "released", key, opId: entry.opId } });
    this.#unwanted.set(entry.opId, { key, isAsked: false });
  }

  /** What may be in the registry and must not: looked for until it is certainly gone. */
  #undo(now: Now, out: Effects): void {
    for (const [opId, unwanted] of this.#unwanted) {
      if (unwanted.isAsked) continue;
      unwanted.isAsked = true;
      this.#call("look", unwanted.key, opId, { kind: "get", key: unwanted.key }, now, out);
    }
  }

  #mayRun(): boolean {
    const { status } = this.core.engine.views;
    return !this.core.engine.isRetired && (status === "held" || !this.core.options.rules.freezeAtExpiry);
  }

  #runHeld(out: Effects): void {
    const { status } = this.core.engine.views;
    if (
      this.core.engine.isRetired || (status !== "held" && status !== "soft" && this.core.options.rules.freezeAtExpiry)
    ) {
      return;
    }
    for (const [key, { entry }] of this.held) {
      out.push({ kind: "note", note: { kind: "executed", key, token: entry.version } });
    }
  }

  // --- calls ----------------------------------------------------------------------------------------

  #call(
    purpose: Call["purpose"],
    key: string,
    opId: string,
    request: EngineRequest,
    now: Now,
    out: Effects,
    again?: Call,
  ): void {
    const number = again?.number ?? ++this.#counter;
    const call: Call = { number, key, purpose, opId, request, until: again?.until ?? now.mono + ATTEMPT_MS };
    const requestId = ++this.#counter;
    this.#calls.set(requestId, call);
    if (purpose === "claim" || purpose === "read") this.#busy.add(key);
    if (again === undefined) {
      out.push({ kind: "note", note: { kind: "called", key, call: number, what: openCall(request), isOpen: true } });
    }
    const deadline = after(now.mono, REQUEST_MS);
    coreRequest(this.core, { kind: "engineRequest", requestId, deadline, request }, now, this.#effects);
  }

  #answered(requestId: number, result: EngineResult, now: Now, out: Effects): void {
    const call = this.#calls.get(requestId);
    if (call === undefined) return;
    this.#calls.delete(requestId);
    if (result.kind !== "get" && result.kind !== "cas") return;
    if (result.result.kind === "unavailable") {
      const { indeterminate } = result.result;
      // The same operation again, or nobody would ever know.
      if (now.mono < call.until) return this.#call(call.purpose, call.key, call.opId, call.request, now, out, call);
      this.#end(call, undefined, out);
      if (call.purpose === "claim" && indeterminate) this.#unwanted.set(call.opId, { key: call.key, isAsked: false });
      if (call.purpose === "look" || call.purpose === "release") this.#askAgain(call.opId);
      return;
    }
    this.#end(call, result, out);
    if (result.kind === "get") {
      if (call.purpose === "look") this.#looked(call, result.result.entry, now, out);
      return;
    }
    if (call.purpose === "release") {
      this.#unwanted.delete(call.opId);
      return;
    }
    if (result.result.kind === "ok") this.#acked(call, result.result.version, out);
    else this.#conflicted(call, result.result.current, now, out);
  }

  #end(call: Call, result: EngineResult | undefined, out: Effects): void {
    if (call.purpose === "claim" || call.purpose === "read") this.#busy.delete(call.key);
    const what = closedCall(call.request, result);
    const isOpen = result === undefined;
    out.push({ kind: "note", note: { kind: "called", key: call.key, call: call.number, what, isOpen } });
  }

  #acked(call: Call, token: Version, out: Effects): void {
    const { key, opId, request } = call;
    if (request.kind !== "cas" || request.record === null) return;
    const partition = partitionOfKey(key, this.core.options.settings.partitionCount);
    if (this.core.options.rules.floor && token.cfg < (this.#floors.get(partition) ?? 0)) {
      this.#unwanted.set(opId, { key, isAsked: false });
      return;
    }
    this.held.set(key, { entry: { key, version: token, opId, record: request.record } });
    out.push({ kind: "note", note: { kind: "acked", key, token, opId } });
  }

  #conflicted(call: Call, current: Entry | null, now: Now, out: Effects): void {
    const view = viewOf(this.core);
    if (current === null || view === undefined || call.purpose !== "claim") return;
    const { holder, holderJoin } = current.record;
    const isOurs = holder === this.id && this.held.get(call.key)?.entry.opId !== current.opId;
    if (isOurs) this.#unwanted.set(current.opId, { key: call.key, isAsked: false });
    else if (this.#mayRun() && isGone(view, holder, holderJoin)) this.#claim(call.key, current.version, now, out);
  }

  #looked(call: Call, entry: Entry | null, now: Now, out: Effects): void {
    if (entry === null || entry.opId !== call.opId) return void this.#unwanted.delete(call.opId);
    const opId = `${this.id}#${++this.#counter}`;
    const request: EngineRequest = { kind: "cas", key: call.key, expect: entry.version, record: null, opId };
    this.#call("release", call.key, call.opId, request, now, out);
  }

  #askAgain(opId: string): void {
    const unwanted = this.#unwanted.get(opId);
    if (unwanted !== undefined) unwanted.isAsked = false;
  }

  // --- what the core wants ----------------------------------------------------------------------------

  #perform(now: Now, out: Effects): void {
    while (this.#effects.length > 0) {
      const effects = this.#effects;
      this.#effects = [];
      for (const effect of effects) this.#performOne(effect, now, out);
    }
  }

  #performOne(effect: CoreEffect, now: Now, out: Effects): void {
    switch (effect.kind) {
      case "send":
      case "greet":
        out.push(effect);
        break;
      case "retire":
        this.held.clear();
        this.#hasLeftAttempt = effect.wasMember;
        out.push({ kind: "retire", reason: effect.reason });
        break;
      case "engineDone":
        this.#answered(effect.requestId, effect.result, now, out);
        break;
      case "engineView":
        out.push({ kind: "note", note: { kind: "installed", view: effect.view } });
        break;
      case "engineLease":
        out.push({ kind: "note", note: { kind: "lease", status: effect.status } });
        break;
      case "voted":
        out.push({ kind: "note", note: effect });
        break;
      case "holdingsWanted": {
        const { partition, cfg } = effect;
        if ((this.#floors.get(partition) ?? 0) < cfg) this.#floors.set(partition, cfg);
        const { partitionCount } = this.core.options.settings;
        const held = [...this.held.values()].filter(({ entry }) =>
          partitionOfKey(entry.key, partitionCount) === partition
        );
        coreRequest(this.core, { kind: "holdings", partition, cfg, held }, now, this.#effects);
        break;
      }
      case "engineDataLoss":
        out.push({ kind: "note", note: { kind: "dataLoss", partition: effect.partition } });
        break;
      case "odd":
        out.push({ kind: "note", note: { kind: "odd", from: effect.from, reason: effect.reason } });
        break;
      default: // Nobody above needs the rest.
    }
  }
}

/** Whether the process whose identity this one replaces was ever in a cluster. */
export function wasMemberBefore({ previous }: Birth): boolean {
  const described = previous?.described;
  return typeof described === "object" && described !== null && "wasMember" in described &&
    described.wasMember === true;
}

const NOTHING = new Uint8Array(0);

/** The name of a number. */
export function keyOf(number: number): ActorKey {
  return `k${number}` as ActorKey;
}

function openCall(request: EngineRequest): RegistryCall {
  return closedCall(request, undefined);
}

function closedCall(request: EngineRequest, result: EngineResult | undefined): RegistryCall {
  if (request.kind !== "cas") {
    const entry = result?.kind === "get" && result.result.kind === "found" ? result.result.entry : null;
    return { kind: "get", seen: seenOf(entry) };
  }
  const { opId, expect, record } = request;
  const outcome = outcomeOf(result);
  // A deletion that was sent twice may find that the first one was done, and cannot tell.
  const isUnclear = record === null && outcome.kind === "conflict";
  return { kind: "cas", opId, expect, isDelete: record === null, result: isUnclear ? { kind: "unknown" } : outcome };
}

function outcomeOf(result: EngineResult | undefined): CasOutcome {
  if (result?.kind !== "cas" || result.result.kind === "unavailable") return { kind: "unknown" };
  if (result.result.kind === "ok") return result.result;
  return { kind: "conflict", current: seenOf(result.result.current) };
}

function seenOf(entry: Entry | null): SeenEntry | null {
  return entry === null ? null : { version: entry.version, opId: entry.opId };
}
