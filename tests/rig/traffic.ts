/**
 * Random traffic between actors of a rig, and a ledger of what was sent, what began and how it ended: what the
 * properties of delivery are checked against. Everything random comes in as commands, so fast-check can shrink it.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import assert from "node:assert/strict";
import type { Context } from "../../core/context.ts";
import { ActorError } from "../../core/failure.ts";
import { HandlerContext } from "../../core/handler_context.ts";
import { kind } from "../../core/kind.ts";
import type { ActorRef } from "../../core/ref.ts";
import { type Asked, asked } from "./outcome.ts";
import { Rig } from "./rig.ts";
import { type Deed, PEERS, type TrafficCommand, type TrafficPlan } from "./traffic_plan.ts";
import type { WatchedHost } from "./watched_host.ts";

/** One message as the ledger knows it. */
interface Sent {
  readonly from: string;
  readonly to: string;
  /** Its place among all that this sender ever tried to send to this receiver. */
  readonly order: number;
  readonly deed: Deed;
  isTaken: boolean;
  /** Whether its refusal was a dead letter on the sender's own thread. */
  isBuriedAtOnce: boolean;
  begun: number;
  readonly ask: Asked | undefined;
  /** The host that waits for the reply. */
  readonly host: WatchedHost;
}

const OUTSIDE = "outside";

/** A world of peers, driven by commands. */
export class Traffic {
  readonly rig: Rig;
  readonly sent: Sent[] = [];
  /** What began, in order: the message's index in {@link sent}. */
  readonly begun: number[] = [];
  /** Claims that did not hold while it ran. */
  readonly broken: string[] = [];
  /** How often a handler began beside another. */
  interleaved = 0;
  /** Threads that were lost: what they had is not accounted for. */
  lost = 0;
  readonly #plan: TrafficPlan;
  readonly #peers: readonly string[];
  readonly #orders = new Map<string, number>();
  readonly #gates: PromiseWithResolvers<void>[] = [];
  readonly #givers: AbortController[] = [];
  readonly #running = new Map<string, HandlerContext[]>();
  /** Messages that were put aside once. */
  readonly #put = new Set<number>();
  readonly #refAt: (name: string, from: number) => ActorRef<PeerProtocol>;

  constructor(plan: TrafficPlan) {
    this.#plan = plan;
    const Peer = this.#kind(plan);
    this.rig = new Rig({ kinds: [Peer], workers: plan.workers, ringBytes: plan.ringBytes, askTimeoutMs: 1_000 });
    const home = (index: number) => plan.workers === 0 ? 0 : 1 + index % plan.workers;
    this.#peers = Array.from({ length: PEERS }, (_, index) => this.rig.nameOn(home(index), `p${index}x`, Peer));
    this.#refAt = (name, from) => this.rig.grain(Peer, name, from);
  }

