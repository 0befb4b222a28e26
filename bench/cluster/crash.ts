/**
 * S10, on a node that survives: asks every key again and again, kills another node's process, and notes for each key that
 * lived there when it first answers from elsewhere. Runs on the main thread.
 *
 * @module
 */
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import type { ActorRef, ActorSystem } from "../../mod.ts";
import { secondsNow } from "../contestant.ts";
import { Resident } from "./kinds.ts";

const GRAINS = 300;
/** Milliseconds one ask waits: a caller that waits longer notices later. */
const ASK_MS = 1_000;
/** Milliseconds between two asks of one key. */
const PAUSE_MS = 20;
/** Seconds until what has not come back is given up. */
const BACK_SECONDS = 40;

/** What came of one crash. */
export interface Crash {
  /** Keys that lived on the node that was killed. */
  readonly keys: number;
  /** For those that answered again, milliseconds from the kill. */
  readonly backMillis: readonly number[];
  /** For keys of the other nodes, the longest time between two answers, in milliseconds. */
  readonly gapMillis: readonly number[];
}

interface Key {
  readonly ref: ActorRef<{ where(): number }>;
  pid: number;
  answeredAt: number;
  longestGap: number;
  /** When it answered from elsewhere, in seconds. */
  backAt: number | undefined;
}

/** The name of a spawned actor of a node. */
export function residentName(node: number, index: number): string {
  return `resident-${node}-${index}`;
}

/** Kills `pid` under load. `spawned` are the names of actors. */
export async function crash(
  system: ActorSystem,
  { pid, spawned }: { readonly pid: number; readonly spawned: readonly string[] },
): Promise<Crash> {
  const grains = Array.from({ length: GRAINS }, (_, index) => system.grain(Resident, `grain-${index}`));
  const refs = [...grains, ...spawned.map((name) => system.actor(Resident, name))];
  const keys = refs.map((ref): Key => ({
    ref: ref.with({ timeoutMs: ASK_MS }),
    pid: 0,
    answeredAt: secondsNow(),
    longestGap: 0,
    backAt: undefined,
  }));
  const over = new AbortController();
  const asking = keys.map((key) => askAgainAndAgain(key, over.signal));
  while (keys.some((key) => key.pid === 0)) await delay(PAUSE_MS);
  for (const key of keys) key.longestGap = 0;
  const lost = keys.filter((key) => key.pid === pid);
  const killedAt = secondsNow();
  process.kill(pid, "SIGKILL");
  while (lost.some(({ backAt }) => backAt === undefined) && secondsNow() - killedAt < BACK_SECONDS) {
    await delay(PAUSE_MS);
  }
  over.abort();
  await Promise.all(asking);
  const kept = keys.filter((key) => !lost.includes(key));
  return {
    keys: lost.length,
    backMillis: lost.flatMap(({ backAt }) => backAt === undefined ? [] : [(backAt - killedAt) * 1_000]),
    gapMillis: kept.map(({ longestGap }) => longestGap * 1_000),
  };
}

async function askAgainAndAgain(key: Key, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    // Whatever the failure is: the next try is what counts.
    const pid = await key.ref.ask.where().catch(() => undefined);
    if (pid !== undefined) answered(key, pid);
    await delay(PAUSE_MS);
  }
}

function answered(key: Key, pid: number): void {
  const now = secondsNow();
  key.longestGap = Math.max(key.longestGap, now - key.answeredAt);
  key.answeredAt = now;
  if (key.pid !== 0 && pid !== key.pid) key.backAt ??= now;
  else key.pid = pid;
}
