/**
 * One run of a handler or hook: what it may do, and what the runtime must know of it. It implements the
 * public {@link Context}; everything it does becomes a verb of the cell's port. Mutable, owned by one
 * thread; it ends with its run.
 *
 * @module
 */
import { ActorTimer, cancelTimer, setTimer } from "./actor_timers.ts";
import type { Cell } from "./cell.ts";
import { endChild, watch as watchTarget } from "./cell_life.ts";
import { stash, unstashAll } from "./cell_mailbox.ts";
import type { Context, ContextTimers } from "./context.ts";
import type { AskHeader, ChainLink, Envelope } from "./envelope.ts";
import { ActorError } from "./failure.ts";
import type { ActorKey } from "./ids.ts";
import type { Kind } from "./kind.ts";
import { CALL_CHAIN_HOPS_MAX, PIPES_PER_ACTOR_MAX } from "./limits.ts";
import { actorKey, grainKey } from "./names.ts";
import type { CellPort, Log } from "./ports.ts";
import { fraction } from "./random.ts";
import { type ActorRef, type AnyRef, targetOf } from "./ref.ts";
import type { Resource } from "./resource.ts";
import type { FencingToken } from "./store.ts";
import type { Topic } from "./topic.ts";

/** What a run is for: a message, or a hook. */
export type Purpose = "message" | "onStart" | "onStop" | "onRestart" | "onTerminated";

/** The context of one run. One is made for every message, so it has few fields. */
export class HandlerContext implements Context<unknown> {
  readonly cell: Cell;
  /** The handler's name, or the hook's. */
  readonly handler: string;
  /** The message; `undefined` in a hook. */
  readonly envelope: Envelope | undefined;
  isStashed = false;
  #life: "live" | "ended" | "abandoned" = "live";
  #chain: ChainLink | undefined = undefined;

  constructor(cell: Cell, handler: string, envelope: Envelope | undefined) {
    this.cell = cell;
    this.handler = handler;
    this.envelope = envelope;
  }

  /** Whether its run is under way: only then it can be used. */
  get isLive(): boolean {
    return this.#life === "live";
  }

  /** Whether the runtime ended it before it settled: what it still sends is refused. */
  get isAbandoned(): boolean {
    return this.#life === "abandoned";
  }

  /** Its run has settled. */
  end(): void {
    this.#life = "ended";
  }

  /** Its actor goes on without it. */
  abandon(): void {
    this.#life = "abandoned";
  }

  /** What the run is for. */
  get purpose(): Purpose {
    return this.envelope === undefined ? this.handler as Purpose : "message";
  }

  /** Who waits for this run. */
  get ask(): AskHeader | undefined {
    return this.envelope?.ask;
  }

  /** Which run: unique in the process; 0 while it has asked nobody. */
  get invocation(): number {
    return this.#chain?.invocation ?? 0;
  }

