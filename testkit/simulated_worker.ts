/**
 * One worker thread of a simulated node: its actors, their handlers, and the two rings to the main thread. It outlives the
 * identities of its process, as threads do. Mutable.
 *
 * One idea: whatever takes a handler long is here: it holds the thread, it awaits something the runtime knows nothing
 * of, it asks another actor. When it goes on, the world is another one, and only the gate says so.
 *
 * Invariant: nothing begins or is resumed by this thread, and nothing is put into a ring, that the gate does not let
 * through at that moment, by this thread's own clock.
 *
 * @module
 */
import { after, type Instant, type NodeId } from "../core/ids.ts";
import { below } from "../core/random.ts";
import { isSameVersion, type Version } from "../cluster/engine.ts";
import {
  type ClockLead,
  type GateVerdict,
  mayResume,
  measured,
  seenFrom,
  UNMEASURED,
  verdictOf,
} from "../core/lease_gate.ts";
import type { Arrived, Letter } from "../cluster/router_protocol.ts";
import type { Rules } from "../cluster/rules.ts";
import { elapsedAtMost, type Now } from "../cluster/time.ts";
import type { ClusterNote } from "./cluster_notes.ts";
import { messageIn, type SimulatedMessage, type SimulatedReply, tokenText } from "./simulated_message.ts";
import { SimulatedRing } from "./simulated_ring.ts";
import type { SharedByThreads, Stamped, WorkerNews, WorkerOrder } from "./worker_records.ts";

/** A handler that has begun and not ended. */
type Run =
  /** It holds the thread. */
  | { readonly kind: "stretch"; readonly arrived: Arrived | undefined; readonly begunAt: Now; readonly untilMs: number }
  /** It awaits something that is not the runtime's. */
  | { readonly kind: "await"; readonly arrived: Arrived | undefined; readonly untilMs: number }
  | { readonly kind: "ask"; readonly arrived: Arrived | undefined; readonly askId: number; isAnswered: boolean };

/** One activation on this thread. */
export interface WorkerActor {
  readonly key: string;
  readonly token: Version;
  readonly generation: number;
  readonly by: NodeId;
  readonly isGrain: boolean;
  status: "starting" | "running" | "stopping";
  readonly mailbox: Arrived[];
  readonly seqs: Map<string, number>;
  readonly timersMs: number[];
  /** Messages that kept it waiting. After a few it is quick, or its mailbox would never be empty. */
  waits: number;
  through: number;
  /** Milliseconds of the clock before which it is not looked at: everything takes its time. */
  readyMs: number;
  stopByMs: number;
  isPassivating: boolean;
  isOver: boolean;
  run: Run | undefined;
}

/** Messages one actor runs in one turn, and one mailbox takes. At the limit they are refused. */
const RUNS_PER_TURN = 3;
const MAILBOX_MAX = 64;
/** One in so many starts fails. */
const STARTS_PER_FAILURE = 20;
/** The longest stretch: two ticks shorter than the margin of the lease, for its end is noticed at a step. */
const STRETCH_MS_MAX = 2_000;
const AWAIT_MS_MAX = 10_000;
/** Awaits of one activation. */
const WAITS_MAX = 8;
const TIMER_MS_MAX = 8_000;
const ASK_MS = 5_000;
/** How long an actor that is to stop waits for its handler. */
const GRACE_MS = 3_000;
const TURN_MS_MAX = 300;
/** Between two steps of a process that nothing keeps still. */
const STILL_MS = 300;
/** How long a thread may stand still, and how long it then does not. */
const STALL_MS_MAX = 10_000;
const SHORT_STALL_MS_MAX = 600;
const BETWEEN_STALLS_MS_MAX = 20_000;
const STALLS_MAX = 12;
/** Milliseconds of a worker's clock ahead of the main thread's. */
const LEAD_MS_MAX = 1_000_000;
const LOOKS_PER_MEASUREMENT = 50;

