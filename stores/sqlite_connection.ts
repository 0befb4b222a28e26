/**
 * One connection to one SQLite file, as a {@link Medium}. The fence is in the `WHERE` of the upsert: what
 * decides is one statement inside SQLite's own lock, so it holds between threads, processes and lives of
 * the cluster. Synchronous; used by the thread that opened it, which no call blocks for a lock
 * (`busy_timeout` is 0; a long `fsync` does block).
 *
 * Every statement is prepared: on Deno only prepared statements report SQLite's error code.
 *
 * @module
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { ActorError } from "../core/failure.ts";
import { decodeToken, GENERATION_MAX } from "../core/store.ts";
import type { FencingToken, SaveResult, StoredState } from "../core/store.ts";
import type { Medium } from "./sqlite_medium.ts";
import { prepareFile } from "./sqlite_schema.ts";

/** `normal`: survives a crash of the process. `full`: also a power failure, for one `fsync` a commit. */
export type Synchronous = "normal" | "full";

/** The module `node:sqlite`, or a part of it: imported by whoever opens a store, never by this file. */
export interface SqliteModule {
  /** The class of a connection. */
  readonly DatabaseSync: typeof DatabaseSync;
}

/** Tokens have a fixed width, so the order of their texts is their order. */
const SAVE = `INSERT INTO states (key, token, bytes) VALUES (?, ?, ?)
  ON CONFLICT (key) DO UPDATE SET token = excluded.token, bytes = excluded.bytes
  WHERE excluded.token >= states.token`;
const NEW_GENERATION = `INSERT INTO generations (cluster_id, generation)
  SELECT ?, coalesce(max(generation), 0) + 1 FROM generations WHERE true
  ON CONFLICT (cluster_id) DO NOTHING`;

/** An open file. Make one with {@link openConnection}. */
export class SqliteConnection implements Medium {
  readonly #database: DatabaseSync;
  readonly #beginReading: StatementSync;
  readonly #beginWriting: StatementSync;
  readonly #commit: StatementSync;
  readonly #rollback: StatementSync;
  readonly #load: StatementSync;
  readonly #save: StatementSync;
  readonly #storedToken: StatementSync;
  readonly #newGeneration: StatementSync;
  readonly #generation: StatementSync;

  /** Prepares every statement; the file has its tables already. Takes `database` over. */
  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#beginReading = database.prepare("BEGIN");
    // A transaction that starts by reading and then writes can find that it read too early to go on.
    this.#beginWriting = database.prepare("BEGIN IMMEDIATE");
    this.#commit = database.prepare("COMMIT");
    this.#rollback = database.prepare("ROLLBACK");
    this.#load = database.prepare("SELECT token, bytes FROM states WHERE key = ?");
    this.#save = database.prepare(SAVE);
    this.#storedToken = database.prepare("SELECT token FROM states WHERE key = ?");
    this.#newGeneration = database.prepare(NEW_GENERATION);
    this.#generation = database.prepare("SELECT generation FROM generations WHERE cluster_id = ?");
  }

  begin(isWriting: boolean): void {
    // A rollback that failed left its transaction open; without this, no other would ever start.
    if (this.#database.isTransaction) this.#rollback.run();
    (isWriting ? this.#beginWriting : this.#beginReading).run();
  }

  load(key: string): StoredState | undefined {
    const row = this.#load.get(key);
    if (row === undefined) return undefined;
    const token = checkedToken(row.token, key);
    if (row.bytes instanceof Uint8Array) return { token, bytes: row.bytes };
    throw malformed(`the state of ${key} is ${typeof row.bytes}, not bytes`);
  }

  save(key: string, token: FencingToken, bytes: Uint8Array): SaveResult {
    const { changes } = this.#save.run(key, token, bytes);
    if (Number(changes) > 0) return { kind: "saved" };
    return { kind: "fenced", stored: checkedToken(this.#storedToken.get(key)?.token, key) };
  }

  generationOf(clusterId: string): number {
    this.#newGeneration.run(clusterId);
    const generation = this.#generation.get(clusterId)?.generation;
    if (isGeneration(generation)) return generation;
    throw malformed(`the generation of ${clusterId} is ${String(generation)}`);
  }

  commit(): void {
    this.#commit.run();
  }

  rollback(): void {
    try {
      // A full disk and some other failures have already rolled back by themselves.
      if (this.#database.isTransaction) this.#rollback.run();
    } catch {
      // Tried again by the next `begin`, whose own failure has somebody to be told to.
    }
  }

  isBusy(thrown: unknown): boolean {
    return isBusy(thrown);
  }

  close(): void {
    this.#database.close();
  }
}

/**
 * Opens `path` and makes it ours if it is new. Throws `ActorError` when the file is not for us, and what
 * SQLite throws otherwise; {@link isBusy} says whether trying again may help.
 */
export function openConnection(sqlite: SqliteModule, path: string, synchronous: Synchronous): SqliteConnection {
  const database = new sqlite.DatabaseSync(path);
  try {
    database.prepare(`PRAGMA synchronous = ${synchronous}`).run();
    prepareFile(database, path);
    return new SqliteConnection(database);
  } catch (thrown) {
    database.close();
    throw thrown;
  }
}

/** SQLite's primary result codes (sqlite.org/rescode.html) that only mean: another connection was faster. */
const BUSY_CODES: ReadonlySet<number> = new Set([/* BUSY */ 5, /* LOCKED */ 6, /* PROTOCOL */ 15]);

/** Whether what SQLite threw means only that another connection holds the file now. */
export function isBusy(thrown: unknown): boolean {
  if (!(thrown instanceof Error) || !("errcode" in thrown)) return false;
  // The low byte of an extended code is its primary code.
  return typeof thrown.errcode === "number" && BUSY_CODES.has(thrown.errcode & 0xff);
}

function checkedToken(raw: unknown, key: string): FencingToken {
  const token = decodeToken(raw);
  if (token !== undefined) return token;
  throw malformed(`the token of ${key} is ${JSON.stringify(raw)}`);
}

function isGeneration(raw: unknown): raw is number {
  return Number.isInteger(raw) && typeof raw === "number" && raw >= 1 && raw <= GENERATION_MAX;
}

function malformed(reason: string): ActorError {
  return new ActorError("malformed-bytes", `Cannot read the store: ${reason}`);
}
