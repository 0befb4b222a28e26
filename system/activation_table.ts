/**
 * Activations by key and token. Pure; mutable, for one owner.
 *
 * One idea: of a key there is one activation, and another only while an older one ends. So the newest of each key is found
 * by the key alone, which every message has at hand; a name made of key and token would have to be put together and
 * hashed for each of them.
 *
 * Invariant: what was set last for a key and a token is what is found, until it is deleted.
 *
 * @module
 */
import { isSameVersion, type Version } from "../cluster/engine.ts";

/** What an entry must say of itself. */
export interface OfActivation {
  readonly key: string;
  readonly token: Version;
}

/** A table of `T`, in no particular order. */
export class ActivationTable<T extends OfActivation> {
  readonly #newest = new Map<string, T>();
  /** Those that are not the newest of their keys. */
  readonly #older = new Map<string, T>();

  /** The one of this key and token. */
  get(key: string, token: Version): T | undefined {
    const newest = this.#newest.get(key);
    if (newest !== undefined && isSameVersion(newest.token, token)) return newest;
    return this.#older.size === 0 ? undefined : this.#older.get(activationName(key, token));
  }

  /** Puts it in, in the place of another of its key and token. */
  set(value: T): void {
    const { key, token } = value;
    const before = this.#newest.get(key);
    this.#older.delete(activationName(key, token));
    if (before !== undefined && !isSameVersion(before.token, token)) {
      this.#older.set(activationName(key, before.token), before);
    }
    this.#newest.set(key, value);
  }

  /** Takes it out; whether it was there. */
  delete(key: string, token: Version): boolean {
    const newest = this.#newest.get(key);
    if (newest !== undefined && isSameVersion(newest.token, token)) return this.#newest.delete(key);
    return this.#older.delete(activationName(key, token));
  }

  /** Takes all out. */
  clear(): void {
    this.#newest.clear();
    this.#older.clear();
  }

  /** All of them, as they are now. */
  values(): T[] {
    return [...this.#newest.values(), ...this.#older.values()];
  }
}

/** A key and a token as one text. */
export function activationName(key: string, { cfg, seq }: Version): string {
  return `${key} ${cfg}.${seq}`;
}