/** The thread. */
export class SimulatedWorker {
  readonly actors: Map<string, WorkerActor> = new Map();
  readonly inbox: SimulatedRing<Stamped<WorkerOrder>>;
  readonly outbox: SimulatedRing<Stamped<WorkerNews>>;
  readonly #shared: SharedByThreads;
  readonly #active: Set<WorkerActor> = new Set();
  /** How far its clock really is ahead. */
  readonly #leadMs: number;
  #lead: ClockLead = UNMEASURED;
  /** What its clock showed when it began a measurement. */
  #asked: Instant | undefined;
  #busy: WorkerActor | undefined;
  #stallAtMs = -Infinity;
  #stalledUntilMs = -Infinity;
  #stallCount = 0;
  #now: Now;
  #stoodStillAt: Now;
  #note: (note: ClusterNote) => void = () => {};

  constructor(shared: SharedByThreads, now: Now) {
    this.#shared = shared;
    this.#now = now;
    this.#stoodStillAt = now;
    this.#leadMs = below(shared.random, 2 * LEAD_MS_MAX) - LEAD_MS_MAX;
    this.inbox = new SimulatedRing(shared.random, shared.recordsMax, shared.isSlow);
    this.outbox = new SimulatedRing(shared.random, shared.recordsMax, shared.isSlow);
  }

  /** Whether nothing is under way. */
  get isQuiet(): boolean {
    return this.#active.size === 0 && this.inbox.isEmpty && this.outbox.isEmpty;
  }

