/**
 * Whether a node may run actors, who waits until it may, and what they are told when it takes too long. On the main
 * thread; mutable; outlives the identities of its process.
 *
 * Invariant: each who waits is told once: that the node is ready, why it is not in time, or that all is over.
 *
 * @module
 */
import type { ActorError } from "../core/failure.ts";
import type { LeaseStatus } from "../cluster/engine.ts";
import type { ClusterSettings } from "../cluster/settings.ts";
import type { View } from "../cluster/view.ts";
import type { LinkRefusal } from "../remoting/links.ts";
import { inNoCluster, systemStopped, withoutGeneration, withoutLease } from "./not_ready.ts";

/** Refused handshakes that are remembered. */
const REFUSALS_KEPT = 16;

/** What {@link Readiness} is given. */
export interface ReadinessOptions {
  readonly address: string;
  readonly settings: ClusterSettings;
  readonly bootstrapTimeoutMs: number;
  /** The node as it is at each look. */
  readonly node: {
    readonly view: View | undefined;
    readonly lease: LeaseStatus;
    readonly leaseLeftMs: number;
    readonly hasGeneration: boolean;
    readonly discovered: readonly string[];
    readonly discoveryFailure: string | undefined;
  };
}

interface Waiter {
  readonly ready: () => void;
  readonly failed: (error: ActorError) => void;
}

/** See the module. */
export class Readiness {
  readonly #options: ReadinessOptions;
  readonly #waiters = new Set<Waiter>();
  /** Handshakes that failed lately, the newest last. */
  readonly #refusals: LinkRefusal[] = [];
  /** Who was there when the time for beginning was last over. */
  #seen: readonly string[] = [];
  #isClosed = false;

  constructor(options: ReadinessOptions) {
    this.#options = options;
  }

  /** Whether the node is in a view, has a lease, and knows its generation. */
  get isReady(): boolean {
    const { view, lease, hasGeneration } = this.#options.node;
    return hasGeneration && view !== undefined && (lease === "held" || lease === "soft");
  }

  /** Resolves when it is; rejects when no cluster was founded or found in time. */
  untilReady(): Promise<void> {
    if (this.#isClosed) return Promise.reject(systemStopped());
    if (this.isReady) return Promise.resolve();
    return new Promise((ready, failed) => this.#waiters.add({ ready, failed }));
  }

  /** Something it depends on has changed. */
  look(): void {
    if (!this.isReady) return;
    for (const { ready } of this.#waiters) ready();
    this.#waiters.clear();
  }

  /** A handshake has failed. */
  refused(refusal: LinkRefusal): void {
    this.#refusals.push(refusal);
    if (this.#refusals.length > REFUSALS_KEPT) this.#refusals.shift();
  }

  /** The time for beginning is over; `seen` were there. Another begins. */
  timedOut(seen: readonly string[], reason: string): void {
    if (this.#waiters.size === 0) return;
    this.#seen = seen;
    this.#fail(this.#inNoCluster(reason));
  }

  /** Why the node is not ready, for whoever waits no longer. */
  whyNot(waitedMs: number): ActorError {
    const { view, hasGeneration, leaseLeftMs } = this.#options.node;
    if (view === undefined) return this.#inNoCluster("no cluster has let this node in");
    const lacksGeneration = !hasGeneration && leaseLeftMs > 0;
    return lacksGeneration ? withoutGeneration(view, waitedMs) : withoutLease(view, waitedMs);
  }

  /** All is over: nobody waits any longer. */
  close(): void {
    this.#isClosed = true;
    this.#fail(systemStopped());
  }

  #fail(error: ActorError): void {
    for (const { failed } of this.#waiters) failed(error);
    this.#waiters.clear();
  }

  #inNoCluster(reason: string): ActorError {
    const { address, settings, bootstrapTimeoutMs, node: { discovered, discoveryFailure } } = this.#options;
    const search = { address, settings, bootstrapTimeoutMs, discovered, discoveryFailure, refusals: this.#refusals };
    return inNoCluster(search, this.#seen, reason);
  }
}