  /** Performs all commands, then lets everything come to its end. */
  async run(): Promise<void> {
    for (const command of this.#plan.commands) await this.#do(command);
    await this.#comeToRest();
    for (let peer = 0; peer < PEERS; peer++) this.sendOne(OUTSIDE, 0, this.#name(peer), "take", false);
    await this.#comeToRest();
  }

  async #comeToRest(): Promise<void> {
    for (let round = 0; round < 200; round++) {
      await this.rig.advance(20_000);
      if (this.#gates.length === 0) return;
      for (const gate of this.#gates.splice(0)) gate.resolve();
    }
    this.broken.push("the traffic does not come to an end");
  }

  /** Messages that began, by sender and receiver, as their places in what was sent. */
  beginningsOfPairs(): ReadonlyMap<string, readonly number[]> {
    const pairs = new Map<string, number[]>();
    for (const index of this.begun) {
      const { from, to, order } = this.#at(index);
      const pair = `${from} → ${to}`;
      pairs.set(pair, [...pairs.get(pair) ?? [], order]);
    }
    return pairs;
  }

  /** Tells that were taken, less those that began and those that became dead letters: all are accounted for at 0. */
  tellsMissing(): number {
    const tells = this.sent.filter(({ ask }) => ask === undefined);
    const taken = tells.filter(({ isTaken }) => isTaken).length;
    const begun = tells.filter((tell) => tell.begun > 0).length;
    const buriedAtOnce = tells.filter(({ isBuriedAtOnce }) => isBuriedAtOnce).length;
    const buried = this.rig.events.filter((event) =>
      event.type === "deadLetter" && !event.wasAsk && event.handler !== "emit"
    );
    return taken - begun - (buried.length - buriedAtOnce);
  }

  /** Whether the thread that waits for this message's reply was lost meanwhile. */
  isOrphan({ host }: Sent): boolean {
    return !this.rig.threads.some((thread) => thread.host === host);
  }

  async #do(command: TrafficCommand): Promise<void> {
    const { rig } = this;
    switch (command.do) {
      case "send":
        return this.#send(command);
      case "turn":
        return await rig.turn(command.thread % rig.threads.length, command);
      case "open":
        return this.#open(command.which, command.isOk);
      case "advance":
        rig.nowMs += command.ms;
        return;
      case "sweep":
        return this.#sweep(command.thread % rig.threads.length);
      case "stop":
        rig.operate(`peer:${this.#name(command.peer)}`, {
          op: "stop",
          key: this.#refAt(this.#name(command.peer), 0).key,
          isDraining: command.isDraining,
        });
        return;
      case "abort":
        return this.#givers[command.which % Math.max(1, this.#givers.length)]?.abort();
      case "lose":
        return this.#lose(1 + command.thread % Math.max(1, rig.threads.length - 1));
      default:
        return command satisfies never;
    }
  }

  #send({ from, to, deed, isAsk, times }: Extract<TrafficCommand, { do: "send" }>): void {
    if (from < 0) {
      for (let time = 0; time < times; time++) this.sendOne(OUTSIDE, 0, this.#name(to), deed, isAsk);
    } else {
      this.#refAt(this.#name(from), 0).tell.emit(this.#name(to), deed, isAsk, times);
    }
  }

  /** Sends one message and writes it down. Called in the handler of the sender, or outside of all. */
  sendOne(from: string, thread: number, to: string, deed: Deed, isAsk: boolean): Asked | undefined {
    const { rig, sent } = this;
    const giver = new AbortController();
    const ref = this.#refAt(to, thread).with({ signal: giver.signal });
    const pair = `${from} → ${to}`;
    const order = this.#orders.get(pair) ?? 0;
    this.#orders.set(pair, order + 1);
    const [id, eventsBefore] = [sent.length, rig.events.length];
    const entry: { -readonly [Field in keyof Sent]: Sent[Field] } = {
      from,
      to,
      order,
      deed,
      isTaken: true,
      isBuriedAtOnce: false,
      begun: 0,
      ask: undefined,
      host: rig.thread(thread).host,
    };
    sent.push(entry);
    if (isAsk) {
      this.#givers.push(giver);
      return entry.ask = asked(ref.ask[deed](id));
    }
    entry.isTaken = ref.tell[deed](id);
    entry.isBuriedAtOnce = rig.events.length > eventsBefore;
    return undefined;
  }

  #open(which: number, isOk: boolean): void {
    const [gate] = this.#gates.splice(which % Math.max(1, this.#gates.length), 1);
    if (isOk) gate?.resolve();
    else gate?.reject(new ActorError("no-luck", "the gate says no"));
  }

  #sweep(index: number): void {
    const thread = this.rig.thread(index);
    thread.host.enter();
    while (!thread.host.sweepIdle(64));
    thread.host.leave();
    thread.isRequested = true;
  }

  #lose(index: number): void {
    if (this.#plan.workers === 0) return;
    this.rig.loseThread(index);
    this.lost++;
    for (const [key] of this.#running) {
      if (this.rig.threadOf(`peer:${key}` as HandlerContext["key"]) === index) this.#running.delete(key);
    }
  }

