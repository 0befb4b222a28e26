/**
 * What a ref is when it travels: the kind's name and the actor's key. Everything else (route, cached
 * cell) is the receiving thread's own. Pure.
 *
 * @module
 */
import type { ActorKey } from "./ids.ts";

/** A ref as data. */
export interface RefData {
  /** The kind's name. */
  readonly kind: string;
  /** The actor's key. */
  readonly key: ActorKey;
}

/** How the codec recognises refs and makes them again; each thread has its own. */
export interface RefCodec {
  /** The data of `value` if it is a ref, else `undefined`. */
  dataOf(value: object): RefData | undefined;
  /** The ref that `data` names; `undefined` when there is no such kind here. */
  refOf(data: RefData): object | undefined;
}