  /** The main thread answers a measurement of the clocks, when it comes to it. */
  answerClock(now: Now): void {
    if (this.#asked !== undefined) this.#lead = measured(this.#lead, this.#asked, now.mono);
    this.#asked = undefined;
  }

  /** Lets it do what it can do now. */
  look(now: Now, note: (note: ClusterNote) => void): void {
    if (this.#standsStill(now)) return;
    if (elapsedAtMost(this.#now, now) > STILL_MS) this.#stoodStillAt = now;
    this.#now = now;
    this.#note = note;
    if (!this.#endStretch()) return;
    this.#settlePromises();
    this.#sweep();
    this.#measure();
    for (let order = this.inbox.take(now.mono); order !== undefined; order = this.inbox.take(now.mono)) {
      if (this.#verdict(order.generation, "begin") !== "over") this.#obey(order.record, order.generation);
    }
    for (const actor of [...this.#active]) {
      if (now.mono < actor.readyMs) continue;
      this.#advance(actor);
      if (this.#busy !== undefined) return;
      if (isIdle(actor)) this.#active.delete(actor);
    }
  }

  /** A grain that nobody needs ends, if it is not busy. */
  passivate(key: string): void {
    const actor = this.actors.get(key);
    if (actor?.status !== "running" || !actor.isGrain || actor.run !== undefined) return;
    actor.isPassivating = true;
    actor.status = "stopping";
    this.#active.add(actor);
  }

  // --- orders -----------------------------------------------------------------------------------------

  #obey(order: WorkerOrder, generation: number): void {
    switch (order.kind) {
      case "start":
        return this.#start(order, generation);
      case "stop":
        return this.#stop(order);
      case "enqueue":
        return this.#enqueue(order, generation);
      case "askEnded":
        for (const { run } of this.#active) if (run?.kind === "ask" && run.askId === order.askId) run.isAnswered = true;
        return;
      default:
        return order satisfies never;
    }
  }

  #start({ key, token, record }: WorkerOrder & { readonly kind: "start" }, generation: number): void {
    const actor: WorkerActor = {
      key,
      token,
      generation,
      by: record.holder,
      isGrain: record.type === "grain",
      status: "starting",
      mailbox: [],
      seqs: new Map(),
      timersMs: [],
      waits: 0,
      through: 0,
      readyMs: this.#soon(),
      stopByMs: Infinity,
      isPassivating: false,
      isOver: false,
      run: undefined,
    };
    this.actors.set(key, actor);
    this.#active.add(actor);
  }

  #stop({ key, token, reason }: WorkerOrder & { readonly kind: "stop" }): void {
    const actor = this.#find(key, token);
    if (actor === undefined) return;
    if (reason === "fenced") {
      this.#forget(actor);
      return this.#note({ kind: "released", key, opId: tokenText(token) });
    }
    actor.isPassivating = false;
    actor.status = "stopping";
    actor.stopByMs = this.#now.mono + GRACE_MS;
    this.#active.add(actor);
  }

  #enqueue({ key, token, number, arrived }: WorkerOrder & { readonly kind: "enqueue" }, generation: number): void {
    const actor = this.#find(key, token);
    if (actor === undefined) {
      // It was on its way when its activation ended: it goes back where the mailbox went.
      const items = [arrived];
      return this.#tell(generation, {
        kind: "handedBack",
        key,
        token,
        items,
        through: number,
        reason: "not-here",
        hint: undefined,
      });
    }
    actor.through = number;
    this.#active.add(actor);
    if (arrived.frame.kind === "user" && actor.mailbox.length >= MAILBOX_MAX) {
      return this.#tell(generation, { kind: "refused", arrived, code: "mailbox-full", fate: "not-delivered" });
    }
    actor.mailbox.push(arrived);
  }

  // --- turns ------------------------------------------------------------------------------------------

  #advance(actor: WorkerActor): void {
    const { run, status } = actor;
    if (run?.kind === "ask" && run.isAnswered && this.#mayResume(actor)) {
      this.#executed(actor);
      this.#resumed(actor, run);
    }
    if (status === "stopping") {
      if ((actor.run === undefined || this.#now.mono >= actor.stopByMs) && this.#mayBegin(actor)) this.#end(actor);
      return;
    }
    if (actor.run !== undefined) return;
    if (status === "starting") {
      if (this.#mayBegin(actor)) this.#started(actor);
      return;
    }
    const due = actor.timersMs.findIndex((atMs) => atMs <= this.#now.mono);
    if (due >= 0 && this.#mayResume(actor)) {
      actor.timersMs.splice(due, 1);
      this.#executed(actor);
      this.#send(actor, 0, undefined);
    }
    this.#runSome(actor);
  }

  /** Handlers go on by promises of the platform: nobody asks the gate, and nothing the main thread says comes sooner. */
  #settlePromises(): void {
    for (const actor of this.#active) {
      const { run } = actor;
      if (run?.kind === "await" && this.#now.mono >= run.untilMs) this.#resumed(actor, run);
    }
  }

  #started(actor: WorkerActor): void {
    const { key, token, generation } = actor;
    if (below(this.#shared.random, STARTS_PER_FAILURE) === 0) {
      this.#forget(actor);
      this.#note({ kind: "released", key, opId: tokenText(token) });
      this.#handBack(actor, "stopped");
      return this.#tell(generation, { kind: "started", key, token, error: "it does not want to" });
    }
    actor.status = "running";
    this.#executed(actor);
    this.#tell(generation, { kind: "started", key, token, error: undefined });
  }

  #runSome(actor: WorkerActor): void {
    const { random } = this.#shared;
    for (let ran = 0; ran < RUNS_PER_TURN && actor.run === undefined && this.#mayBegin(actor); ran++) {
      const arrived = actor.mailbox.shift();
      if (arrived === undefined) return;
      const { frame } = arrived;
      if (frame.kind === "flush") this.#tell(actor.generation, { kind: "flushReached", arrived });
      else if (frame.remainingMs !== undefined && arrived.at + frame.remainingMs <= this.#now.mono) {
        this.#tell(actor.generation, { kind: "refused", arrived, code: "ask-timeout", fate: "not-delivered" });
      } else this.#receive(actor, arrived, messageIn(frame.payload));
      if (below(random, 10) === 0) {
        actor.readyMs = this.#soon();
        return;
      }
    }
  }

  #receive(actor: WorkerActor, arrived: Arrived, message: SimulatedMessage | undefined): void {
    const { random, isSlow } = this.#shared;
    const { mono } = this.#now;
    this.#executed(actor);
    if (message !== undefined) {
      this.#note({ kind: "delivered", key: actor.key, sender: message.sender, seq: message.seq });
    }
    const hops = message?.hops ?? 0;
    if (hops > 0 && below(random, 4) === 0) this.#send(actor, hops - 1, undefined);
    if (hops > 0 && below(random, 6) === 0) actor.timersMs.push(mono + below(random, TIMER_MS_MAX));
    const draw = below(random, 40);
    if (draw < (isSlow ? 3 : 1)) {
      actor.run = { kind: "stretch", arrived, begunAt: this.#now, untilMs: mono + below(random, STRETCH_MS_MAX) };
      this.#busy = actor;
    } else if (draw < (isSlow ? 16 : 4) && actor.waits++ < WAITS_MAX) {
      actor.run = { kind: "await", arrived, untilMs: mono + below(random, AWAIT_MS_MAX) };
    } else if (draw < (isSlow ? 24 : 10) && hops > 0) {
      const askId = ++this.#shared.askCount;
      const isAsked = this.#send(actor, hops - 1, { id: askId, deadline: after(mono, ASK_MS) });
      if (isAsked) actor.run = { kind: "ask", arrived, askId, isAnswered: false };
      else this.#answer(actor, arrived);
    } else this.#answer(actor, arrived);
  }

  /** The end of a handler that took its time: it sends once more, and answers. */
  #resumed(actor: WorkerActor, { arrived }: Run): void {
    actor.run = undefined;
    this.#send(actor, 0, undefined);
    if (arrived !== undefined) this.#answer(actor, arrived);
  }

  /** Whether the thread is free. */
  #endStretch(): boolean {
    const actor = this.#busy;
    const run = actor?.run;
    if (actor === undefined || run?.kind !== "stretch") return true;
    if (this.#now.mono < run.untilMs) return false;
    this.#busy = undefined;
    // What the machine did to it while it stood still is no promise of ours.
    const { key, token } = actor;
    if (this.#stoodStillAt.mono <= run.begunAt.mono) this.#note({ kind: "ran", key, token, begunMs: run.begunAt.mono });
    this.#resumed(actor, run);
    return true;
  }

  #end(actor: WorkerActor): void {
    const { key, token, generation, isPassivating, run } = actor;
    this.#forget(actor);
    this.#note({ kind: "released", key, opId: tokenText(token) });
    if (run?.kind === "ask") this.#tell(generation, { kind: "abortAsk", askId: run.askId });
    this.#handBack(actor, isPassivating ? "not-here" : "moved");
    if (isPassivating) this.#tell(generation, { kind: "ended", key, token });
    else this.#tell(generation, { kind: "stoppedFor", key, token, snapshot: undefined });
  }

  #handBack({ key, token, generation, mailbox, through }: WorkerActor, reason: "moved" | "not-here" | "stopped") {
    this.#tell(generation, { kind: "handedBack", key, token, items: mailbox, through, reason, hint: undefined });
  }

  /** Whether the operating system gives this thread no time. Others go on. */
  #standsStill(now: Now): boolean {
    const { random, hasStalls } = this.#shared;
    if (now.mono < this.#stalledUntilMs) return true;
    if (!hasStalls || now.mono < this.#stallAtMs || this.#stallCount >= STALLS_MAX) return false;
    this.#stallAtMs = now.mono + below(random, BETWEEN_STALLS_MS_MAX);
    if (this.#stallCount++ === 0) return false;
    this.#stalledUntilMs = now.mono + below(random, below(random, 3) === 0 ? STALL_MS_MAX : SHORT_STALL_MS_MAX);
    return true;
  }

  // --- the gate ---------------------------------------------------------------------------------------

  #verdict(generation: number, point: "begin" | "leave"): GateVerdict {
    const { gate, skips } = this.#shared;
    const seen = seenFrom(skips.margin ? { ...gate, marginMs: 0 } : gate, this.#lead);
    return verdictOf(seen, generation, this.#clock(), this.#rules(point));
  }

  #mayBegin({ generation }: WorkerActor): boolean {
    return this.#verdict(generation, "begin") === "open";
  }

  #mayResume({ generation }: WorkerActor): boolean {
    return mayResume(seenFrom(this.#shared.gate, this.#lead), generation, this.#clock(), this.#rules("begin"));
  }

  #rules(point: "begin" | "leave"): Rules {
    const { rules, skips } = this.#shared;
    return skips[point] ? { ...rules, generationGate: false } : rules;
  }

  #clock(): Now {
    return { mono: after(this.#now.mono, this.#leadMs), wall: this.#now.wall };
  }

  #measure(): void {
    const isDue = this.#lead === UNMEASURED || below(this.#shared.random, LOOKS_PER_MEASUREMENT) === 0;
    if (isDue) this.#asked ??= this.#clock().mono;
  }

  /** Ends what began under another identity. */
  #sweep(): void {
    for (const actor of [...this.actors.values(), ...this.#active]) {
      if (!actor.isOver && this.#verdict(actor.generation, "begin") === "over") this.#forget(actor);
    }
  }

  // --- what leaves ------------------------------------------------------------------------------------

  /** Whether it was taken. To its sender a message that was not is one that failed at once. */
  #send(actor: WorkerActor, hops: number, ask: Letter["ask"]): boolean {
    const { random, targets, skips } = this.#shared;
    const { key, token, generation, by } = actor;
    const target = targets[below(random, targets.length)];
    if (target === undefined || (actor.isOver && !skips.leave)) return false;
    const verdict = this.#verdict(generation, "leave");
    if (verdict !== "open" && verdict !== "closing") return false;
    const seq = (actor.seqs.get(target) ?? 0) + 1;
    const payload: SimulatedMessage = { sender: `${key}@${tokenText(token)}/${by}`, seq, hops, by };
    const letter: Letter = { target, actorKind: "thing", sender: { key, token }, ask, bytes: 100, payload };
    const isTaken = this.outbox.offer({ generation, record: { kind: "send", letter } }, this.#now.mono);
    if (isTaken) actor.seqs.set(target, seq);
    return isTaken;
  }

  #answer({ generation, by, isOver }: WorkerActor, arrived: Arrived): void {
    const { frame } = arrived;
    if (frame.kind !== "user" || frame.askId === undefined || (isOver && !this.#shared.skips.leave)) return;
    const message = messageIn(frame.payload);
    const value: SimulatedReply = { seq: message?.seq ?? 0, by };
    this.#tell(generation, { kind: "answered", arrived, outcome: { kind: "ok", value } });
  }

  /** What the main thread must hear of, whatever the lease: it keeps an answer until the lease is back. */
  #tell(generation: number, record: WorkerNews): void {
    if (this.#verdict(generation, "leave") !== "over") this.outbox.owe({ generation, record }, this.#now.mono);
  }

  #executed({ key, token, by }: WorkerActor): void {
    this.#note({ kind: "executed", key, token, by });
  }

  // --- actors -----------------------------------------------------------------------------------------

  #find(key: string, token: Version): WorkerActor | undefined {
    const actor = this.actors.get(key);
    return actor !== undefined && isSameVersion(actor.token, token) ? actor : undefined;
  }

  #forget(actor: WorkerActor): void {
    actor.isOver = true;
    this.#active.delete(actor);
    if (this.actors.get(actor.key) === actor) this.actors.delete(actor.key);
  }

  #soon(): number {
    return this.#now.mono + below(this.#shared.random, TURN_MS_MAX);
  }
}

function isIdle({ status, mailbox, run, timersMs }: WorkerActor): boolean {
  return status === "running" && mailbox.length === 0 && run === undefined && timersMs.length === 0;
}
