/**
 * Looks for other nodes, again and again: often while this node is in no good cluster, else now and then. On the main
 * thread, over whatever finds them.
 *
 * Invariant: what a look finds is told to the identity that looked, or to nobody.
 *
 * @module
 */
import { clearTimeout, setTimeout } from "node:timers";
import { toActorError } from "../core/failure.ts";
import type { Log } from "../core/ports.ts";

/** Milliseconds between two looks: while this node is in no good cluster, and otherwise. */
const LOOK_MS = 500;
const LOOK_CALM_MS = 10_000;

/** What {@link PeerFinder} is given. */
export interface PeerFinderOptions {
  /** Where other nodes may be found. Rejects when that cannot be said now. */
  readonly find: () => Promise<readonly string[]>;
  readonly found: (addresses: readonly string[]) => void;
  /** Whether there is no hurry. */
  readonly isCalm: () => boolean;
  readonly log: Log;
}

/** See the module. */
export class PeerFinder {
  /** Why the last look failed; `undefined` when it did not. */
  failure: string | undefined = undefined;
  /** What was last found. */
  addresses: readonly string[] = [];
  readonly #options: PeerFinderOptions;
  /** Counts identities. A look that began under another one is over. */
  #identity = 0;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;

  constructor(options: PeerFinderOptions) {
    this.#options = options;
  }

  /** Looks for a new identity, now and from now on. */
  begin(): void {
    this.#identity++;
    this.#look(this.#identity);
  }

  /** Looks no more. */
  end(): void {
    this.#identity++;
    clearTimeout(this.#timer);
  }

  #look(identity: number): void {
    clearTimeout(this.#timer);
    const { find, found, isCalm, log } = this.#options;
    find().then(
      (addresses) => {
        this.failure = undefined;
        this.addresses = addresses;
        if (identity === this.#identity) found(addresses);
      },
      (thrown) => {
        this.failure = toActorError(thrown).message;
        log.debug("discovery failed", { reason: this.failure });
      },
    ).finally(() => {
      if (identity !== this.#identity) return;
      this.#timer = setTimeout(() => this.#look(identity), isCalm() ? LOOK_CALM_MS : LOOK_MS);
    });
  }
}
