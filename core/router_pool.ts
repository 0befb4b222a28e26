/**
 * Routers: one ref for a pool of actors. There is no actor in between: whoever holds the ref chooses, so a
 * message goes straight to its routee. A router's key says all there is to know (`name~strategy~size`), so
 * the ref travels like any other and chooses the same way on every thread. Pure.
 *
 * @module
 */
import { ConsistentHashRing } from "./consistent_hash.ts";
import { ActorError } from "./failure.ts";
import type { ActorKey } from "./ids.ts";
import type { AnyKind } from "./kind.ts";
import { actorKey } from "./names.ts";
import { below, type Random } from "./random.ts";
import type { Target } from "./ref.ts";

/**
 * - `round-robin`: each holder of the ref takes the routees in turn.
 * - `random`: any.
 * - `broadcast`: all of them; for tells.
 * - `consistent-hash`: the same routee for the same hash key (the kind's `hashKey`, or the first argument as text).
 */
export type RouterStrategy = "round-robin" | "random" | "broadcast" | "consistent-hash";

/** All strategies. */
export const ROUTER_STRATEGIES: readonly RouterStrategy[] = ["round-robin", "random", "broadcast", "consistent-hash"];
/** Routees of one router. At the limit: `invalid-options`. */
export const ROUTEES_MAX = 1024;

const ROUTER_KEY = /^([a-zA-Z0-9][a-zA-Z0-9_.-]*)~([a-z-]+)~([1-9][0-9]{0,3})$/;

/** What a router's key says. */
export interface RouterSpec {
  readonly name: string;
  readonly strategy: RouterStrategy;
  readonly size: number;
}

/** The key of a router. Throws `invalid-name`. */
export function routerKey({ name, strategy, size }: RouterSpec): ActorKey {
  return `${actorKey(name)}~${strategy}~${size}` as ActorKey;
}

/** What `key` says if it is a router's. */
export function routerSpecOf(key: string): RouterSpec | undefined {
  const [, name, strategyText, sizeText] = ROUTER_KEY.exec(key) ?? [];
  const strategy = ROUTER_STRATEGIES.find((known) => known === strategyText);
  const size = Number(sizeText);
  if (name === undefined || strategy === undefined || !(size <= ROUTEES_MAX)) return undefined;
  return { name, strategy, size };
}

/** The names of a router's routees: `name-0`, `name-1`, … */
export function routeeNames({ name, size }: RouterSpec): readonly string[] {
  return Array.from({ length: size }, (_, index) => `${name}-${index}`);
}

/** Chooses routees for one ref. Mutable: round-robin remembers whose turn it is. */
export class RouterPool {
  readonly #kind: AnyKind;
  readonly #strategy: RouterStrategy;
  readonly #routees: readonly Target[];
  readonly #random: Random;
  readonly #ring: ConsistentHashRing | undefined;
  readonly #byName: ReadonlyMap<string, Target>;
  #turn = 0;

  /** `routees` in the order of {@link routeeNames}. */
  constructor(kind: AnyKind, spec: RouterSpec, routees: readonly Target[], random: Random) {
    const names = routeeNames(spec);
    this.#kind = kind;
    this.#strategy = spec.strategy;
    this.#routees = routees;
    this.#random = random;
    this.#ring = spec.strategy === "consistent-hash" ? new ConsistentHashRing(names) : undefined;
    this.#byName = new Map(routees.map((routee, index) => [names[index] ?? "", routee]));
  }

  /** The routees of one tell: one, or all when broadcasting. */
  forTell(handler: number, args: readonly unknown[]): readonly Target[] {
    return this.#strategy === "broadcast" ? this.#routees : [this.#one(handler, args)];
  }

  /** The routee of one ask. Throws `not-supported` when broadcasting: one ask has one reply. */
  forAsk(handler: number, args: readonly unknown[]): Target {
    if (this.#strategy !== "broadcast") return this.#one(handler, args);
    throw new ActorError(
      "not-supported",
      "Cannot ask a broadcast router: an ask has one reply; tell it, or ask its routees",
    );
  }

  #one(handler: number, args: readonly unknown[]): Target {
    const routee = this.#choose(handler, args);
    if (routee !== undefined) return routee;
    throw new ActorError("actor-not-found", "Cannot route: the router has no routees");
  }

  #choose(handler: number, args: readonly unknown[]): Target | undefined {
    const count = this.#routees.length;
    switch (this.#strategy) {
      case "round-robin":
        this.#turn = (this.#turn + 1) % count;
        return this.#routees[this.#turn];
      case "random":
      case "broadcast":
        return this.#routees[below(this.#random, count)];
      case "consistent-hash":
        return this.#byName.get(this.#ring?.ownerOf(this.#hashKey(handler, args)) ?? "");
      default:
        return this.#strategy satisfies never;
    }
  }

  #hashKey(handler: number, args: readonly unknown[]): string {
    const { hashKey, handlers } = this.#kind;
    return hashKey === undefined ? String(args[0]) : hashKey(handlers[handler]?.name ?? "", args);
  }
}
