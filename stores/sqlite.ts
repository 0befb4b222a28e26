/**
 * State in one SQLite file, shared by every thread and every process of a machine, through `node:sqlite`.
 * The module is imported when a store is opened and not before: a program without one loads nothing.
 * Runs on the thread that opens it.
 *
 * The queue is in `sqlite_group_commit.ts`, the SQL in `sqlite_connection.ts` and `sqlite_schema.ts`.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { ActorError } from "../core/failure.ts";
import { after } from "../core/ids.ts";
import { STATE_BYTES_MAX, STORE_TIMEOUT_MS_DEFAULT, WAIT_MS_MAX } from "../core/limits.ts";
import { OptionsCheck } from "../core/options_check.ts";
import type { StateStore, StoreProvider } from "../core/store.ts";
import { isBusy, openConnection } from "./sqlite_connection.ts";
import type { SqliteConnection, SqliteModule, Synchronous } from "./sqlite_connection.ts";
import { GroupCommit } from "./sqlite_group_commit.ts";
import type { GroupCommitLimits } from "./sqlite_group_commit.ts";
import { messageOf, platformOutside, retryWaitMs } from "./sqlite_retry.ts";
import type { Outside } from "./sqlite_retry.ts";

/** Operations that may wait on one thread by default. */
export const WAITING_OPERATIONS_DEFAULT: number = 1 << 14;
/** The most operations any option may let wait. */
export const WAITING_OPERATIONS_MAX: number = 1 << 20;
/** Bytes of states that may wait on one thread by default: four of the largest. */
export const WAITING_BYTES_DEFAULT: number = 4 * STATE_BYTES_MAX;
/** The most bytes any option may let wait. */
export const WAITING_BYTES_MAX: number = 64 * STATE_BYTES_MAX;

type OptionsBag = { readonly [Option in keyof SqliteStoreOptions]?: unknown };

const AT = "sqliteStore";
const KEYS: readonly (keyof SqliteStoreOptions)[] = [
  "path",
  "synchronous",
  "timeoutMs",
  "waitingOperationsMax",
  "waitingBytesMax",
];

/** Options of {@link sqliteStore}. */
export interface SqliteStoreOptions {
  /**
   * The file; made when it does not exist, its folder is not. On a local disk: SQLite's locks do not hold
   * on network file systems. Two more files appear beside it, `-wal` and `-shm`; they belong to it.
   */
  readonly path: string;
  /**
   * When a save is done. `"normal"` (the default): written, and survives a crash of the process; a power
   * failure may lose the last seconds, never damages the file. `"full"`: also safe from a power failure;
   * the thread waits for the disk (one `fsync`) at each commit.
   */
  readonly synchronous?: Synchronous;
  /** Milliseconds an operation waits while others write, `1` to a day; 5000 by default. */
  readonly timeoutMs?: number;
  /** Operations that may wait on one thread, `1` to 2^20; 16,384 by default. Over it: `store-failed`, not delivered. */
  readonly waitingOperationsMax?: number;
  /** Bytes of states that may wait on one thread, 64 MiB to 4 GiB; 256 MiB by default. Over it: `store-failed`, not delivered. */
  readonly waitingBytesMax?: number;
}

/**
 * A store in one SQLite file. Safe for several threads and several processes at once.
 *
 * Saves and loads asked for in one turn of a thread become one transaction. A thread never sleeps for the
 * file's lock: while another connection writes, operations wait on a timer, up to `timeoutMs`.
 *
 * Do not open the file by other means inside the same process (`readFile`, a copy): on POSIX systems
 * closing it lets go of SQLite's locks. Back it up from outside, by `sqlite3 file "VACUUM INTO 'copy'"`.
 *
 * @example
 * ```ts
 * import { sqliteStore } from "./sqlite.ts";
 *
 * const provider = sqliteStore({ path: "bank.db" });
 * console.log(provider.problems()); // []
 * ```
 */
export function sqliteStore(options: SqliteStoreOptions): StoreProvider {
  return sqliteStoreWith(options, platformOutside);
}

/** As {@link sqliteStore}, with the clock, the timers and the chance of `outside`. */
export function sqliteStoreWith(options: SqliteStoreOptions, outside: Outside): StoreProvider {
  const check = checkOf(options);
  return {
    kind: "sqlite",
    isShared: true,
    problems: () => check.problems,
    open: () => open(options, check, outside),
  };
}

