/**
 * The refs of one thread: makes them, and turns them into data and back. Which thread runs an actor is a
 * pure function of its key, computed once when its ref is made. Touches nothing; one per thread.
 *
 * @module
 */
import { Cell } from "../core/cell.ts";
import { partitionOfKey, threadOf } from "../core/hash.ts";
import type { ActorKey, ThreadIndex } from "../core/ids.ts";
import type { AnyKind } from "../core/kind.ts";
import { actorKey, isKey } from "../core/names.ts";
import type { Random } from "../core/random.ts";
import { ActorRef, type Courier, type RefPlace, type Target } from "../core/ref.ts";
import type { RefCodec, RefData } from "../core/ref_data.ts";
import { routeeNames, RouterPool, type RouterSpec, routerSpecOf } from "../core/router_pool.ts";
import type { KindTable } from "./kind_table.ts";
import { RefTarget } from "./ref_target.ts";
import { RouterCourier } from "./router_courier.ts";

/** What {@link Refs} is given. */
export interface RefsOptions {
  readonly courier: Courier;
  readonly thread: ThreadIndex;
  readonly workers: number;
  readonly partitionCount: number;
  readonly kinds: KindTable;
  readonly random: Random;
  /** Whether a cluster says where actors live: then every message begins its way on this thread. */
  readonly isClustered: boolean;
}

/** Makes the refs of one thread. */
export class Refs implements RefCodec {
  readonly #options: RefsOptions;

  constructor(options: RefsOptions) {
    this.#options = options;
  }

  /** A ref to `target`; a sender that came from a ring is given its thread now. */
  refTo(target: Target): ActorRef {
    // In a cluster a ref never goes straight to a cell it was made from: what its sender sent by other refs comes first.
    const known = target instanceof Cell && !this.#options.isClustered ? target : undefined;
    if (target instanceof Cell) return new ActorRef(this.#target(target.kind, target.key, known));
    return new ActorRef(target.thread >= 0 ? target : this.#target(target.kind, target.key, undefined));
  }

  /** A ref by kind and key, with the place where a lookup found it. Throws `kind-unknown`. */
  refByKey(kind: AnyKind, key: ActorKey, place?: RefPlace): ActorRef {
    this.#options.kinds.indexOf(kind);
    const router = key.includes("~") ? routerSpecOf(key) : undefined;
    const target = router === undefined ? this.#target(kind, key, undefined) : this.#routerTarget(kind, key, router);
    return new ActorRef(target, undefined, place);
  }

  dataOf(value: object): RefData | undefined {
    const target = ActorRef.targetOf(value);
    return target === undefined ? undefined : { kind: target.kind.name, key: target.key };
  }

  refOf({ kind, key }: RefData): ActorRef | undefined {
    const known = this.#options.kinds.named(kind);
    if (known === undefined || !(isKey(key) || routerSpecOf(key) !== undefined)) return undefined;
    return this.refByKey(known, key);
  }

  #target(kind: AnyKind, key: ActorKey, cell: Cell | undefined): Target {
    return new RefTarget(this.#options.courier, kind, key, cell?.thread ?? this.#threadOf(key), cell);
  }

  #threadOf(key: ActorKey): ThreadIndex {
    const { thread, workers, partitionCount, isClustered } = this.#options;
    return isClustered ? thread : threadOf(partitionOfKey(key, partitionCount), workers);
  }

  #routerTarget(kind: AnyKind, key: ActorKey, router: RouterSpec): Target {
    const { courier, random, thread } = this.#options;
    const routees = routeeNames(router).map((name) => this.#target(kind, actorKey(name), undefined));
    return new RouterCourier(courier, new RouterPool(kind, router, routees, random)).target(kind, key, thread);
  }
}
