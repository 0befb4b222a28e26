/**
 * A kind of actors: a name for the wire, a state, handlers, and every option that belongs to the actor
 * rather than to the call. Declared once at the top of a module and evaluated in every thread, so it holds
 * plain code and no live things. Pure.
 *
 * @module
 */
import type { ActorError } from "./failure.ts";
import type { Context } from "./context.ts";
import {
  GRAIN_IDLE_MS_DEFAULT,
  HANDLERS_MAX,
  MAILBOX_MESSAGES_DEFAULT,
  MAILBOX_MESSAGES_MAX,
  REENTRANT_HANDLERS_DEFAULT,
  STASH_MESSAGES_DEFAULT,
  WAIT_MS_MAX,
} from "./limits.ts";
import type { StartReason, StopReason } from "./lifecycle.ts";
import { isHandlerName, isName } from "./names.ts";
import { OptionsCheck } from "./options_check.ts";
import type { ProtocolOf } from "./protocol.ts";
import { type AnyRef, type Facades, makeFacades } from "./ref.ts";
import { checkSupervision, type Supervision, supervisionOf, type SupervisionOptions } from "./supervision.ts";

/** A handler as the runtime sees it. Its first parameter is the context, its return value the reply. */
export type Handler<State> = (ctx: Context<State>, ...args: never[]) => unknown;

/** Handler name → handler. */
export type Handlers<State> = { readonly [name: string]: Handler<State> };

/** The same handlers with other bodies: what a behavior may replace. */
export type Behavior<State, H extends Handlers<State>> = {
  readonly [Name in keyof H]?: (ctx: Context<State>, ...args: ArgumentsOf<H[Name]>) => ReturnType<H[Name]>;
};

/** What a handler takes beside its context. */
export type ArgumentsOf<H> = H extends (ctx: never, ...args: infer Args) => unknown ? Args : never;

/** Everything {@link kind} takes. Only `handlers` is required. */
export interface KindSpec<State, H extends Handlers<State>, Init> {
  /**
   * The first state of an actor, made from what `spawn` gave as `init`. Plain data: it can be moved,
   * stored and shown. **Without `store: true` it lives as long as its thread**: a restart, a passivation,
   * the death of the thread or of the node begins again here.
   */
  readonly state?: (init: Init) => State;
  /** What the kind answers to. Names are letters, digits and `_`. */
  readonly handlers: H;
  /** Load the state before the first message and let `ctx.save()` write it. Default `false`. */
  readonly store?: boolean;
  /**
   * Handlers that may run while another handler of the same actor waits for a promise. They overtake
   * waiting messages of other senders, never an earlier message of their own sender.
   */
  readonly reentrant?: readonly NoInfer<keyof H & string>[];
  /** How many handlers of one actor may interleave at most, `1` to `4096`; the next one waits. Default 64. */
  readonly reentrantMax?: number;
  /** Other bodies for some handlers, chosen by `ctx.become(name)`. Handlers a behavior does not name stay. */
  readonly behaviors?: { readonly [name: string]: Behavior<State, NoInfer<H>> };
  /** Runs before the first message of every life: after spawn, activation and restart. */
  readonly onStart?: (ctx: Context<State>, reason: StartReason) => void | Promise<void>;
  /** Runs after the last message of a life, also when it ends by a failure. */
  readonly onStop?: (ctx: Context<State>, reason: StopReason) => void | Promise<void>;
  /** Runs on the old state before a restart replaces it. */
  readonly onRestart?: (ctx: Context<State>, error: ActorError) => void | Promise<void>;
  /** Runs when an actor watched with `ctx.watch(ref)` has ended. */
  readonly onTerminated?: (ctx: Context<State>, ref: AnyRef, reason: StopReason) => void | Promise<void>;
  /** User messages the mailbox holds, `1` to 1,048,576. Default 1024. At the limit: `mailbox-full`. */
  readonly mailbox?: number;
  /** Messages the stash holds, `0` to 1,048,576. Default 1024. At the limit: `stash-full`. */
  readonly stash?: number;
  /**
   * Milliseconds without a message after which the actor is passivated, `1` to a day; `Infinity` means
   * never. Default: 120,000 for grains, never for actors. Checked by a sweep, so an actor may stay up to
   * half as long again.
   */
  readonly idleMs?: number;
  /** What happens when an actor of this kind fails: see {@link SupervisionOptions}. */
  readonly supervision?: SupervisionOptions;
  /** What a consistent-hash router hashes. Default: the first argument as text. */
  readonly hashKey?: (handler: string, args: readonly unknown[]) => string;
  /**
   * In a cluster, the node on which a grain begins when a message finds it nowhere. Default `"random"`. Spawned actors
   * are placed where they are spawned, or as `spawnOn` says.
   */
  readonly placement?: KindPlacement;
  /** In a cluster, only nodes with this role run actors of this kind. Default: any that was started with the kind. */
  readonly role?: string;
  /**
   * In a cluster, what becomes of an actor whose node is lost or leaves. `"eager"`: it begins on another node at once;
   * the default of spawned actors. `"lazy"`: it begins with its next message; the default of grains, and for them only.
   * `"none"`: a spawned actor ends and its name is free; a grain begins with its next message all the same.
   */
  readonly relocation?: Relocation;
}