  #name(index: number): string {
    return this.#peers[index % PEERS] ?? "?";
  }

  #at(index: number): Sent {
    const sent = this.sent[index];
    assert.ok(sent !== undefined, "what began was sent");
    return sent;
  }

  #gate(): Promise<void> {
    const gate = Promise.withResolvers<void>();
    this.#gates.push(gate);
    return gate.promise;
  }

  /** Writes down that a message begins, and looks who runs beside it. */
  #begin(ctx: Context<unknown>, id: number, isReentrant: boolean): void {
    this.#at(id).begun++;
    this.begun.push(id);
    assert.ok(ctx instanceof HandlerContext, "a context is the runtime's own");
    const live = (this.#running.get(ctx.name) ?? []).filter(({ isLive }) => isLive);
    if (live.length > 0) this.interleaved++;
    const beside = live.filter(({ handler }) => REENTRANT.has(handler)).length;
    if (isReentrant && beside >= this.#plan.reentrantMax) {
      this.broken.push(`${beside + 1} reentrant handlers of ${ctx.key}`);
    }
    if (!isReentrant && live.length > beside) this.broken.push(`two handlers of ${ctx.key} at once`);
    this.#running.set(ctx.name, [...live, ctx]);
  }

  /** The first time it is put aside, if there is room; that is not a beginning. */
  #putAside(ctx: Context<unknown>, id: number): number {
    const isFirst = !this.#put.has(id);
    this.#put.add(id);
    try {
      if (isFirst) ctx.stash();
      else this.#begin(ctx, id, false);
    } catch (thrown) {
      this.#begin(ctx, id, false);
      throw thrown;
    }
    return id;
  }

  #kind(plan: TrafficPlan) {
    const begin = (ctx: Context<unknown>, id: number, isReentrant: boolean) => this.#begin(ctx, id, isReentrant);
    const waitAtGate = () => this.#gate();
    const emit = (ctx: Context<unknown>, to: string, deed: Deed, isAsk: boolean, times: number) => {
      assert.ok(ctx instanceof HandlerContext);
      for (let time = 0; time < times; time++) this.sendOne(ctx.name, ctx.cell.thread, to, deed, isAsk);
    };
    const forward = async (ctx: Context<unknown>, id: number) => {
      begin(ctx, id, false);
      assert.ok(ctx instanceof HandlerContext);
      const next = this.#name(this.#peers.indexOf(ctx.name) + 1);
      const ask = this.sendOne(ctx.name, ctx.cell.thread, next, id % 2 === 0 ? "quick" : "peek", true);
      while (ask?.state === "pending") await new Promise((resolve) => setImmediate(resolve));
    };
    const hook = (ctx: Context<unknown>) => ctx.random() * 10 < plan.slowHooks ? waitAtGate() : undefined;
    return kind("peer", {
      onStart: hook,
      onStop: hook,
      onRestart: hook,
      stash: 2,
      mailbox: plan.mailbox,
      reentrant: ["peek", "look"],
      reentrantMax: plan.reentrantMax,
      idleMs: 100,
      supervision: { backoff: { minMs: 0, maxMs: 20 }, maxRestarts: 1_000_000 },
      handlers: {
        emit,
        quick: (ctx, id: number): number => (begin(ctx, id, false), id),
        peek: (ctx, id: number): number => (begin(ctx, id, true), id),
        async slow(ctx, id: number): Promise<number> {
          begin(ctx, id, false);
          await waitAtGate();
          return id;
        },
        async look(ctx, id: number): Promise<number> {
          begin(ctx, id, true);
          await waitAtGate();
          return id;
        },
        refuse(ctx, id: number): number {
          begin(ctx, id, false);
          throw new ActorError("no-luck", "refused");
        },
        fail(ctx, id: number): number {
          begin(ctx, id, false);
          throw new Error("broken");
        },
        leave(ctx, id: number): number {
          begin(ctx, id, false);
          ctx.stop();
          return id;
        },
        put: (ctx, id: number): number => this.#putAside(ctx, id),
        take(ctx, id: number): number {
          begin(ctx, id, false);
          ctx.unstashAll();
          return id;
        },
        async forward(ctx, id: number): Promise<number> {
          await forward(ctx, id);
          return id;
        },
      },
    });
  }
}

const REENTRANT: ReadonlySet<string> = new Set(["peek", "look"]);

type PeerProtocol = { readonly [Name in Deed]: (id: number) => number } & {
  readonly emit: (to: string, deed: Deed, isAsk: boolean, times: number) => void;
};
