/**
 * What a spawn may be told, alone and in a cluster, and what becomes of it. Pure.
 *
 * @module
 */
import type { NodeInfo } from "../core/events.ts";
import type { ActorKey, NodeId } from "../core/ids.ts";
import type { AnyKind, KindPlacement } from "../core/kind.ts";
import { SPAWN_TIMEOUT_MS_DEFAULT } from "../core/limits.ts";
import type { Placement } from "../cluster/placement.ts";
import { infoOf } from "./cluster_facts.ts";
import type { PlacedSpawn } from "./cluster_member.ts";

/** Options of one spawn. */
export interface SpawnOptions<Init> {
  /** What the kind's `state` is made from. Must be able to travel. */
  readonly init: Init;
  /** Milliseconds to wait until it runs, `1` to a day; default 5,000. */
  readonly timeoutMs?: number;
}

/** Options of a spawn whose node is chosen. */
export interface SpawnOnOptions<Init> extends SpawnOptions<Init> {
  /**
   * How the node is chosen among those with the kind and the role: each in turn (the default), any, the less loaded of
   * two, this one, or whichever a function of yours says; it is given the candidates and answers with the id of one.
   */
  readonly placement?: KindPlacement | ((candidates: readonly NodeInfo[]) => NodeId | undefined);
  /** Only nodes with this role. Default: the kind's own role, or any. */
  readonly role?: string;
  /**
   * Makes a spawn that is repeated with the same key succeed where the first one did, though its answer was lost: after
   * `partition-unavailable` or `ask-timeout` of fate `unknown`.
   */
  readonly idempotencyKey?: string;
}

/** `init` is needed when the kind's `state` takes something; `undefined` is asked of the whole type, so that a union stays one. */
export type SpawnArguments<Init> = undefined extends Init ? [options?: Partial<SpawnOptions<Init>>]
  : [options: SpawnOptions<Init>];

/** As {@link SpawnArguments}, where the node is chosen. */
export type SpawnOnArguments<Init> = undefined extends Init ? [options?: Partial<SpawnOnOptions<Init>>]
  : [options: SpawnOnOptions<Init>];

/** As {@link SpawnArguments}, with the role its nodes must have; by default that of the kind, or none. */
export type SingletonArguments<Init> = undefined extends Init
  ? [options?: Partial<SpawnOptions<Init>> & { readonly role?: string }]
  : [options: SpawnOptions<Init> & { readonly role?: string }];

/** A spawn as the cluster is asked for it. */
export function placedSpawn(
  key: ActorKey,
  kind: AnyKind,
  init: unknown,
  timeoutMs: number | undefined,
  placement: Placement,
  role: string,
  idempotencyKey: string,
): PlacedSpawn {
  const relocation = kind.relocation === "none" ? "none" : "eager";
  const waitMs = timeoutMs ?? SPAWN_TIMEOUT_MS_DEFAULT;
  return { key, kind, init, placement, role, relocation, idempotencyKey, timeoutMs: waitMs };
}

/** A placement as the cluster has it. */
export function placementOf(placement: NonNullable<SpawnOnOptions<unknown>["placement"]>): Placement {
  if (typeof placement !== "function") return { kind: placement };
  return { kind: "function", choose: (candidates) => placement(candidates.map(infoOf)) };
}
