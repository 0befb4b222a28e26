/**
 * Identities that are not interchangeable with the strings and numbers they are made of. Pure.
 *
 * @module
 */

/** A `Base` that only its own constructor makes: three numbers in a row no longer compile in any order. */
export type Brand<Base, Name extends string> = Base & { readonly "~brand": Name };

/** Index of a thread of this node: `0` is the main thread, `1..workers` are the workers. */
export type ThreadIndex = Brand<number, "ThreadIndex">;

/** Index of a partition, `0 <= index < partitionCount`. */
export type Partition = Brand<number, "Partition">;

/** What the registry and the threads call an actor: `name`, `parent/child`, or `kind:name` for a grain. */
export type ActorKey = Brand<string, "ActorKey">;

/** A point on the monotonic clock of this process, in milliseconds. All threads of a process share it. */
export type Instant = Brand<number, "Instant">;

/** Makes an {@link Instant} from milliseconds of the process clock. */
export function instant(ms: number): Instant {
  return ms as Instant;
}

/** The instant `ms` milliseconds after `from`. */
export function after(from: Instant, ms: number): Instant {
  return (from + ms) as Instant;
}

/** One life of one node: chosen at random when the process starts. A restart, or a rejoin after removal, is another one. */
export type NodeId = Brand<string, "NodeId">;

/** Number of a view of the cluster: each committed view adds one. Whole, from `1`; `0` is before the first. */
export type Epoch = Brand<number, "Epoch">;

/** Makes a {@link NodeId} from the text that names it. */
export function nodeId(text: string): NodeId {
  return text as NodeId;
}

/** Makes an {@link Epoch} from its number. */
export function epoch(number: number): Epoch {
  return number as Epoch;
}
