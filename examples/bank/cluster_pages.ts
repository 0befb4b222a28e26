/**
 * What a node says of its cluster and of itself: `GET /cluster` and `GET /cluster/here`. For people and for the demo;
 * no customer needs it. Runs on the main thread.
 *
 * @module
 */
import type { ActorSystem, AnyKind } from "../../mod.ts";
import { Account } from "./account.ts";
import { CLOCK_NAME, type ClockReading, LedgerClock } from "./ledger_clock.ts";
import { Transfer } from "./transfer.ts";

/** Names of one kind that a page lists. What is over it is counted only. */
const NAMES_MAX = 50_000;

/** A cluster, as one of its nodes sees it. Nodes go by their addresses: those survive a restart. */
export interface ClusterPage {
  /** The address of the node that says this; `null` without a cluster. */
  readonly node: string | null;
  /** The members, the oldest first. */
  readonly members: readonly string[];
  readonly leader: string | null;
  readonly health: { readonly isLive: boolean; readonly isReady: boolean; readonly reasons: readonly string[] };
  /** The ledger's clock and where it runs; `null` while it runs nowhere. */
  readonly clock: (ClockReading & { readonly node: string | null }) | null;
}

/** What runs on one node. */
export interface HerePage {
  /** Names of the accounts and transfers in memory. */
  readonly accounts: readonly string[];
  readonly transfers: readonly string[];
}

/** The cluster. Rejects as an ask does while nobody knows where the clock is. */
export async function showCluster(system: ActorSystem): Promise<ClusterPage> {
  const clock = await showClock(system);
  const members = system.members();
  return {
    node: system.node?.address ?? null,
    members: members.map(({ address }) => address),
    leader: system.leader()?.address ?? null,
    health: system.health(),
    clock: clock && { ...clock.reading, node: members.find(({ id }) => id === clock.node)?.address ?? null },
  };
}

async function showClock(system: ActorSystem) {
  const reading = await (await system.actorOf(CLOCK_NAME, LedgerClock))?.ask.read();
  if (reading === undefined) return null;
  // Where it was found before may be where it was: the question has followed it.
  return { reading, node: (await system.actorOf(CLOCK_NAME, LedgerClock))?.node };
}

/** This node. */
export async function showHere(system: ActorSystem): Promise<HerePage> {
  return { accounts: await namesOf(system, Account), transfers: await namesOf(system, Transfer) };
}

async function namesOf(system: ActorSystem, kind: AnyKind): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const { name } of system.actors({ kind, node: system.node?.id })) {
    if (names.push(name) === NAMES_MAX) break;
  }
  return names;
}
