/**
 * What the bank says of itself, read through the door of one node: balances, totals, its cluster. Everything is
 * `unknown` until it was looked at here. Touches sockets.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { inParallel } from "../bank/in_parallel.ts";
import { fieldsOf } from "../bank/json.ts";
import type { ClusterPage, HerePage } from "../bank/cluster_pages.ts";
import type { Total } from "../bank/total.ts";
import type { BankBooks } from "./books.ts";
import type { Doors } from "./doors.ts";

/** Times one page is asked for, and milliseconds between two of them: half a minute. */
const TRIES_MAX = 60;
const WAIT_MS = 500;
/** Looks at whether the bank is quiet, and milliseconds between them. */
const QUIET_LOOKS_MAX = 60;
const QUIET_WAIT_MS = 250;
/** Accounts read at once. */
const READS_AT_ONCE = 32;

/** The clock, as a page has it. */
export type ClockSeen = NonNullable<ClusterPage["clock"]>;

/** A cluster, as a page has it. */
export interface ClusterSeen {
  readonly leader: string;
  readonly clock: ClockSeen | undefined;
}

/** Waits until nothing is under way, then reads every account of `names` and the total through the door of `node`. */
export async function readBooks(doors: Doors, node: number, names: readonly string[]): Promise<BankBooks> {
  const total = await quietTotal(doors, node);
  const balances = new Map<string, number>();
  await inParallel(names, READS_AT_ONCE, async (account) => {
    const { status, body } = await read(doors, node, `/accounts/${account}`);
    balances.set(account, status === 404 ? 0 : numberIn(body, "balance"));
  });
  return { balances, total };
}

/** The cluster as `node` sees it. */
export async function readCluster(doors: Doors, node: number): Promise<ClusterSeen> {
  return decodeCluster((await read(doors, node, "/cluster")).body);
}

/** What {@link readCluster} has: of `GET /cluster` only what is looked at. */
export function decodeCluster(body: unknown): ClusterSeen {
  const { leader, clock } = fieldsOf(body);
  return {
    leader: String(leader),
    clock: clock === null ? undefined : {
      node: String(fieldsOf(clock).node),
      token: String(fieldsOf(clock).token),
      ticks: numberIn(clock, "ticks"),
      lives: numberIn(clock, "lives"),
    },
  };
}

/** What runs on `node`. */
export async function readHere(doors: Doors, node: number): Promise<HerePage> {
  const { accounts, transfers } = fieldsOf((await read(doors, node, "/cluster/here")).body);
  return { accounts: textsOf(accounts), transfers: textsOf(transfers) };
}

async function quietTotal(doors: Doors, node: number): Promise<Total> {
  for (let look = 1;; look++) {
    const total = decodeTotal((await read(doors, node, "/total")).body);
    if (total.isExact || look === QUIET_LOOKS_MAX) return total;
    await delay(QUIET_WAIT_MS, undefined, { signal: doors.signal });
  }
}

async function read(doors: Doors, node: number, path: string): Promise<{ status: number; body: unknown }> {
  for (let tries = 1;; tries++) {
    const reply = await doors.askAt(node, (http) => http.get(path));
    if (reply.kind === "answer") return reply;
    if (tries === TRIES_MAX) throw new Error(`Cannot read ${path}: ${reply.code}, ${reply.reason}`);
    await delay(WAIT_MS, undefined, { signal: doors.signal });
  }
}

function decodeTotal(body: unknown): Total {
  return {
    accounts: numberIn(body, "accounts"),
    balance: numberIn(body, "balance"),
    deposited: numberIn(body, "deposited"),
    underWay: numberIn(body, "underWay"),
    isExact: fieldsOf(body).isExact === true,
  };
}

function numberIn(body: unknown, name: string): number {
  const value = fieldsOf(body)[name];
  if (typeof value === "number") return value;
  throw new Error(`Cannot read the answer ${JSON.stringify(body)}: ${name} is not a number`);
}

function textsOf(raw: unknown): readonly string[] {
  return Array.isArray(raw) ? raw.map(String) : [];
}
