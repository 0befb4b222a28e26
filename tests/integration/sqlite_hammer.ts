/**
 * One writer of several on one SQLite file: takes a new generation each round and saves the same few keys
 * as everybody else, alone and in groups. Says what was acknowledged, and stops at the first answer that
 * breaks the fence. A fixture of `sqlite_processes.test.ts`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fencingToken } from "../../core/store.ts";
import type { FencingToken, StateStore } from "../../core/store.ts";
import { sqliteStore } from "../../stores/sqlite.ts";

/** What one writer does. */
export interface HammerPlan {
  readonly path: string;
  /** Different for each writer. */
  readonly writer: number;
  readonly rounds: number;
}

/** What one round of one writer was told. */
export interface HammerRound {
  readonly writer: number;
  readonly generation: number;
  readonly savedCount: number;
  readonly fencedCount: number;
  /** The highest acknowledged token of each key. */
  readonly acknowledged: Readonly<Record<string, FencingToken>>;
}

/** The keys that all writers share. */
export const HAMMER_KEYS: readonly string[] = ["a", "b", "c", "d", "e", "f"];
const GROUPS_PER_ROUND = 12;

/** Runs `plan` and calls `report` after each round. */
export async function hammer(plan: HammerPlan, report: (round: HammerRound) => void): Promise<void> {
  const store = await sqliteStore({ path: plan.path, timeoutMs: 60_000 }).open();
  for (let round = 0; round < plan.rounds; round++) report(await runRound(store, plan.writer, round));
  await store.close();
}

async function runRound(store: StateStore, writer: number, round: number): Promise<HammerRound> {
  const generation = await store.generationOf(`life ${round} of writer ${writer}`);
  const acknowledged: Record<string, FencingToken> = {};
  let [savedCount, fencedCount] = [0, 0];
  for (let group = 0; group < GROUPS_PER_ROUND; group++) {
    const token = fencingToken(generation, writer, group);
    // One key alone, then all of them in one turn.
    const keys = group % 2 === 0 ? HAMMER_KEYS.slice(group / 2, group / 2 + 1) : HAMMER_KEYS;
    await Promise.all(keys.map(async (key) => {
      const result = await store.save(key, token, bytesOf(token));
      if (result.kind === "saved") {
        savedCount++;
        acknowledged[key] = token;
      } else {
        fencedCount++;
        assert.ok(result.stored > token, `${result.stored} fenced the higher ${token}`);
      }
      await checkStored(store, key, token);
    }));
  }
  return { writer, generation, savedCount, fencedCount, acknowledged };
}

/** Saved or fenced: what is there now is as high as `token`, and in one piece. */
async function checkStored(store: StateStore, key: string, token: FencingToken): Promise<void> {
  const stored = await store.load(key);
  assert.ok(stored !== undefined && stored.token >= token, `${key} fell from ${token} to ${stored?.token}`);
  assert.deepEqual(stored.bytes, bytesOf(stored.token), `the state of ${key} is of another token`);
}

/** A state that says which token wrote it, larger than a page. */
export function bytesOf(token: FencingToken): Uint8Array {
  return new TextEncoder().encode(token.repeat(200));
}
