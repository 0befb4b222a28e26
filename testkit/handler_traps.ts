/**
 * Catches handlers that reach past their context for time, chance or the outside, while a simulation runs. Changes
 * globals, and puts them back.
 *
 * One idea: what a handler takes from anywhere but its context makes a run that nobody can repeat. So it fails there,
 * with the name of what to use instead. Code that is no handler, the test runner's first of all, notices nothing.
 *
 * Not caught: what was imported from `node:` modules, because nobody can change those from outside.
 *
 * @module
 */
import { ActorError } from "../core/failure.ts";

/** Says which handler runs now, as `key.handler`; `undefined` when none does. */
export type CurrentHandler = () => string | undefined;

/** A trap that went off. */
export interface TrapReport {
  /** What was used. */
  readonly name: string;
  /** Where, as `key.handler`. */
  readonly handler: string;
}

const INSTEAD: Readonly<Record<string, string>> = {
  "Date.now": "ctx.now()",
  "new Date": "new Date(ctx.now())",
  "performance.now": "ctx.now()",
  "Math.random": "ctx.random()",
  "crypto.randomUUID": "ctx.random()",
  "crypto.getRandomValues": "ctx.random()",
  "setTimeout": "ctx.sleep(…) or ctx.timers.once(…)",
  "setInterval": "ctx.timers.every(…)",
  "setImmediate": "ctx.sleep(0)",
  "AbortSignal.timeout": "ctx.signal or ctx.sleep(…)",
  "Temporal.Now": "ctx.now()",
  "fetch": "a resource, by ctx.use(…)",
  "WebSocket": "a resource, by ctx.use(…)",
};

/** Who wants to hear of traps, each with its own handlers. */
const hunters = new Set<{ readonly current: CurrentHandler; readonly report: (trap: TrapReport) => void }>();
let takeAway: (() => void) | undefined;

/** Sets the traps; the function that takes them away again. They are gone when everybody has taken theirs away. */
export function setTraps(current: CurrentHandler, report: (trap: TrapReport) => void): () => void {
  const hunter = { current, report };
  hunters.add(hunter);
  takeAway ??= placeAll();
  return () => {
    hunters.delete(hunter);
    if (hunters.size > 0) return;
    takeAway?.();
    takeAway = undefined;
  };
}

function check(name: string): void {
  for (const { current, report } of hunters) {
    const handler = current();
    if (handler === undefined) continue;
    report({ name, handler });
    throw trapError({ name, handler });
  }
}

function placeAll(): () => void {
  const undo: (() => void)[] = [];
  for (const [object, method, name] of places()) {
    const original: unknown = Reflect.get(object, method);
    if (typeof original !== "function") continue;
    const guarded = new Proxy(original, {
      apply: (target, self, args) => {
        check(name);
        return Reflect.apply(target, self, args);
      },
      construct: (target, args, newTarget) => {
        check(name);
        return Reflect.construct(target, args, newTarget);
      },
    });
    undo.push(replaced(object, method, guarded));
  }
  undo.push(replaced(globalThis, "Date", guardedDate()));
  return () => undo.reverse().forEach((put) => put());
}

/** What a handler is told, and a run fails with. */
export function trapError({ name, handler }: TrapReport): ActorError {
  return new ActorError(
    "not-supported",
    `Cannot use ${name} in ${handler}: no run could be repeated. Use ${INSTEAD[name] ?? "the context"} instead`,
    { details: { used: name, handler } },
  );
}

function places(): readonly (readonly [object: object, method: string, name: string])[] {
  const globals = ["setTimeout", "setInterval", "setImmediate", "fetch", "WebSocket"]
    .map((name) => [globalThis, name, name] as const);
  return [
    ...globals,
    [Math, "random", "Math.random"],
    [globalThis.performance, "now", "performance.now"],
    [AbortSignal, "timeout", "AbortSignal.timeout"],
    ...temporalPlaces(),
    [globalThis.crypto, "randomUUID", "crypto.randomUUID"],
    [globalThis.crypto, "getRandomValues", "crypto.getRandomValues"],
  ];
}

/** Nothing, where the runtime does not know it yet. */
function temporalPlaces(): readonly (readonly [object: object, method: string, name: string])[] {
  const now = inside(inside(globalThis, "Temporal"), "Now");
  return Object.getOwnPropertyNames(now).map((method) => [now, method, "Temporal.Now"]);
}

function inside(object: object, key: string): object {
  const value: unknown = Reflect.get(object, key);
  return typeof value === "object" && value !== null ? value : {};
}

/** `Date` with arguments is arithmetic; without, and `Date.now`, it is a clock. */
function guardedDate(): DateConstructor {
  return new Proxy(Date, {
    get: (target, key, receiver) => {
      if (key !== "now") return Reflect.get(target, key, receiver);
      return () => {
        check("Date.now");
        return target.now();
      };
    },
    construct: (target, args, newTarget) => {
      if (args.length === 0) check("new Date");
      return Reflect.construct(target, args, newTarget);
    },
    apply: (target) => {
      check("new Date");
      return target();
    },
  });
}

function replaced(object: object, method: string, value: unknown): () => void {
  const before = Object.getOwnPropertyDescriptor(object, method);
  Object.defineProperty(object, method, { value, configurable: true, writable: true, enumerable: before?.enumerable });
  return () => {
    if (before === undefined) Reflect.deleteProperty(object, method);
    else Object.defineProperty(object, method, before);
  };
}
