/**
 * The store's number for the cluster a node is in: how the tokens of this cluster compare with those of earlier ones.
 * On the main thread, over whatever asks the store.
 *
 * One idea: a store that cannot say is asked again, for as long as it takes. Without the number nothing may begin here,
 * so there is nothing better to do.
 *
 * Invariant: an answer counts for the identity that asked, or for nobody.
 *
 * @module
 */
import { clearTimeout, setTimeout } from "node:timers";
import { toActorError } from "../core/failure.ts";
import type { Log } from "../core/ports.ts";

/** Milliseconds until a store that could not say is asked again: twice as long each time, up to a limit. */
const AGAIN_MS = 100;
const AGAIN_MS_MAX = 5_000;

/** What {@link StoreGeneration} is given. */
export interface StoreGenerationOptions {
  /** The store's number for a cluster. */
  readonly ask: (clusterId: string) => Promise<number>;
  readonly known: (generation: number) => void;
  readonly log: Log;
}

/** See the module. */
export class StoreGeneration {
  readonly #options: StoreGenerationOptions;
  /** Counts identities. */
  #identity = 0;
  /** The cluster this identity is in; "" before it is in one. It is in no second. */
  #clusterId = "";
  #isKnown = false;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;

  constructor(options: StoreGenerationOptions) {
    this.#options = options;
  }

  /** Whether the store has answered this identity. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** A new identity, which is in no cluster yet. */
  begin(): void {
    this.end();
    this.#clusterId = "";
    this.#isKnown = false;
  }

  /** Asks no more. What is known stays so. */
  end(): void {
    this.#identity++;
    clearTimeout(this.#timer);
  }

  /** This identity is in a cluster. Safe to repeat. */
  joined(clusterId: string): void {
    if (clusterId === this.#clusterId) return;
    this.#clusterId = clusterId;
    this.#ask(this.#identity, AGAIN_MS);
  }

  #ask(identity: number, againMs: number): void {
    const { ask, known, log } = this.#options;
    ask(this.#clusterId).then(
      (generation) => {
        if (identity !== this.#identity) return;
        this.#isKnown = true;
        known(generation);
      },
      (thrown) => {
        log.error("the store does not say which generation this cluster is", { reason: toActorError(thrown).message });
        if (identity !== this.#identity) return;
        this.#timer = setTimeout(() => this.#ask(identity, Math.min(2 * againMs, AGAIN_MS_MAX)), againMs);
      },
    );
  }
}
