/**
 * The demo from its beginning to its verdict: a cluster of processes, customers, the incident, the books. Whatever
 * happens, no process is left behind. Touches processes, sockets and files.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clearInterval, setInterval } from "node:timers";
import { setTimeout as delay } from "node:timers/promises";
import { readBooks, readHere } from "./bank_pages.ts";
import { Books } from "./books.ts";
import { Customers, REQUESTS_AT_ONCE } from "./customers.ts";
import { Doors } from "./doors.ts";
import { Fleet, type FleetOptions } from "./fleet.ts";
import { causeIncident, type Incident } from "./incident.ts";
import { Interrupts } from "./interrupts.ts";
import type { NodeChild } from "./node_child.ts";
import type { DemoOptions } from "./options.ts";
import { accountNames, openings, planOf, takeUntil } from "./plan.ts";
import { ProgressLine, tableOf, viewsOf } from "./report.ts";
import { storedBalances } from "./stored_books.ts";
import { failed, judge, type Verdict } from "./verdict.ts";

/** Milliseconds of load after the killed node is back: it serves its share again. */
const AFTERWARDS_MS = 2_000;
/** Milliseconds between two lines of progress. */
const PROGRESS_MS = 200;
/** Log lines of each node that are printed when something went wrong. */
const LOG_LINES = 15;
/** Milliseconds until a worker that was killed is replaced. */
const WORKER_MS = 20_000;

/** Runs the demo, prints its table, and answers with its verdict. Never rejects. */
export async function runDemo(options: DemoOptions, programOf: FleetOptions["programOf"]): Promise<Verdict> {
  using interrupts = new Interrupts();
  const folder = options.db === undefined ? mkdtempSync(join(tmpdir(), "troupe-bank-")) : undefined;
  try {
    const db = options.db ?? join(folder ?? tmpdir(), "bank.db");
    const { port, workers, profile } = options;
    const fleet = await Fleet.of({ programOf, port, db, workers, profile });
    return await runFleet(fleet, db, options, interrupts.signal);
  } catch (thrown) {
    return failed(interrupts.signal.aborted ? interrupts.signal.reason : thrown);
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true });
  }
}

async function runFleet(fleet: Fleet, db: string, options: DemoOptions, interrupted: AbortSignal): Promise<Verdict> {
  // What one part of the run still waits for when another has failed is not worth waiting for.
  const over = new AbortController();
  const signal = AbortSignal.any([interrupted, over.signal]);
  const doors = new Doors(fleet.nodes.map(({ url }) => url), REQUESTS_AT_ONCE, signal);
  let isOk = false;
  try {
    console.log(`three nodes begin: ${fleet.nodes.map(({ url }) => url).join(", ")}`);
    await fleet.start(signal);
    console.log(`three nodes serve; ${REQUESTS_AT_ONCE} customers begin, seed ${options.seed}`);
    const verdict = await tell(fleet, doors, db, options, signal);
    isOk = verdict.isOk;
    return verdict;
  } finally {
    over.abort();
    doors.close();
    await fleet.end();
    if (!isOk && !interrupted.aborted) printLogs(fleet);
  }
}

async function tell(
  fleet: Fleet,
  doors: Doors,
  db: string,
  options: DemoOptions,
  signal: AbortSignal,
): Promise<Verdict> {
  const books = new Books(await readBooks(doors, 0, accountNames()));
  const customers = new Customers(doors, books);
  const { measures } = customers;
  const startMs = performance.now();
  const incident = await underLoad(fleet, doors, customers, options, signal);
  const seconds = (performance.now() - startMs) / 1000;
  const readings = [];
  const nodes = [];
  for (const [index, { name, ready }] of fleet.nodes.entries()) {
    readings.push({ name, books: await readBooks(doors, index, accountNames()) });
    const { accounts, transfers } = await readHere(doors, index);
    nodes.push({ name, runtime: ready?.runtime ?? "", accounts: accounts.length, transfers: transfers.length });
  }
  const events = fleet.nodes.flatMap((node) => node.events);
  const stubborn = await fleet.end();
  // Only now: while a node writes, the file is between two states.
  const stored = storedBalances(db);
  const nameOf = (address: string) => fleet.nameOf(address);
  console.log(tableOf({
    nodes,
    workers: options.workers,
    views: viewsOf(events, nameOf),
    measures,
    seconds,
    incident,
    nameOf,
    readings,
    stored,
    deposited: books.deposited,
    workersKilled: options.killWorker ? 1 : 0,
  }));
  const { begun, answered, transfers } = measures;
  return judge({
    books,
    readings,
    stored,
    begun,
    answered,
    transfers,
    unaware: incident.noticed.filter(({ afterMs }) => afterMs === undefined).map(({ name }) => name),
    unserved: incident.recovery.waiting.size,
    clock: incident.clock,
    stubborn,
  });
}

/** The customers do what they planned, and more of it until the incident is over. */
async function underLoad(
  fleet: Fleet,
  doors: Doors,
  customers: Customers,
  { requests, seed, killWorker }: DemoOptions,
  signal: AbortSignal,
): Promise<Incident> {
  const run = `s${seed}-${Date.now().toString(36)}`;
  const line = new ProgressLine();
  let stage = "all is well";
  let isOver = false;
  const progress = setInterval(() => line.show(customers.sent, stage), PROGRESS_MS);
  try {
    await customers.carryOut(openings({ run }));
    const load = customers.carryOut(takeUntil(planOf({ seed, run }), () => isOver && customers.sent >= requests));
    const story = (async () => {
      while (customers.sent < requests / 3) await delay(PROGRESS_MS, undefined, { signal });
      stage = "a node is killed";
      const incident = await causeIncident(fleet, doors, customers, signal);
      stage = "the node is back";
      if (killWorker) await loseWorker(fleet, incident.victim, signal);
      await delay(AFTERWARDS_MS, undefined, { signal });
      return incident;
    })().finally(() => {
      isOver = true;
    });
    const [incident] = await Promise.all([story, load]);
    return incident;
  } finally {
    clearInterval(progress);
    line.end();
  }
}

/** Kills a worker of a node that was not killed itself. Rejects when nobody takes its place. */
async function loseWorker(fleet: Fleet, victim: NodeChild, signal: AbortSignal): Promise<void> {
  const node = fleet.nodes.find((one) => one !== victim);
  node?.killWorker();
  const isReplaced = () => node?.events.some(({ event }) => event.type === "workerReplaced") ?? false;
  if (await node?.until(isReplaced, WORKER_MS, signal) !== true) throw new Error("no worker died and was replaced");
}

function printLogs(fleet: Fleet): void {
  for (const { name, log } of fleet.nodes) for (const text of log.slice(-LOG_LINES)) console.log(`  ${name}: ${text}`);
}
