/**
 * Things that cannot be copied, e.g. a database handle: named here, made once in every thread that runs
 * actors, and used by name. Pure: making and disposing is the thread's.
 *
 * @module
 */

/** A name for a thing of type `T` that every thread has its own of. */
export interface Resource<T> {
  /** What it is used by. */
  readonly name: string;
  /** How to make it: goes into the `resources` of `start`. */
  provide(make: () => T | Promise<T>, dispose?: (thing: T) => void | Promise<void>): ProvidedResource;
}

/** A resource with its maker. */
export interface ProvidedResource {
  /** What it is used by. */
  readonly name: string;
  /** Makes the thing; may wait. A rejection fails `start`. */
  readonly make: () => unknown;
  /** Lets go of it when its thread ends. */
  readonly dispose: (thing: unknown) => unknown;
}

/**
 * Names a resource.
 *
 * @example
 * ```ts
 * const Ledger = resource<DatabaseSync>("ledger");
 * await ActorSystem.start({ resources: [Ledger.provide(() => new DatabaseSync("ledger.db"), (db) => db.close())], … });
 * // in a handler:
 * ctx.use(Ledger).exec("…");
 * ```
 */
export function resource<T>(name: string): Resource<T> {
  return {
    name,
    provide: (make, dispose) => ({
      name,
      make,
      dispose: (thing) => dispose === undefined ? disposeByItself(thing) : dispose(thing as T),
    }),
  };
}

function disposeByItself(thing: unknown): unknown {
  if (typeof thing !== "object" || thing === null) return undefined;
  const disposable: { readonly [Symbol.asyncDispose]?: unknown; readonly [Symbol.dispose]?: unknown } = thing;
  const dispose = disposable[Symbol.asyncDispose] ?? disposable[Symbol.dispose];
  return typeof dispose === "function" ? dispose.call(thing) : undefined;
}
