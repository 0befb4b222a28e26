/**
 * How many saves and loads a second one SQLite file takes: the bare statements, the store with one
 * operation at a time and with a hundred (group commit), and two threads at once. Touches a temporary
 * file, a worker and the clock.
 *
 * Run: `deno run -A bench/store_floor.ts` and `./node_modules/.bin/bun bench/store_floor.ts`.
 *
 * Every contender runs in its turn, round after round (A B C A B C …); printed are the median and the range
 * of the rounds. An operation counts when its promise has resolved, and every save must have been one.
 *
 * @module
 */
import { closeSync, existsSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { DatabaseSync } from "node:sqlite";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { assert } from "../core/assert.ts";
import { fencingToken } from "../core/store.ts";
import type { StateStore } from "../core/store.ts";
import { openConnection } from "../stores/sqlite_connection.ts";
import { sqliteStore } from "../stores/sqlite.ts";
import { spreadOf } from "./statistics.ts";

const ROUNDS = 7;
const ROUND_MS = 250;
const KEYS = 10_000;
const STATE_BYTES = 128;
const AT_ONCE = 100;
const TOKEN = fencingToken(1, 1, 1);

let savedCount = 0;

/** A state unlike any before: SQLite writes nothing at all when a row does not change. */
function nextState(): Uint8Array {
  const state = new Uint8Array(STATE_BYTES);
  new DataView(state.buffer).setUint32(STATE_BYTES / 2, savedCount++);
  return state;
}

type Operation = (store: StateStore, index: number) => Promise<unknown>;

const save: Operation = async (store, index) => {
  const result = await store.save(keyOf(index), TOKEN, nextState());
  assert(result.kind === "saved", "nobody else saves under a higher token");
};

const load: Operation = async (store, index) => {
  const stored = await store.load(keyOf(index));
  assert(stored?.bytes.byteLength === STATE_BYTES, "the key was saved before");
};

/** Operations a second. */
type Contender = () => Promise<number> | number;

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "troupe-bench-"));
  const path = join(folder, "states.db");
  const normal = await sqliteStore({ path }).open();
  const full = await sqliteStore({ path, synchronous: "full" }).open();
  for (let index = 0; index < KEYS; index += AT_ONCE) await many(normal, save, index);
  const other = await startOther(path);
  const contenders: Readonly<Record<string, Contender>> = {
    "bare SQLite: save, a statement each": () => bare(path, 1),
    [`bare SQLite: save, ${AT_ONCE} a transaction`]: () => bare(path, AT_ONCE),
    "save, one at a time": () => rate(normal, save, 1),
    [`save, ${AT_ONCE} at once`]: () => rate(normal, save, AT_ONCE),
    "save, one at a time, on 2 threads": () => both(other, normal, 1),
    [`save, ${AT_ONCE} at once, on 2 threads`]: () => both(other, normal, AT_ONCE),
    "load, one at a time": () => rate(normal, load, 1),
    [`load, ${AT_ONCE} at once`]: () => rate(normal, load, AT_ONCE),
    "bare disk: 4 KiB written over and synchronised": () => disk(join(folder, "disk")),
    "save, one at a time, synchronous full": () => rate(full, save, 1),
    [`save, ${AT_ONCE} at once, synchronous full`]: () => rate(full, save, AT_ONCE),
  };
  await compare(contenders);
  await Promise.all([normal.close(), full.close(), other.terminate()]);
  assert(existsSync(path), "it was one file all along");
  rmSync(folder, { recursive: true });
}

async function compare(contenders: Readonly<Record<string, Contender>>): Promise<void> {
  const rates = new Map<string, number[]>(Object.keys(contenders).map((name) => [name, []]));
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, contender] of Object.entries(contenders)) {
      const measured = await contender();
      if (round > 0) rates.get(name)?.push(measured); // The first round warms up.
    }
  }
  const { deno, bun } = process.versions;
  console.log(`states of ${STATE_BYTES} bytes, ${KEYS} keys, ${deno ? `Deno ${deno}` : `Bun ${bun}`}; a second`);
  for (const [name, measured] of rates) {
    const { median, min, max } = spreadOf(measured);
    console.log(`${name.padEnd(47)} ${shown(median).padStart(9)}   (${shown(min)} – ${shown(max)})`);
  }
}

/** The statements of the store, without queue and promises. */
function bare(path: string, perTransaction: number): number {
  const connection = openConnection({ DatabaseSync }, path, "normal");
  const startedAt = performance.now();
  let count = 0;
  while (performance.now() - startedAt < ROUND_MS) {
    if (perTransaction > 1) connection.begin(true);
    for (let inside = 0; inside < perTransaction; inside++) connection.save(keyOf(count++), TOKEN, nextState());
    if (perTransaction > 1) connection.commit();
  }
  const perSecond = count / (performance.now() - startedAt) * 1000;
  connection.close();
  return perSecond;
}

/** What `synchronous: "full"` waits for. A virtual disk may promise more than it keeps. */
function disk(path: string): number {
  const file = openSync(path, "w");
  const page = new Uint8Array(4096);
  const startedAt = performance.now();
  let count = 0;
  for (; performance.now() - startedAt < ROUND_MS; count++) {
    writeSync(file, page, 0, page.length, 0);
    fdatasyncSync(file);
  }
  const perSecond = count / (performance.now() - startedAt) * 1000;
  closeSync(file);
  return perSecond;
}

async function rate(store: StateStore, operation: Operation, atOnce: number): Promise<number> {
  const startedAt = performance.now();
  let count = 0;
  while (performance.now() - startedAt < ROUND_MS) {
    if (atOnce === 1) await operation(store, count);
    else await many(store, operation, count);
    count += atOnce;
  }
  return count / (performance.now() - startedAt) * 1000;
}

async function many(store: StateStore, operation: Operation, from: number): Promise<void> {
  await Promise.all(Array.from({ length: AT_ONCE }, (_, offset) => operation(store, from + offset)));
}

/** Both threads at the same time, on the same keys: the sum of their rates. */
async function both(other: Worker, store: StateStore, atOnce: number): Promise<number> {
  const answer = new Promise<number>((resolve) => other.once("message", resolve));
  other.postMessage(atOnce);
  const own = await rate(store, save, atOnce);
  return own + await answer;
}

async function startOther(path: string): Promise<Worker> {
  const worker = new Worker(new URL(import.meta.url), { workerData: { path } });
  await new Promise((resolve) => worker.once("message", resolve));
  return worker;
}

async function runOther(path: string): Promise<void> {
  const store = await sqliteStore({ path }).open();
  parentPort?.on("message", async (atOnce: number) => parentPort?.postMessage(await rate(store, save, atOnce)));
  parentPort?.postMessage("ready");
}

function keyOf(index: number): string {
  // A prime stride, so that neighbours in time are none in the file.
  return `account:user-${index * 7919 % KEYS}`;
}

function shown(perSecond: number): string {
  return perSecond >= 10_000 ? `${Math.round(perSecond / 1000)} k` : String(Math.round(perSecond));
}

if (isMainThread) await main();
else await runOther(workerData.path);
