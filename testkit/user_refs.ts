/**
 * The refs a test holds: they send from one host of the world, from whichever process runs there, and the world goes on
 * while somebody waits for an answer. Immutable.
 *
 * @module
 */
import { ActorError } from "../core/failure.ts";
import type { ActorKey, ThreadIndex } from "../core/ids.ts";
import type { AnyKind } from "../core/kind.ts";
import { ActorRef, type Courier, type Target, type WaitOptions } from "../core/ref.ts";
import { RefTarget } from "../workers/ref_target.ts";
import { nodeLost } from "./actor_node.ts";
import type { PartitionHost } from "../workers/partition_host.ts";

/** What a ref needs of its world. */
export interface RefWorld {
  /** The actors of a host, while a process runs there. */
  actorsOf(host: number): PartitionHost | undefined;
  /**
   * Resolves as the promise does, with the world going on; fails with `lost` when the process of the host ends. `what` is
   * waited for, in words.
   */
  waitAt<T>(host: number, promise: Promise<T>, what: string, lost: ActorError, withinMs: number): Promise<T>;
  /** Fails with `error`: nobody is there to wait for `what`. */
  refused(host: number, what: string, error: ActorError): Promise<never>;
  /** Resolves when the cluster has come together; `undefined` when it has. */
  whenReady(): Promise<void> | undefined;
}

/** Sends what a test sends from one host. */
export class UserCourier implements Courier {
  readonly #world: RefWorld;
  readonly #host: number;
  readonly #askTimeoutMs: number;

  constructor(world: RefWorld, host: number, askTimeoutMs: number) {
    this.#world = world;
    this.#host = host;
    this.#askTimeoutMs = askTimeoutMs;
  }

  /** A ref by kind and key. */
  ref<P>(kind: AnyKind, key: ActorKey): ActorRef<P> {
    return new ActorRef<P>(new RefTarget(this, kind, key, MAIN, undefined));
  }

  tell(target: Target, handler: number, args: readonly unknown[], trace?: string): boolean {
    const actors = this.#world.actorsOf(this.#host);
    return actors?.courier.tell(inner(actors, target), handler, args, trace) ?? false;
  }

  ask(target: Target, handler: number, args: readonly unknown[], wait: WaitOptions | undefined): Promise<unknown> {
    const ready = this.#world.whenReady();
    if (ready === undefined) return this.#ask(target, handler, args, wait);
    return ready.then(() => this.#ask(target, handler, args, wait));
  }

  #ask(target: Target, handler: number, args: readonly unknown[], wait: WaitOptions | undefined): Promise<unknown> {
    const actors = this.#world.actorsOf(this.#host);
    const name = target.kind.handlers[handler]?.name ?? "?";
    const what = `ask of ${target.key} ${name}`;
    if (actors === undefined) return this.#world.refused(this.#host, what, this.#down());
    const answer = actors.courier.ask(inner(actors, target), handler, args, wait);
    const lost = nodeLost(`${target.key}.${name}`);
    return this.#world.waitAt(this.#host, answer, what, lost, (wait?.timeoutMs ?? this.#askTimeoutMs) + LATE_MS);
  }

  settleAll(asks: readonly Promise<unknown>[]): Promise<PromiseSettledResult<unknown>[]> {
    return Promise.allSettled(asks);
  }

  rejected(error: ActorError): Promise<never> {
    return Promise.reject(error);
  }

  addressOf(target: Target): string {
    return `troupe://simulation/${target.key}`;
  }

  #down(): ActorError {
    return new ActorError("node-lost", `Cannot send from node ${this.#host}: it is down`, { fate: "not-delivered" });
  }
}

/** Milliseconds after its time at which an ask ends, though its node stands still and does not say so. */
const LATE_MS = 100;
const MAIN = 0 as ThreadIndex;

function inner(actors: PartitionHost, { kind, key }: Target): Target {
  return new RefTarget(actors.courier, kind, key, MAIN, undefined);
}