async function open(options: SqliteStoreOptions, check: OptionsCheck, outside: Outside): Promise<StateStore> {
  check.throwIfAny("open a store");
  const path = resolve(options.path);
  const limits = limitsOf(options);
  const connection = await connect(path, options.synchronous ?? "normal", limits.timeoutMs, outside);
  return new GroupCommit(path, connection, limits, outside);
}

/** Opening takes locks too: two connections that make the same new file meet here. */
async function connect(
  path: string,
  synchronous: Synchronous,
  timeoutMs: number,
  outside: Outside,
): Promise<SqliteConnection> {
  const sqlite = await importSqlite();
  const expiresAt = after(outside.now(), timeoutMs);
  for (let retryIndex = 0;; retryIndex++) {
    try {
      return openConnection(sqlite, path, synchronous);
    } catch (thrown) {
      if (!isBusy(thrown)) {
        throw thrown instanceof ActorError ? thrown : cannotOpen(path, reasonOf(thrown, path), thrown);
      }
      if (outside.now() >= expiresAt) throw cannotOpen(path, `others held it for ${timeoutMs} ms`, thrown);
    }
    const waitMs = retryWaitMs(retryIndex, outside.random());
    await new Promise<void>((resume) => outside.later(waitMs, resume));
  }
}

async function importSqlite(): Promise<SqliteModule> {
  try {
    // A literal, so that `bun build --compile` sees it.
    return await import("node:sqlite");
  } catch (thrown) {
    throw new ActorError("not-supported", "Cannot open a store: this runtime has no node:sqlite", { cause: thrown });
  }
}

function reasonOf(thrown: unknown, path: string): string {
  const reason = messageOf(thrown);
  const folder = dirname(path);
  return reason.startsWith("unable to open") && !existsSync(folder) ? `the folder ${folder} does not exist` : reason;
}

function cannotOpen(path: string, reason: string, cause: unknown): ActorError {
  return new ActorError("store-failed", `Cannot open the store ${path}: ${reason}`, { fate: "not-delivered", cause });
}

function limitsOf(options: SqliteStoreOptions): GroupCommitLimits {
  return {
    timeoutMs: options.timeoutMs ?? STORE_TIMEOUT_MS_DEFAULT,
    waitingOperationsMax: options.waitingOperationsMax ?? WAITING_OPERATIONS_DEFAULT,
    waitingBytesMax: options.waitingBytesMax ?? WAITING_BYTES_DEFAULT,
  };
}

/** What is wrong with `options`, which may be anything. */
function checkOf(options: unknown): OptionsCheck {
  const check = new OptionsCheck();
  check.unknownKeys(AT, options, KEYS);
  const given: OptionsBag = typeof options === "object" && options !== null ? options : {};
  const { path, synchronous, timeoutMs, waitingOperationsMax, waitingBytesMax } = given;
  checkPath(check, path);
  check.oneOf(`${AT}.synchronous`, synchronous, ["normal", "full"], { optional: true });
  const counted = { min: 1, optional: true };
  check.wholeNumber(`${AT}.timeoutMs`, timeoutMs, { ...counted, max: WAIT_MS_MAX });
  check.wholeNumber(`${AT}.waitingOperationsMax`, waitingOperationsMax, { ...counted, max: WAITING_OPERATIONS_MAX });
  const bytes = { min: STATE_BYTES_MAX, max: WAITING_BYTES_MAX, optional: true };
  check.wholeNumber(`${AT}.waitingBytesMax`, waitingBytesMax, bytes);
  return check;
}

function checkPath(check: OptionsCheck, path: unknown): void {
  const refuse = (allowed: string) => check.problem(`${AT}.path`, path, allowed);
  if (typeof path !== "string" || path === "" || path.includes("\0")) return refuse("the path of a file");
  // Each connection would see an empty database of its own.
  if (path.startsWith(":")) return refuse("the path of a file, which threads can share (or memoryStore())");
  // A URI on Deno, a file of that name on Bun.
  if (path.startsWith("file:")) refuse("the path of a file, not a URL");
}
