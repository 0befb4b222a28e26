/**
 * What the queue of `sqlite_group_commit.ts` writes to, and `sqlite_connection.ts` is. Apart from both, so
 * that the queue is tested with a medium that fails on demand. Pure (types).
 *
 * @module
 */
import type { FencingToken, SaveResult, StoredState } from "../core/store.ts";

/**
 * What the queue writes to: synchronous, transactional, used by one thread. Everything but `rollback`
 * may throw; a throw before `commit` is called leaves nothing behind once `rollback` was called.
 */
export interface Medium {
  /** Starts a transaction that sees one state of the data; a writing one also excludes other writers. */
  begin(isWriting: boolean): void;
  /** What is stored under `key`. */
  load(key: string): StoredState | undefined;
  /** Writes, unless a higher token is stored: then says which. */
  save(key: string, token: FencingToken, bytes: Uint8Array): SaveResult;
  /** The number of `clusterId`: an old one, or a new highest. */
  generationOf(clusterId: string): number;
  /** Makes the transaction's effects last. After a throw nobody knows whether they do. */
  commit(): void;
  /** Ends the transaction without effect, if there is one. Never throws. */
  rollback(): void;
  /** Whether what a call threw means only that another connection holds the medium now. */
  isBusy(thrown: unknown): boolean;
  /** Lets go of the medium; no transaction is open. */
  close(): void;
}
