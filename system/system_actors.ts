/**
 * What a system does with its actors by their names: the one thing that is different with a cluster and without. Types.
 *
 * One idea: a place says on which node an actor was found; without a cluster there is nothing to say. Whoever asks makes
 * refs of keys and places, and needs no other difference.
 *
 * @module
 */
import type { ActorKey, NodeId } from "../core/ids.ts";
import type { AnyKind } from "../core/kind.ts";
import type { RefPlace, WaitOptions } from "../core/ref.ts";
import type { ListedActor } from "./actor_pages.ts";
import type { SpawnOnOptions, SpawnOptions } from "./spawn_options.ts";

/** Options of stopping one actor. */
export interface StopActorOptions extends Pick<WaitOptions, "timeoutMs"> {
  /**
   * Let it take first what its mailbox holds. Default `false`: what is queued becomes dead letters, or, of a grain,
   * is taken by its next activation.
   */
  readonly drain?: boolean;
}

/** Where an actor is; `undefined` without a cluster. */
export type ActorPlace = RefPlace | undefined;

/** The actors of a system. All reject as the method of the system does that asks. */
export interface SystemActors {
  /** Begins actors on this node, all from one `init`: their places, in the order of the keys. */
  spawn(
    keys: readonly ActorKey[],
    kind: AnyKind,
    options: Partial<SpawnOptions<unknown>>,
  ): Promise<readonly ActorPlace[]>;
  /** Begins one on a node that the options choose. */
  spawnOn(key: ActorKey, kind: AnyKind, options: Partial<SpawnOnOptions<unknown>>): Promise<ActorPlace>;
  /** Begins the one of its name unless it runs. */
  singleton(
    key: ActorKey,
    kind: AnyKind,
    options: Pick<Partial<SpawnOnOptions<unknown>>, "init" | "timeoutMs" | "role">,
  ): Promise<ActorPlace>;
  /** Who has a name; `undefined` when nobody has. */
  find(
    key: ActorKey,
    wait: WaitOptions | undefined,
  ): Promise<{ readonly kind: string; readonly place: ActorPlace } | undefined>;
  /** Ends one; whether there was one. */
  stop(key: ActorKey, options: StopActorOptions): Promise<boolean>;
  /** All that run, or those of one node. */
  list(node: NodeId | undefined): AsyncIterable<ListedActor & { readonly place: ActorPlace }>;
}