  /** The chain an ask made in this run continues. Throws `call-chain-too-long`. */
  get chain(): ChainLink {
    if (this.#chain !== undefined) return this.#chain;
    const previous = this.ask?.chain;
    const hops = (previous?.hops ?? 0) + 1;
    if (hops > CALL_CHAIN_HOPS_MAX) {
      throw new ActorError(
        "call-chain-too-long",
        `Cannot ask: the chain of asks has its limit of ${CALL_CHAIN_HOPS_MAX} hops`,
      );
    }
    const invocation = this.cell.port.nextInvocation();
    return this.#chain = { invocation, key: this.cell.key, handler: this.handler, hops, previous };
  }

  get state(): unknown {
    return this.#live().state;
  }

  set state(state: unknown) {
    this.#live().state = state;
  }

  get self(): ActorRef {
    return this.cell.port.refTo(this.cell);
  }

  get trace(): string | undefined {
    return this.envelope?.trace;
  }

  get sender(): ActorRef | undefined {
    const { port } = this.#live();
    const sender = this.envelope?.sender;
    return sender === undefined ? undefined : port.refTo(sender);
  }

  get key(): ActorKey {
    return this.cell.key;
  }

  get name(): string {
    return this.self.name;
  }

  get restarts(): number {
    return this.#live().extras?.restarts ?? 0;
  }

  get log(): Log {
    return this.cell.port.logOf(this.cell);
  }

  get timeLeftMs(): number {
    const [port, ask] = [this.#port(), this.ask];
    return ask === undefined ? Infinity : Math.max(0, ask.deadline - port.clockNow());
  }

  get signal(): AbortSignal {
    const { status, port } = this.#live();
    const signal = port.signalOf(this);
    // Whoever asks late for the signal of a run that must end hears of it all the same.
    if (status === "stopping" && this.purpose !== "onStop" && !signal.aborted) port.abort(this, stopping(this.cell));
    return signal;
  }

  get fence(): FencingToken | undefined {
    return this.#live().extras?.token; // The next life has another.
  }

  get timers(): ContextTimers {
    this.#live();
    return {
      once: (name, delayMs, handler, ...args) => this.#setTimer(name, delayMs, undefined, handler, args),
      every: (name, periodMs, handler, ...args) => this.#setTimer(name, periodMs, periodMs, handler, args),
      cancel: (name) => cancelTimer(this.#live(), name),
    };
  }

  get children(): readonly ActorRef[] {
    const children = this.#live().extras?.children?.values() ?? [];
    return Array.from(children, (child) => this.cell.port.refTo(child));
  }

  now(): number {
    return this.#port().wallMs();
  }

  random(): number {
    return fraction(this.#port().random);
  }

  sleep(ms: number): Promise<void> {
    return this.#port().sleep(this, ms);
  }

  grain<P, Init>(kind: Kind<P, Init>, name: string): ActorRef<P> {
    return this.#port().refByKey(kind, grainKey(kind.name, name)) as ActorRef<P>;
  }

  actor<P, Init>(kind: Kind<P, Init>, name: string): ActorRef<P> {
    return this.#port().refByKey(kind, actorKey(name)) as ActorRef<P>;
  }

  spawn<P, Init>(kind: Kind<P, Init>, name: string, ...init: Init extends void ? [] : [init: Init]): ActorRef<P> {
    const { status, port } = this.#live();
    // Its children have been told to end: nobody would end one more.
    if (status === "stopping" || status === "restarting") throw stopping(this.cell);
    return port.refTo(port.spawnChild(this.cell, name, kind, init[0])) as ActorRef<P>;
  }

  stop(child?: AnyRef): void {
    const cell = this.#live();
    if (child === undefined) cell.more.stopWanted ??= this;
    else endChild(cell, child.key);
  }

  watch(ref: ActorRef<never> | AnyRef): void {
    watchTarget(this.#live(), targetOf(ref));
  }

  unwatch(ref: ActorRef<never> | AnyRef): void {
    const cell = this.#live();
    const target = targetOf(ref);
    if (cell.extras?.watching?.delete(target.key)) cell.port.unwatch(cell, target);
  }

  stash(): void {
    const cell = this.#live();
    const { envelope } = this;
    if (envelope === undefined || this.isStashed) {
      throw new ActorError("not-supported", "Cannot stash: there is no message here that is not stashed already");
    }
    stash(cell, envelope);
    this.isStashed = true;
  }

  unstashAll(): void {
    unstashAll(this.#live());
  }

  become(name: string): void {
    const cell = this.#live();
    const handlers = cell.kind.behaviors.get(name);
    if (handlers === undefined) {
      throw new ActorError("not-supported", `Cannot become ${name}: kind ${cell.kind.name} has no such behavior`);
    }
    cell.handlers = handlers;
  }

  unbecome(): void {
    const cell = this.#live();
    cell.handlers = cell.kind.handlers;
  }

  pipe(promise: PromiseLike<unknown>, onValue: string, onFailure?: string): void {
    const cell = this.#live();
    const [value, failure] = [this.#handler(onValue), onFailure === undefined ? undefined : this.#handler(onFailure)];
    if (cell.more.pipes >= PIPES_PER_ACTOR_MAX) {
      throw new ActorError("limit-reached", `Cannot pipe: ${PIPES_PER_ACTOR_MAX} promises are not settled yet`);
    }
    cell.more.pipes++;
    try {
      cell.port.pipe(cell, promise, value, failure);
    } catch (thrown) {
      cell.more.pipes--; // It is no promise: its `then` throws. Nothing will come of it.
      throw thrown;
    }
  }

  save(): Promise<void> {
    return this.#port().save(this);
  }

  use<T>(resource: Resource<T>): T {
    return this.#port().resource(resource);
  }

  publish<T>(topic: Topic<T>, value: T): void {
    this.#port().publish(topic, value);
  }

  subscribe<T>(topic: Topic<T>, handler: string): void {
    this.#port().subscribe(this.cell, topic, this.#handler(handler));
  }

  unsubscribe<T>(topic: Topic<T>): void {
    this.#port().unsubscribe(this.cell, topic);
  }

  #live(): Cell {
    if (this.isLive) return this.cell;
    throw new ActorError(
      "context-ended",
      `Cannot use the context of ${this.cell.key}.${this.handler}: its run has ended`,
    );
  }

  #port(): CellPort {
    return this.#live().port;
  }

  /** The object `timers` may outlive the run; a timer set by then would be the next life's. */
  #setTimer(
    name: string,
    delayMs: number,
    periodMs: number | undefined,
    handler: string,
    args: readonly unknown[],
  ): void {
    const cell = this.#live();
    setTimer(cell, new ActorTimer(cell, name, this.#handler(handler), args, periodMs), delayMs);
  }

  #handler(name: string): number {
    const handler = this.cell.kind.indexOf(name);
    if (handler !== undefined) return handler;
    throw new ActorError(
      "handler-unknown",
      `Cannot use handler ${name}: kind ${this.cell.kind.name} has none of that name`,
    );
  }
}

function stopping({ key, status }: Cell): ActorError {
  return new ActorError("actor-stopped", `Cannot begin anything: ${key} is ${status}`, { details: { key, status } });
}
