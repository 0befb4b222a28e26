/**
 * The incident: the node that runs the ledger's clock is killed under load, is missed, and comes back. What it takes
 * the others to notice, and each account to be served again, is measured from outside. Touches processes and sockets.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { inParallel } from "../bank/in_parallel.ts";
import { type ClockSeen, decodeCluster, readCluster, readHere } from "./bank_pages.ts";
import type { Customers } from "./customers.ts";
import { Doors } from "./doors.ts";
import type { Fleet } from "./fleet.ts";
import { Recovery } from "./measures.ts";
import type { NodeChild } from "./node_child.ts";
import { accountNames } from "./plan.ts";

/** Milliseconds the others have to notice, and the clock to begin again. */
const NOTICE_MS = 30_000;
/** Milliseconds every account has to be served again. */
const RECOVERY_MS = 60_000;
/** Milliseconds between two looks at one account or at the clock: what the figures are exact to. */
const LOOK_MS = 50;
/** Accounts looked at at once: all of them. */
const LOOKS_AT_ONCE = 256;

/** What was seen of it. */
export interface Incident {
  /** The node that was killed. */
  readonly victim: NodeChild;
  readonly wasLeader: boolean;
  /** Exchanges that the customers had had by then. */
  readonly sent: number;
  /** Each survivor, and the milliseconds until it said that the node is gone; `undefined` when it never did. */
  readonly noticed: readonly { readonly name: string; readonly afterMs: number | undefined }[];
  /** Accounts, and ids of requests under way, that were in the memory of the node. */
  readonly accounts: readonly string[];
  readonly transfers: readonly string[];
  /** Accounts that were elsewhere. */
  readonly others: readonly string[];
  readonly recovery: Recovery;
  readonly clock: ClockMove;
  /** Milliseconds from the kill until the node served again, and from its start. */
  readonly backMs: number;
  readonly restartMs: number;
}

/** Where the clock went. */
export interface ClockMove {
  readonly before: ClockSeen | undefined;
  /** The first that was seen of its next life; `undefined`: nothing. */
  readonly after: ClockSeen | undefined;
  readonly afterMs: number;
}

/** Kills the node, and brings it back when the others have noticed. Rejects when it does not come back. */
export async function causeIncident(
  fleet: Fleet,
  doors: Doors,
  customers: Customers,
  signal: AbortSignal,
): Promise<Incident> {
  const { clock: before, leader } = await readCluster(doors, 0);
  const node = Math.max(0, fleet.nodes.findIndex(({ address }) => address === before?.node));
  const victim = fleet.nodes[node];
  if (victim === undefined) throw new Error("Cannot kill a node: there is none");
  const { accounts: here, transfers: inMemory } = await readHere(doors, node);
  const { sent } = customers;
  const killedAtMs = Date.now();
  victim.kill();
  const known = new Set(inMemory);
  const transfers = [...customers.underWay].filter((id) => known.has(id));
  const recovery = new Recovery(killedAtMs, [...accountNames(), ...transfers]);
  customers.watch(recovery);

  const survivors = fleet.nodes.filter((one) => one !== victim);
  // Connections of their own: those of the customers are all waiting for something.
  const eyes = new Doors(survivors.map(({ url }) => url), LOOKS_AT_ONCE, signal);
  try {
    const served = lookAtAccounts(eyes, recovery);
    served.catch(() => {}); // Should something else fail first: it is awaited below.
    const [noticed, after] = await Promise.all([
      Promise.all(survivors.map((one) => whenNoticed(one, victim, killedAtMs, signal))),
      nextLife(eyes, before?.lives ?? 0, killedAtMs),
    ]);
    const startedAtMs = Date.now();
    const { atMs } = await victim.start(signal);
    await served;
    const lost = new Set(here);
    return {
      victim,
      wasLeader: leader === victim.address,
      sent,
      noticed,
      accounts: accountNames().filter((name) => lost.has(name)),
      transfers,
      others: accountNames().filter((name) => !lost.has(name)),
      recovery,
      clock: { before, ...after },
      backMs: atMs - killedAtMs,
      restartMs: atMs - startedAtMs,
    };
  } finally {
    eyes.close();
  }
}

/** Reads every account again and again until it answers once: an account that answers is served. */
async function lookAtAccounts(eyes: Doors, recovery: Recovery): Promise<void> {
  const endMs = Date.now() + RECOVERY_MS;
  await inParallel(accountNames(), LOOKS_AT_ONCE, async (account) => {
    for (let look = 0; Date.now() < endMs; look++) {
      const sentMs = Date.now();
      const reply = await eyes.askAt(look % eyes.count, (http) => http.get(`/accounts/${account}`));
      if (reply.kind === "answer") return recovery.succeeded(account, sentMs, Date.now());
      await delay(LOOK_MS, undefined, { signal: eyes.signal });
    }
  });
}

async function whenNoticed(
  survivor: NodeChild,
  victim: NodeChild,
  sinceMs: number,
  signal: AbortSignal,
): Promise<Incident["noticed"][number]> {
  const find = () =>
    survivor.events.find(({ atMs, event }) =>
      event.type === "nodeLeft" && event.about === victim.address && atMs >= sinceMs
    );
  await survivor.until(() => find() !== undefined, NOTICE_MS, signal);
  const found = find();
  return { name: survivor.name, afterMs: found && found.atMs - sinceMs };
}

/** Asks the survivors in turn until one of them has seen the clock's next life. */
async function nextLife(
  eyes: Doors,
  lives: number,
  sinceMs: number,
): Promise<Pick<ClockMove, "after" | "afterMs">> {
  for (let look = 0;; look++) {
    const reply = await eyes.askAt(look % eyes.count, (http) => http.get("/cluster"));
    const afterMs = Date.now() - sinceMs;
    const clock = reply.kind === "answer" ? decodeCluster(reply.body).clock : undefined;
    if (clock !== undefined && clock.lives > lives) return { after: clock, afterMs };
    if (afterMs > NOTICE_MS) return { after: undefined, afterMs };
    await delay(LOOK_MS, undefined, { signal: eyes.signal });
  }
}
