/**
 * The address one can send to: kind and key, with the route this thread has found for it. The same ref
 * works on the thread of its actor, on another thread and from another node; only the courier behind it
 * differs. Holding one promises nothing about life. Pure: sending is the courier's act.
 *
 * @module
 */
import { ActorError } from "./failure.ts";
import type { ActorKey, NodeId, ThreadIndex } from "./ids.ts";
import type { AnyKind } from "./kind.ts";
import { isHandlerName } from "./names.ts";
import type { AnyProtocol, Ask, AskAll, Tell, TellAll } from "./protocol.ts";

/** How long a wait may last, and what ends it early. */
export interface WaitOptions {
  /** Milliseconds from the call, `1` to a day. Inside a handler, never longer than the handler's own deadline. */
  readonly timeoutMs?: number;
  /** Ends the wait with `ask-aborted`, fate `unknown`: the message may be on its way. */
  readonly signal?: AbortSignal;
  /**
   * The trace that its messages belong to, tells as well: a `traceparent` header of the W3C Trace Context. A handler's
   * messages belong to that of the message it runs for, unless it names another. What is no `traceparent` counts as none.
   */
  readonly trace?: string;
}

/** Carries messages away from refs: each thread has one. */
export interface Courier {
  /** Sends and goes on; `false` when the first queue on the way refused. */
  tell(target: Target, handler: number, args: readonly unknown[], trace?: string): boolean;
  /** Sends and waits for one reply. */
  ask(target: Target, handler: number, args: readonly unknown[], wait: WaitOptions | undefined): Promise<unknown>;
  /** All outcomes of many asks, in order (promises are the courier's, not the core's). */
  settleAll(asks: readonly Promise<unknown>[]): Promise<PromiseSettledResult<unknown>[]>;
  /** A promise that is rejected with `error`. */
  rejected(error: ActorError): Promise<never>;
  /** The text form of a target's address. */
  addressOf(target: Target): string;
}

/** Where a ref points, as its thread's courier knows it. Mutable: `cell` is the courier's own cache. */
export interface Target {
  /** Who carries what is sent. */
  readonly courier: Courier;
  /** The kind of the actor. */
  readonly kind: AnyKind;
  /** The key of the actor. */
  readonly key: ActorKey;
  /** The thread that runs the actor: a pure function of the key. */
  readonly thread: ThreadIndex;
  /** The courier's cached cell, when the actor lives on this thread. */
  cell: object | undefined;
}

/**
 * A ref to an actor whose callers see `P`. A ref to more handlers is assignable to a ref to fewer.
 *
 * @example
 * ```ts
 * account.tell.deposit(25);
 * const balance = await account.ask.balance();
 * const patient = await account.with({ timeoutMs: 30_000 }).ask.statement();
 * ```
 */
export class ActorRef<P = AnyProtocol> {
  readonly #target: Target;
  readonly #wait: WaitOptions | undefined;
  readonly #place: RefPlace | undefined;
  #tell: Tell<P> | undefined;
  #ask: Ask<P> | undefined;

  /** Refs come from a system or a context, never from `new` in user code. */
  constructor(target: Target, wait?: WaitOptions, place?: RefPlace) {
    this.#target = target;
    this.#wait = wait;
    this.#place = place;
  }

  /** Send and go on: see {@link Tell}. */
  get tell(): Tell<P> {
    return this.#tell ??= new this.#target.kind.facades.Tell(this.#target, this.#wait) as Tell<P>;
  }

  /** Send and wait for one reply: see {@link Ask}. */
  get ask(): Ask<P> {
    return this.#ask ??= new this.#target.kind.facades.Ask(this.#target, this.#wait) as Ask<P>;
  }

  /** Many messages for one handler, in order: see {@link TellAll}. */
  get tellAll(): TellAll<P> {
    return new this.#target.kind.facades.TellAll(this.#target, this.#wait) as TellAll<P>;
  }

  /** Many asks for one handler at once: see {@link AskAll}. */
  get askAll(): AskAll<P> {
    return new this.#target.kind.facades.AskAll(this.#target, this.#wait) as AskAll<P>;
  }

