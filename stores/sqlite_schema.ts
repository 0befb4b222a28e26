/**
 * What a SQLite file of ours holds, and how a file becomes ours. A file is recognised by the two numbers
 * SQLite keeps in its header for this: whose it is (`application_id`) and which version of the schema
 * (`user_version`). Synchronous; runs on the thread that opens the store.
 *
 * Invariant: a file that is not ours, or of another version, is not changed by a single byte.
 *
 * @module
 */
import type { DatabaseSync } from "node:sqlite";
import { ActorError } from "../core/failure.ts";

/** `Trpe` in ASCII: says whose file it is. */
export const APPLICATION_ID = 0x54727065;
/** The version of the schema this program reads and writes. */
export const SCHEMA_VERSION = 1;
/** Bytes of the write-ahead log that are kept after a checkpoint; a log that grew larger is cut. */
const LOG_BYTES_KEPT: number = 64 << 20;

/**
 * Tables with rowids: without them a row lies in its index, and a save measured 1.5 to 2.8 times the
 * processor time, for states of 100 bytes to 20 kB. `generations` gets one row a life of the cluster and
 * forgets none: a node of an old life would be given a new generation.
 */
const SCHEMA: readonly string[] = [
  "CREATE TABLE states (key TEXT PRIMARY KEY NOT NULL, token TEXT NOT NULL, bytes BLOB NOT NULL)",
  "CREATE TABLE generations (cluster_id TEXT PRIMARY KEY NOT NULL, generation INTEGER NOT NULL UNIQUE)",
  `PRAGMA application_id = ${APPLICATION_ID}`,
  `PRAGMA user_version = ${SCHEMA_VERSION}`,
];

/**
 * Checks that `database` is ours or empty, and makes an empty one ours. Throws `ActorError` `store-failed`
 * (not delivered: nothing was changed) when it is neither, and what SQLite throws when that fails.
 */
export function prepareFile(database: DatabaseSync, path: string): void {
  const isNew = transaction(database, "BEGIN", () => isEmpty(database, path));
  useLog(database, path);
  if (!isNew) return;
  transaction(database, "BEGIN IMMEDIATE", () => {
    // Looked at again, because another connection may have been faster.
    if (isEmpty(database, path)) { for (const statement of SCHEMA) database.prepare(statement).run(); }
  });
}

/** Whether the file is empty (`false`: it is ours). One transaction, or it could change between the questions. */
function isEmpty(database: DatabaseSync, path: string): boolean {
  const applicationId = numberOf(database, "PRAGMA application_id");
  const version = numberOf(database, "PRAGMA user_version");
  const entryCount = numberOf(database, "SELECT count(*) FROM sqlite_schema");
  if (applicationId === 0 && version === 0 && entryCount === 0) return true;
  if (applicationId !== APPLICATION_ID) throw refused(path, "it holds the data of another program");
  if (version === SCHEMA_VERSION) return false;
  throw refused(path, `it has schema version ${version}, and this program knows version ${SCHEMA_VERSION}`);
}

/** A write-ahead log lets readers and one writer work at the same time. The file remembers it. */
function useLog(database: DatabaseSync, path: string): void {
  const mode = valueOf(database, "PRAGMA journal_mode = wal");
  if (mode !== "wal") throw refused(path, `its journal mode is ${String(mode)}, and sharing it takes wal`);
  valueOf(database, `PRAGMA journal_size_limit = ${LOG_BYTES_KEPT}`);
}

function transaction<Result>(database: DatabaseSync, begin: string, work: () => Result): Result {
  database.prepare(begin).run();
  // A throw leaves the transaction open: the caller closes the connection, which ends it.
  const result = work();
  database.prepare("COMMIT").run();
  return result;
}

function numberOf(database: DatabaseSync, question: string): number {
  const value = valueOf(database, question);
  return typeof value === "number" ? value : Number.NaN;
}

function valueOf(database: DatabaseSync, question: string): unknown {
  return Object.values(database.prepare(question).get() ?? {})[0];
}

function refused(path: string, reason: string): ActorError {
  return new ActorError("store-failed", `Cannot open the store ${path}: ${reason}`, { fate: "not-delivered" });
}