/** How the node of a grain is chosen: each in turn, any, the less loaded of two, or the one the message came from. */
export type KindPlacement = "round-robin" | "random" | "least-load" | "local";

/** What becomes of an actor whose node is lost or leaves. */
export type Relocation = "eager" | "lazy" | "none";

/** Every {@link KindPlacement}. */
export const KIND_PLACEMENTS: readonly KindPlacement[] = ["round-robin", "random", "least-load", "local"];

/** One handler, ready to be called by its index. */
export interface HandlerEntry {
  /** Its name in the handler map. */
  readonly name: string;
  /** Whether it may interleave with a waiting handler. */
  readonly isReentrant: boolean;
  /** Whether it is an `async` function, or has returned a promise: its context is then followed through its awaits. */
  isAsync: boolean;
  /** Its body: the context, then the message. */
  readonly run: (ctx: unknown, ...args: readonly unknown[]) => unknown;
}

/** A kind the runtime can host, whatever its state. */
export interface AnyKind {
  /** What the wire and the store call it. */
  readonly name: string;
  /** The classes behind its refs. */
  readonly facades: Facades;
  /** Its own handlers, by index. */
  readonly handlers: readonly HandlerEntry[];
  /** The handlers of each behavior, by the same indexes. */
  readonly behaviors: ReadonlyMap<string, readonly HandlerEntry[]>;
  /** Whether its state is loaded and saved. */
  readonly isStored: boolean;
  /** Whether any of its handlers may interleave. */
  readonly hasReentrant: boolean;
  /** How many may at once. */
  readonly reentrantMax: number;
  /** User messages its mailboxes hold. */
  readonly mailboxMessagesMax: number;
  /** Messages its stashes hold. */
  readonly stashMessagesMax: number;
  /** Milliseconds until an idle actor is passivated, as declared. */
  readonly idleMs: number | undefined;
  /** What happens when one of its actors fails. */
  readonly supervision: Supervision;
  /** What it runs around its messages. */
  readonly hooks: Hooks;
  /** What a consistent-hash router hashes, if it said so. */
  readonly hashKey: ((handler: string, args: readonly unknown[]) => string) | undefined;
  /** Where a grain begins. */
  readonly placement: KindPlacement;
  /** The role its nodes have; empty for any. */
  readonly role: string;
  /** What becomes of its actors with their node, if it said so. */
  readonly relocation: Relocation | undefined;
  /** The first state for `init`. */
  makeState(init: unknown): unknown;
  /** The index of a handler, or `undefined`. */
  indexOf(handler: string): number | undefined;
  /** Every problem of the declaration; `start` refuses a kind that has any. */
  readonly check: OptionsCheck;
}

/** A kind, with what its refs and spawns need to be inferred. Made by {@link kind}. */
export interface Kind<P, Init = void> extends AnyKind {
  /** Carries the types only; never read. */
  readonly types?: { readonly protocol: P; init(init: Init): void };
}

/** The protocol of a kind: `RefOf<typeof Account>` is the type of its refs. */
export type ProtocolOfKind<K> = K extends Kind<infer P, infer _Init> ? P : never;

/** The hooks of a kind, as the runtime calls them. */
export interface Hooks {
  /** Before the first message of a life. */
  readonly onStart: ((ctx: unknown, reason: StartReason) => unknown) | undefined;
  /** After the last message of a life. */
  readonly onStop: ((ctx: unknown, reason: StopReason) => unknown) | undefined;
  /** On the old state, before a restart replaces it. */
  readonly onRestart: ((ctx: unknown, error: ActorError) => unknown) | undefined;
  /** When a watched actor has ended. */
  readonly onTerminated: ((ctx: unknown, ref: AnyRef, reason: StopReason) => unknown) | undefined;
}