  /** The same ref with another patience: `timeoutMs` and `signal` of its asks; and the `trace` of all it sends. */
  with(wait: WaitOptions): ActorRef<P> {
    const { trace, ...others } = wait;
    const named = isTraceparent(trace) ? { trace } : {};
    return new ActorRef<P>(this.#target, { ...this.#wait, ...others, ...named }, this.#place);
  }

  /**
   * The node that ran the actor when it was looked up, by `actorOf`, `spawnOn` or `singleton`. It may have moved since;
   * messages find it wherever it is. `undefined` for a ref that was not looked up, and without a cluster.
   */
  get node(): NodeId | undefined {
    return this.#place?.node;
  }

  /** Whether that was this node; `undefined` where {@link node} is. */
  get isLocal(): boolean | undefined {
    return this.#place?.isLocal;
  }

  /** The kind's name. */
  get kind(): string {
    return this.#target.kind.name;
  }

  /** The actor's key: its name, `parent/child`, or `kind:name` for a grain. */
  get key(): ActorKey {
    return this.#target.key;
  }

  /** The name its creator gave it: the last part of the key. */
  get name(): string {
    const { key } = this.#target;
    return key.slice(Math.max(key.lastIndexOf("/"), key.lastIndexOf(":")) + 1);
  }

  /** The whole address as text, e.g. `troupe://bank/account:alice`. */
  get address(): string {
    return this.#target.courier.addressOf(this.#target);
  }

  /** Whether both refs name the same actor. */
  equals(other: AnyRef): boolean {
    return this.key === other.key && this.kind === other.kind;
  }

  /** The address, for logs. */
  toString(): string {
    return this.address;
  }

  /** The target behind `ref`; for couriers only. */
  static targetOf(ref: object): Target | undefined {
    return ref instanceof ActorRef ? ref.#target : undefined;
  }
}

/** Where a lookup found an actor. */
export interface RefPlace {
  /** The node that ran it. */
  readonly node: NodeId;
  /** Whether that was the node that looked. */
  readonly isLocal: boolean;
}

/** A ref whose protocol does not matter: to compare, watch or stop. */
export type AnyRef = Pick<ActorRef<unknown>, "kind" | "key" | "name" | "address">;

/** Whether a value is a `traceparent` of version 00: ids of a trace and a span, and flags. */
function isTraceparent(value: unknown): value is string {
  return typeof value === "string" && /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(value);
}

/** The target of a ref, or `not-supported` when `value` is not one of ours. */
export function targetOf(value: object): Target {
  const target = ActorRef.targetOf(value);
  if (target === undefined) throw new ActorError("not-supported", "Cannot use this value as a ref: it is not one");
  return target;
}

/** The constructor of one facade: what `ref.tell` or `ref.ask` is for one kind. */
export type Facade = new (target: Target, wait: WaitOptions | undefined) => object;

/** The four facades of a kind. */
export interface Facades {
  /** Behind `ref.tell`. */
  readonly Tell: Facade;
  /** Behind `ref.ask`. */
  readonly Ask: Facade;
  /** Behind `ref.tellAll`. */
  readonly TellAll: Facade;
  /** Behind `ref.askAll`. */
  readonly AskAll: Facade;
}

/** A facade's own fields have names that no handler can have. */
interface FacadeSelf {
  readonly $target: Target;
  readonly $wait: WaitOptions | undefined;
}

/** Makes the method of one handler. */
type MakeMethod = (handler: number) => (this: FacadeSelf, ...args: readonly unknown[]) => unknown;

/**
 * Builds the classes behind `ref.tell` and its siblings: one method a handler, on a prototype, so that a
 * call is an ordinary method call. Only a name that no handler has goes further, to a proxy that refuses it.
 */
export function makeFacades(kindName: string, handlerNames: readonly string[]): Facades {
  const unknown = (name: string) =>
    new ActorError("handler-unknown", `Cannot send ${name}: kind ${kindName} has no handler of that name`, {
      details: { kind: kindName, handler: name },
    });
  const throws = (name: string) => () => {
    throw unknown(name);
  };
  const rejects = (name: string) =>
    function (this: FacadeSelf) {
      return this.$target.courier.rejected(unknown(name));
    };
  return {
    Tell: facade(handlerNames, throws, (handler) =>
      function (...args) {
        return this.$target.courier.tell(this.$target, handler, args, this.$wait?.trace);
      }),
    Ask: facade(handlerNames, rejects, (handler) =>
      function (...args) {
        return this.$target.courier.ask(this.$target, handler, args, this.$wait);
      }),
    TellAll: facade(handlerNames, throws, (handler) =>
      function (calls) {
        return tellAll(this, handler, calls);
      }),
    AskAll: facade(handlerNames, rejects, (handler) =>
      function (calls) {
        return askAll(this, handler, calls);
      }),
  };
}

function facade(handlerNames: readonly string[], refuse: (name: string) => unknown, makeMethod: MakeMethod): Facade {
  class KindFacade implements FacadeSelf {
    readonly $target: Target;
    readonly $wait: WaitOptions | undefined;
    constructor(target: Target, wait: WaitOptions | undefined) {
      this.$target = target;
      this.$wait = wait;
    }
  }
  const { prototype } = KindFacade;
  Object.setPrototypeOf(prototype, refusing(refuse));
  handlerNames.forEach((name, handler) => Object.defineProperty(prototype, name, { value: makeMethod(handler) }));
  return KindFacade;
}

/** Stands behind a facade's prototype: refuses what could be a handler's name, and is an ordinary object otherwise. */
function refusing(refuse: (name: string) => unknown): object {
  return new Proxy({}, {
    get: (object, name, receiver) =>
      typeof name === "string" && isHandlerName(name) ? refuse(name) : Reflect.get(object, name, receiver),
  });
}

function tellAll({ $target: target, $wait: wait }: FacadeSelf, handler: number, calls: unknown): number {
  let taken = 0;
  for (const args of listOfCalls(calls)) {
    if (!target.courier.tell(target, handler, args, wait?.trace)) break;
    taken++;
  }
  return taken;
}

function askAll({ $target: target, $wait: wait }: FacadeSelf, handler: number, calls: unknown): unknown {
  return target.courier.settleAll(listOfCalls(calls).map((args) => target.courier.ask(target, handler, args, wait)));
}

function listOfCalls(calls: unknown): readonly (readonly unknown[])[] {
  if (Array.isArray(calls) && calls.every((args) => Array.isArray(args))) return calls;
  throw new ActorError("not-supported", "Cannot send many messages: expected a list of argument lists");
}
