/**
 * The actors of a simulated node that is simulated for its protocols' sake: they start, take messages, are stopped and
 * passivated, and do nothing else. What they run is told to checkers. Mutable; one for each identity of a node.
 *
 * One idea: everything a real host does at once or later, this one does at once or at a later tick, by chance. A protocol
 * that relies on a host to be quick is found out.
 *
 * @module
 */
import type { NodeId } from "../core/ids.ts";
import { below, type Random } from "../core/random.ts";
import type { NodeEffect, NodeInput } from "../cluster/cluster_node.ts";
import { isSameVersion, type Version } from "../cluster/engine.ts";
import type { Arrived } from "../cluster/router_protocol.ts";
import type { ClusterNote } from "./cluster_notes.ts";
import { messageIn, type SimulatedReply, tokenText } from "./simulated_message.ts";

/** Messages one actor runs in one tick. */
const RUNS_PER_TICK = 3;
/** One in so many starts fails. */
const STARTS_PER_FAILURE = 20;
/** Messages one mailbox takes. At the limit they are refused. */
const MAILBOX_MAX = 64;

/** One actor. */
interface SimulatedActor {
  readonly key: string;
  readonly token: Version;
  readonly isGrain: boolean;
  status: "starting" | "running" | "stopping";
  readonly mailbox: Arrived[];
  /** Number of the last message that was put in. */
  through: number;
  /** Ticks until it goes on: with its start, with its message, with its end. */
  busyTicks: number;
  /** Whether it ends by its own will. */
  isPassivating: boolean;
}

/** All actors of one node. */
export class SimulatedActors {
  readonly actors: Map<string, SimulatedActor> = new Map();
  readonly #by: NodeId;
  readonly #random: Random;
  readonly #note: (note: ClusterNote) => void;
  readonly #tell: (input: NodeInput) => void;

  /** @param by Their node. */
  constructor(by: NodeId, random: Random, note: (note: ClusterNote) => void, tell: (input: NodeInput) => void) {
    this.#by = by;
    this.#random = random;
    this.#note = note;
    this.#tell = tell;
  }

  /** Whether nothing is under way. */
  get isQuiet(): boolean {
    for (const { status, mailbox } of this.actors.values()) {
      if (status !== "running" || mailbox.length > 0) return false;
    }
    return true;
  }

  start({ key, token, record }: NodeEffect & { readonly kind: "start" }): void {
    this.#note({ kind: "acked", key, token, opId: tokenText(token) });
    this.actors.set(key, {
      key,
      token,
      isGrain: record.type === "grain",
      status: "starting",
      mailbox: [],
      through: 0,
      busyTicks: below(this.#random, 3),
      isPassivating: false,
    });
  }

  stop({ key, token, reason }: NodeEffect & { readonly kind: "stop" }): void {
    const actor = this.#find(key, token);
    if (actor === undefined) return;
    if (reason === "fenced") {
      this.actors.delete(key);
      this.#note({ kind: "released", key, opId: tokenText(token) });
      return;
    }
    actor.isPassivating = false;
    actor.status = "stopping";
    // What runs ends first.
    actor.busyTicks = Math.max(actor.busyTicks, below(this.#random, 3));
  }

  enqueue({ key, token, number, arrived }: NodeEffect & { readonly kind: "enqueue" }): void {
    const actor = this.#find(key, token);
    if (actor === undefined) {
      // It was on its way here when the actor ended: handed back with its number, or the router would wait for it.
      const handedBack = {
        key,
        token,
        items: [arrived],
        through: number,
        reason: "not-here",
        hint: undefined,
      } as const;
      return this.#tell({ kind: "handedBack", ...handedBack });
    }
    actor.through = number;
    if (arrived.frame.kind === "user" && actor.mailbox.length >= MAILBOX_MAX) {
      return this.#tell({ kind: "refused", arrived, code: "mailbox-full", fate: "not-delivered" });
    }
    actor.mailbox.push(arrived);
  }

  /** A grain that nobody needs ends, if it is not busy. */
  passivate(index: number): void {
    const grains = [...this.actors.values()].filter(({ isGrain, status }) => isGrain && status === "running");
    const actor = grains[index % Math.max(1, grains.length)];
    if (actor === undefined || actor.busyTicks > 0) return;
    actor.isPassivating = true;
    actor.status = "stopping";
  }

  /** Time has passed. Nothing runs unless `mayRun`: the lease is the node's to know. */
  tick(mayRun: () => boolean): void {
    for (const actor of [...this.actors.values()]) {
      if (!mayRun()) return;
      if (actor.busyTicks-- > 0) continue;
      actor.busyTicks = 0;
      if (actor.status === "starting") this.#started(actor);
      else if (actor.status === "stopping") this.#end(actor);
      else this.#runSome(actor, mayRun);
    }
  }

  #started(actor: SimulatedActor): void {
    const { key, token } = actor;
    if (below(this.#random, STARTS_PER_FAILURE) === 0) {
      this.actors.delete(key);
      this.#note({ kind: "released", key, opId: tokenText(token) });
      this.#handBack(actor, "stopped");
      return this.#tell({ kind: "started", key, token, error: "it does not want to" });
    }
    actor.status = "running";
    this.#note({ kind: "executed", key, token, by: this.#by });
    this.#tell({ kind: "started", key, token, error: undefined });
  }

  #runSome(actor: SimulatedActor, mayRun: () => boolean): void {
    this.#note({ kind: "executed", key: actor.key, token: actor.token, by: this.#by });
    for (let ran = 0; ran < RUNS_PER_TICK && mayRun() && actor.status === "running"; ran++) {
      const arrived = actor.mailbox.shift();
      if (arrived === undefined) return;
      if (arrived.frame.kind === "flush") this.#tell({ kind: "flushReached", arrived });
      else this.#receive(actor, arrived);
      if (below(this.#random, 10) === 0) {
        actor.busyTicks = 1 + below(this.#random, 4);
        return;
      }
    }
  }

  #receive({ key, token }: SimulatedActor, arrived: Arrived): void {
    const { frame } = arrived;
    if (frame.kind !== "user") return;
    const message = messageIn(frame.payload);
    this.#note({ kind: "executed", key, token, by: this.#by });
    if (message !== undefined) this.#note({ kind: "delivered", key, sender: message.sender, seq: message.seq });
    if (frame.askId === undefined) return;
    const value: SimulatedReply = { seq: message?.seq ?? 0, by: this.#by };
    this.#tell({ kind: "answered", arrived, outcome: { kind: "ok", value } });
  }

  #end(actor: SimulatedActor): void {
    const { key, token, isPassivating } = actor;
    this.actors.delete(key);
    this.#note({ kind: "released", key, opId: tokenText(token) });
    this.#handBack(actor, isPassivating ? "not-here" : "moved");
    if (isPassivating) this.#tell({ kind: "ended", key, token });
    else this.#tell({ kind: "stoppedFor", key, token, snapshot: undefined });
  }

  #handBack({ key, token, mailbox, through }: SimulatedActor, reason: "moved" | "not-here" | "stopped"): void {
    this.#tell({ kind: "handedBack", key, token, items: mailbox, through, reason, hint: undefined });
  }

  #find(key: string, token: Version): SimulatedActor | undefined {
    const actor = this.actors.get(key);
    return actor !== undefined && isSameVersion(actor.token, token) ? actor : undefined;
  }
}