/**
 * Declares a kind. Nothing is checked here, so that every problem of a program shows at `start` at once.
 *
 * @param name What the wire and the store call it: never derived from a class, which minifiers rename.
 *
 * @example
 * ```ts
 * const Counter = kind("counter", {
 *   state: () => ({ count: 0 }),
 *   handlers: {
 *     add(ctx, amount: number) { ctx.state.count += amount; },
 *     total(ctx): number { return ctx.state.count; },
 *   },
 * });
 * ```
 */
export function kind<State, const H extends Handlers<State>, Init = void>(
  name: string,
  spec: KindSpec<State, H, Init>,
): Kind<ProtocolOf<H>, Init> {
  const { handlers, reentrant, behaviors, supervision, ...options } = shapeOf(spec);
  const names = Object.keys(handlers);
  const base = names.map((handler) => entryOf(handler, handlers[handler], reentrant));
  const indexes = new Map(names.map((handler, index) => [handler, index]));
  return {
    name,
    facades: makeFacades(name, names),
    handlers: base,
    behaviors: behaviorsOf(behaviors, base, reentrant),
    isStored: options.store ?? false,
    hasReentrant: reentrant.size > 0,
    reentrantMax: options.reentrantMax ?? REENTRANT_HANDLERS_DEFAULT,
    mailboxMessagesMax: options.mailbox ?? MAILBOX_MESSAGES_DEFAULT,
    stashMessagesMax: options.stash ?? STASH_MESSAGES_DEFAULT,
    idleMs: options.idleMs,
    supervision: supervisionOf(supervision),
    hooks: hooksOf(options),
    hashKey: options.hashKey,
    placement: options.placement ?? "random",
    role: options.role ?? "",
    relocation: options.relocation,
    makeState: (init) => options.state?.(init as Init),
    indexOf: (handler) => indexes.get(handler),
    check: checkKind(name, spec),
  };
}

/** Milliseconds after which an idle actor of `kind` is passivated; `Infinity` means never. */
export function idleMsOf(kind: AnyKind, isGrain: boolean): number {
  return kind.idleMs ?? (isGrain ? GRAIN_IDLE_MS_DEFAULT : Infinity);
}

type Bag = Readonly<Record<string, unknown>>;

/**
 * A declaration in which all that is looked into has its form; the check lists what had another. `start` refuses a
 * kind that has problems, so what is left out here is never missed.
 */
function shapeOf<State, H extends Handlers<State>, Init>(spec: KindSpec<State, H, Init>) {
  return {
    ...spec,
    handlers: bagOf(spec?.handlers) ?? {},
    reentrant: new Set<string>(Array.isArray(spec?.reentrant) ? spec.reentrant : []),
    behaviors: bagOf(spec?.behaviors) ?? {},
    supervision: shapeOfSupervision(spec?.supervision),
  };
}

function shapeOfSupervision(options: SupervisionOptions | undefined): SupervisionOptions {
  const { on, backoff } = bagOf(options) ?? {};
  return { ...options, on: bagOf(on) as SupervisionOptions["on"], backoff: bagOf(backoff) };
}

function bagOf(value: unknown): Bag | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Bag : undefined;
}

const KEYS: readonly (keyof KindSpec<unknown, Handlers<unknown>, unknown>)[] = [
  "state",
  "handlers",
  "store",
  "reentrant",
  "reentrantMax",
  "behaviors",
  "onStart",
  "onStop",
  "onRestart",
  "onTerminated",
  "mailbox",
  "stash",
  "idleMs",
  "supervision",
  "hashKey",
  "placement",
  "role",
  "relocation",
];

