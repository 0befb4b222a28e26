/**
 * What users have asked of the machine of a clustered node and wait for. On the main thread; mutable; outlives the
 * identities of its process.
 *
 * Invariant: each request is answered once: by the machine, by the end of the identity that was asked, or by the end of
 * everything.
 *
 * @module
 */
import type { DirectoryResult } from "../cluster/directory_protocol.ts";
import { systemStopped } from "./not_ready.ts";

/** See the module. */
export class MachineRequests {
  readonly #requests = new Map<number, (result: DirectoryResult) => void>();
  readonly #gone = Promise.withResolvers<void>();
  #requestId = 0;
  /** Whether the last identity is over: nothing answers any more. */
  #isGone = false;
  #isClosed = false;

  /** Waits for the answer to what `ask` asks under the id it is given. Rejects once all is closed. */
  request(ask: (requestId: number) => void): Promise<DirectoryResult> {
    const requestId = ++this.#requestId;
    return new Promise((resolve, reject) => {
      if (this.#isClosed) return reject(systemStopped());
      if (this.#isGone) return resolve(endedWith("fenced"));
      this.#requests.set(requestId, resolve);
      ask(requestId);
    });
  }

  /** A request is answered. */
  done(requestId: number, result: DirectoryResult): void {
    const resolve = this.#requests.get(requestId);
    this.#requests.delete(requestId);
    resolve?.(result);
  }

  /** The identity that was asked is over. */
  fenced(): void {
    this.#endRequests("fenced");
  }

  #endRequests(reason: "fenced" | "system-stopping"): void {
    for (const resolve of this.#requests.values()) resolve(endedWith(reason));
    this.#requests.clear();
  }

  /** Resolves when no identity comes any more. */
  untilGone(): Promise<void> {
    return this.#gone.promise;
  }

  /** The last identity is over. */
  gone(): void {
    this.#isGone = true;
    this.#gone.resolve();
  }

  /** All is over: nobody waits any longer. */
  close(): void {
    this.#isClosed = true;
    this.#endRequests("system-stopping");
  }
}

function endedWith(code: "fenced" | "system-stopping"): DirectoryResult {
  const failure = { code: "lease-lost", fate: "unknown", holder: undefined, reason: code } as const;
  return { kind: "failed", failure };
}
