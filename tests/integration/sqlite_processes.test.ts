import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { sqliteStore } from "../../stores/sqlite.ts";
import { bytesOf, hammer, HAMMER_KEYS } from "./sqlite_hammer.ts";
import type { HammerPlan, HammerRound } from "./sqlite_hammer.ts";

const WRITERS = [0, 1, 2] as const;
const ROUNDS = 25;
const FIXTURE = new URL("./sqlite_hammer_main.ts", import.meta.url);

describe("several writers on one SQLite file", { timeout: 120_000 }, () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "troupe-processes-"));
    path = join(folder, "states.db");
    await (await sqliteStore({ path }).open()).close();
    audit(path);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("three processes: nobody fails, and no lower token overwrites a higher one", async () => {
    const children = WRITERS.map((writer) => startProcess({ path, writer, rounds: ROUNDS }));
    await Promise.all(children.map((child) => child.isReady));
    for (const child of children) child.start();
    const ends = await Promise.all(children.map((child) => child.ended));
    assert.deepEqual(ends, WRITERS.map(() => ({ code: 0, signal: null, errors: "" })));
    const rounds = children.flatMap((child) => child.rounds);
    assert.equal(rounds.length, WRITERS.length * ROUNDS);
    assert.deepEqual(sorted(rounds.map((round) => round.generation)), rounds.map((_, index) => index + 1));
    await checkFile(path, rounds);
  });

  it("two worker threads and the main thread: nobody fails, and no lower token overwrites a higher one", async () => {
    const plan = (writer: number): HammerPlan => ({ path, writer, rounds: ROUNDS });
    const workers = [1, 2].map((writer) => startWorker(plan(writer)));
    await Promise.all(workers.map((worker) => worker.isReady));
    for (const worker of workers) worker.start();
    const rounds: HammerRound[] = [];
    await hammer(plan(0), (round) => rounds.push(round));
    for (const worker of workers) rounds.push(...await worker.ended);
    assert.equal(rounds.length, WRITERS.length * ROUNDS);
    await checkFile(path, rounds);
  });

  it("a process killed while it writes loses nothing acknowledged and holds nobody up", async () => {
    const children = WRITERS.map((writer) => startProcess({ path, writer, rounds: writer === 0 ? 100_000 : ROUNDS }));
    await Promise.all(children.map((child) => child.isReady));
    for (const child of children) child.start();
    const [victim, ...others] = children;
    assert.ok(victim !== undefined);
    await victim.reported(5);
    victim.kill();
    const ends = await Promise.all(others.map((child) => child.ended));
    assert.deepEqual(ends, others.map(() => ({ code: 0, signal: null, errors: "" })));
    assert.equal((await victim.ended).signal, "SIGKILL");
    await checkFile(path, children.flatMap((child) => child.rounds));
  });
});

/** Makes the file itself write down every change of a state, whoever changes it. */
function audit(path: string): void {
  const database = new DatabaseSync(path);
  database.exec(`CREATE TABLE changes (before TEXT NOT NULL, later TEXT NOT NULL);
    CREATE TRIGGER audit AFTER UPDATE ON states BEGIN INSERT INTO changes VALUES (OLD.token, NEW.token); END`);
  database.close();
}

async function checkFile(path: string, rounds: readonly HammerRound[]): Promise<void> {
  const savedCount = rounds.reduce((sum, round) => sum + round.savedCount, 0);
  const fencedCount = rounds.reduce((sum, round) => sum + round.fencedCount, 0);
  assert.ok(savedCount > 0 && fencedCount > 0, `the writers met: ${savedCount} saved, ${fencedCount} fenced`);
  const database = new DatabaseSync(path);
  assert.equal(database.prepare("SELECT count(*) AS count FROM changes WHERE later < before").get()?.count, 0);
  assert.ok(Number(database.prepare("SELECT count(*) AS count FROM changes").get()?.count) > 0);
  assert.equal(database.prepare("PRAGMA integrity_check").get()?.integrity_check, "ok");
  database.close();
  const store = await sqliteStore({ path }).open();
  for (const key of HAMMER_KEYS) {
    const stored = await store.load(key);
    assert.ok(stored !== undefined);
    assert.deepEqual(stored.bytes, bytesOf(stored.token));
    const highest = sorted(rounds.flatMap((round) => round.acknowledged[key] ?? [])).at(-1);
    // A process that was killed may have saved more than it had time to tell.
    assert.ok(highest !== undefined && stored.token >= highest, `${key}: ${stored.token} is below ${highest}`);
  }
  await store.close();
}

function startProcess(plan: HammerPlan): {
  readonly rounds: readonly HammerRound[];
  readonly isReady: Promise<void>;
  readonly ended: Promise<{ code: number | null; signal: string | null; errors: string }>;
  start(): void;
  kill(): void;
  /** Resolves after `count` rounds. */
  reported(count: number): Promise<void>;
} {
  const child = spawn(process.execPath, [...runArguments(), fileURLToPath(FIXTURE), JSON.stringify(plan)]);
  const rounds: HammerRound[] = [];
  const [ready, enough] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let awaitedCount = Infinity;
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (line === "ready") return ready.resolve();
    rounds.push(JSON.parse(line));
    if (rounds.length >= awaitedCount) enough.resolve();
  });
  return {
    rounds,
    isReady: ready.promise,
    ended: endOf(child, ready.resolve),
    start: () => void child.stdin.write("go\n"),
    kill: () => void child.kill("SIGKILL"),
    reported: (count) => {
      awaitedCount = count;
      return enough.promise;
    },
  };
}

function endOf(
  child: ChildProcess,
  onEnd: () => void,
): Promise<{ code: number | null; signal: string | null; errors: string }> {
  let errors = "";
  child.stderr?.on("data", (chunk) => errors += String(chunk));
  return new Promise((resolve) =>
    child.once("close", (code, signal) => {
      onEnd();
      resolve({ code, signal, errors });
    })
  );
}

/** What stands before the file: Deno wants a command and permissions. */
function runArguments(): readonly string[] {
  return process.versions.deno === undefined ? [] : ["run", "-A", "--quiet"];
}

function startWorker(plan: HammerPlan): {
  readonly isReady: Promise<void>;
  readonly ended: Promise<readonly HammerRound[]>;
  start(): void;
} {
  const worker = new Worker(FIXTURE, { workerData: plan });
  const rounds: HammerRound[] = [];
  const [ready, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<readonly HammerRound[]>()];
  worker.on("message", (message) => {
    if (message === "ready") ready.resolve();
    else if (message === "done") worker.terminate().then(() => ended.resolve(rounds));
    else rounds.push(message);
  });
  worker.on("error", (error) => {
    ready.reject(error);
    ended.reject(error);
  });
  return { isReady: ready.promise, ended: ended.promise, start: () => worker.postMessage("go") };
}

function sorted<Item extends string | number>(items: readonly Item[]): readonly Item[] {
  return items.toSorted((one, two) => one < two ? -1 : one > two ? 1 : 0);
}