function checkKind(name: string, raw: object): OptionsCheck {
  const check = new OptionsCheck();
  const at = `kind ${JSON.stringify(name)}`;
  if (!isName(name)) check.problem(`${at}.name`, name, "letters, digits, `-`, `_`, `.`; at most 255");
  const spec = bagOf(raw) ?? {};
  if (spec === raw) check.unknownKeys(at, spec, KEYS);
  check.function(`${at}.state`, spec.state, { optional: true });
  checkHandlers(check, at, spec);
  check.boolean(`${at}.store`, spec.store, { optional: true });
  check.wholeNumber(`${at}.reentrantMax`, spec.reentrantMax, { min: 1, max: 4096, optional: true });
  check.wholeNumber(`${at}.mailbox`, spec.mailbox, { min: 1, max: MAILBOX_MESSAGES_MAX, optional: true });
  check.wholeNumber(`${at}.stash`, spec.stash, { min: 0, max: MAILBOX_MESSAGES_MAX, optional: true });
  if (spec.idleMs !== Infinity) {
    check.number(`${at}.idleMs`, spec.idleMs, { min: 1, max: WAIT_MS_MAX, optional: true });
  }
  for (const hook of ["onStart", "onStop", "onRestart", "onTerminated", "hashKey"] as const) {
    check.function(`${at}.${hook}`, spec[hook], { optional: true });
  }
  checkSupervision(check, `${at}.supervision`, spec.supervision);
  check.oneOf(`${at}.placement`, spec.placement, KIND_PLACEMENTS, { optional: true });
  check.oneOf(`${at}.relocation`, spec.relocation, ["eager", "lazy", "none"], { optional: true });
  if (spec.role !== undefined && !isName(spec.role)) {
    check.problem(`${at}.role`, spec.role, "a name like that of a kind");
  }
  return check;
}

function checkHandlers(check: OptionsCheck, at: string, spec: Bag): void {
  const handlers = bagOf(spec.handlers);
  if (handlers === undefined) return check.problem(`${at}.handlers`, spec.handlers, "an object of functions");
  const names = Object.keys(handlers);
  if (names.length > HANDLERS_MAX) check.problem(`${at}.handlers`, names.length, `at most ${HANDLERS_MAX} handlers`);
  for (const handler of names) {
    if (!isHandlerName(handler)) {
      check.problem(`${at}.handlers`, handler, "a letter, then letters, digits, `_`; not `then` or a built-in name");
    }
    check.function(`${at}.handlers.${handler}`, handlers[handler], {});
  }
  checkReentrant(check, `${at}.reentrant`, spec.reentrant, handlers);
  checkBehaviors(check, `${at}.behaviors`, spec.behaviors, handlers);
}

function checkReentrant(check: OptionsCheck, at: string, reentrant: unknown, handlers: Bag): void {
  if (reentrant === undefined) return;
  if (!Array.isArray(reentrant)) return check.problem(at, reentrant, "a list of names of handlers");
  for (const handler of reentrant) {
    if (!hasHandler(handlers, handler)) check.problem(at, handler, "the name of a handler");
  }
}

function checkBehaviors(check: OptionsCheck, at: string, behaviors: unknown, handlers: Bag): void {
  if (behaviors === undefined) return;
  const named = bagOf(behaviors);
  if (named === undefined) return check.problem(at, behaviors, "an object of behaviors");
  for (const [behavior, overrides] of Object.entries(named)) {
    const bodies = bagOf(overrides);
    if (bodies === undefined) check.problem(`${at}.${behavior}`, overrides, "an object of functions");
    for (const [handler, body] of Object.entries(bodies ?? {})) {
      if (!hasHandler(handlers, handler)) check.problem(`${at}.${behavior}`, handler, "the name of a handler");
      else check.function(`${at}.${behavior}.${handler}`, body, {});
    }
  }
}

function hasHandler(handlers: Bag, name: unknown): boolean {
  return typeof name === "string" && Object.hasOwn(handlers, name);
}

function behaviorsOf(
  behaviors: Bag,
  base: readonly HandlerEntry[],
  reentrant: ReadonlySet<string>,
): ReadonlyMap<string, readonly HandlerEntry[]> {
  return new Map(
    Object.entries(behaviors).map(([name, behavior]) => {
      const bodies = new Map(Object.entries(bagOf(behavior) ?? {}));
      return [
        name,
        base.map((entry) => bodies.has(entry.name) ? entryOf(entry.name, bodies.get(entry.name), reentrant) : entry),
      ];
    }),
  );
}

function entryOf(name: string, body: unknown, reentrant: ReadonlySet<string>): HandlerEntry {
  const run = body as HandlerEntry["run"];
  return { name, run, isReentrant: reentrant.has(name), isAsync: isAsyncFunction(body) };
}

function isAsyncFunction(body: unknown): boolean {
  return Object.prototype.toString.call(body) === "[object AsyncFunction]";
}

function hooksOf(spec: { readonly [Hook in keyof Hooks]?: unknown }): Hooks {
  return {
    onStart: spec.onStart as Hooks["onStart"],
    onStop: spec.onStop as Hooks["onStop"],
    onRestart: spec.onRestart as Hooks["onRestart"],
    onTerminated: spec.onTerminated as Hooks["onTerminated"],
  };
}
