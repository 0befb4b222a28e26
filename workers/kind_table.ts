/**
 * The kinds of a system, by name and by the index that stands for them on a ring: all threads evaluate the
 * same list, so an index means the same everywhere in a process. Immutable.
 *
 * @module
 */
import { ActorError } from "../core/failure.ts";
import type { AnyKind } from "../core/kind.ts";

/** The registered kinds. */
export class KindTable {
  readonly #kinds: readonly AnyKind[];
  readonly #indexes: ReadonlyMap<string, number>;

  constructor(kinds: readonly AnyKind[]) {
    this.#kinds = kinds;
    this.#indexes = new Map(kinds.map((kind, index) => [kind.name, index]));
  }

  /** All kinds, in the order of their indexes. */
  get all(): readonly AnyKind[] {
    return this.#kinds;
  }

  /** The kind at `index`, or `undefined`. */
  at(index: number): AnyKind | undefined {
    return this.#kinds[index];
  }

  /** The kind of this name, or `undefined`. */
  named(name: string): AnyKind | undefined {
    const index = this.#indexes.get(name);
    return index === undefined ? undefined : this.#kinds[index];
  }

  /** The index of `kind`. Throws `kind-unknown` when `start` was not given this very kind. */
  indexOf(kind: AnyKind): number {
    const index = this.#indexes.get(kind.name);
    if (index !== undefined && this.#kinds[index] === kind) return index;
    throw new ActorError("kind-unknown", `Cannot use kind ${kind.name}: it is not among the kinds given to start`, {
      details: { kind: kind.name },
    });
  }
}
