/**
 * The courier of router refs: chooses a routee of the pool and sends through the thread's own courier.
 *
 * @module
 */
import type { ActorError } from "../core/failure.ts";
import type { ActorKey } from "../core/ids.ts";
import type { AnyKind } from "../core/kind.ts";
import type { Courier, Target, WaitOptions } from "../core/ref.ts";
import type { RouterPool } from "../core/router_pool.ts";
import { RefTarget } from "./ref_target.ts";
import type { ThreadIndex } from "../core/ids.ts";

/** Sends for one router ref. */
export class RouterCourier implements Courier {
  readonly #courier: Courier;
  readonly #pool: RouterPool;

  constructor(courier: Courier, pool: RouterPool) {
    this.#courier = courier;
    this.#pool = pool;
  }

  /** The target a router ref of this courier points at. */
  target(kind: AnyKind, key: ActorKey, thread: ThreadIndex): Target {
    return new RefTarget(this, kind, key, thread, undefined);
  }

  /** `true` when every chosen routee's queue took the message. */
  tell(_target: Target, handler: number, args: readonly unknown[], trace?: string): boolean {
    let isTaken = true;
    for (const routee of this.#pool.forTell(handler, args)) {
      if (!this.#courier.tell(routee, handler, args, trace)) isTaken = false;
    }
    return isTaken;
  }

  ask(_target: Target, handler: number, args: readonly unknown[], wait: WaitOptions | undefined): Promise<unknown> {
    return new Promise((resolve) => resolve(this.#courier.ask(this.#pool.forAsk(handler, args), handler, args, wait)));
  }

  settleAll(asks: readonly Promise<unknown>[]): Promise<PromiseSettledResult<unknown>[]> {
    return this.#courier.settleAll(asks);
  }

  rejected(error: ActorError): Promise<never> {
    return this.#courier.rejected(error);
  }

  addressOf(target: Target): string {
    return this.#courier.addressOf(target);
  }
}
