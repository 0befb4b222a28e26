/**
 * The fence of a state store as two laws: one store's saves against a model, and several stores' saves
 * against what any order of them must leave. Part of the suite in `state_store.ts`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { it } from "node:test";
import fc from "fast-check";
import { fencingToken } from "../../core/store.ts";
import type { FencingToken, SaveResult, StateStore, StoredState } from "../../core/store.ts";
import type { StoreFixture } from "./state_store.ts";

/** One save of the properties: by store `store`, under `RISING_TOKENS[token]`, of one byte. */
interface PlannedSave {
  readonly store: number;
  readonly key: string;
  readonly token: FencingToken;
  readonly byte: number;
}

const STORES = 3;
const KEYS = ["a", "b"] as const;

/** Registers the properties of the fence for the store that `makeFixture` makes. */
export function fenceProperties(makeFixture: () => StoreFixture): void {
  const plannedSave = fc.record({
    store: fc.nat(STORES - 1),
    key: fc.constantFrom(...KEYS),
    token: fc.nat(5).map((index) => token(index)),
    byte: fc.nat(255),
  });
  const turns = fc.array(fc.array(plannedSave, { maxLength: 8 }), { maxLength: 8 });

  it("property: the store's fence holds against a model, through turns and reopenings", async () => {
    const steps = fc.array(
      fc.oneof(
        { weight: 4, arbitrary: fc.array(plannedSave, { maxLength: 8 }) },
        { weight: 1, arbitrary: fc.constant("reopen" as const) },
      ),
      { maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(steps, async (script) => {
        const model = new Map<string, StoredState>();
        await withStores(makeFixture, 1, async (stores, reopen) => {
          for (const step of script) {
            if (step === "reopen") await reopen(0);
            else await sameAsModel(model, step, storeOf(stores, 0));
          }
        });
      }),
      { numRuns: 60 },
    );
  });

  it("property: several stores at once never leave a lower token's state after a higher one's", async () => {
    await fc.assert(
      fc.asyncProperty(turns, fc.nat(STORES - 1), async (script, reopened) => {
        await withStores(makeFixture, STORES, async (stores, reopen) => {
          for (const turn of script) {
            await racedTurn(stores, turn);
            await reopen(reopened);
          }
        });
      }),
      { numRuns: 40 },
    );
  });
}

/** Saves of one store in one turn: every result and every state is the model's. */
async function sameAsModel(
  model: Map<string, StoredState>,
  turn: readonly PlannedSave[],
  store: StateStore,
): Promise<void> {
  const results = await Promise.all(turn.map((save) => perform(store, save)));
  assert.deepEqual(results, turn.map((save) => modelSave(model, save)));
  for (const key of KEYS) assert.deepEqual(await store.load(key), model.get(key));
}

function modelSave(model: Map<string, StoredState>, { key, token, byte }: PlannedSave): SaveResult {
  const stored = model.get(key);
  if (stored !== undefined && token < stored.token) return { kind: "fenced", stored: stored.token };
  model.set(key, { token, bytes: Uint8Array.of(byte) });
  return { kind: "saved" };
}

/** Saves of several stores in one turn: their order is the store's choice, but not what it leaves. */
async function racedTurn(stores: readonly StateStore[], turn: readonly PlannedSave[]): Promise<void> {
  const reader = storeOf(stores, 0);
  const before = new Map<string, StoredState | undefined>();
  for (const key of KEYS) before.set(key, await reader.load(key));
  const results = await Promise.all(turn.map((save) => perform(storeOf(stores, save.store), save)));
  for (const key of KEYS) {
    const saves = turn.filter((save) => save.key === key);
    checkRaced(before.get(key), await reader.load(key), saves);
    for (const [index, save] of turn.entries()) {
      if (save.key === key) checkResult(save, results[index], before.get(key), saves);
    }
  }
}

function checkRaced(
  before: StoredState | undefined,
  stored: StoredState | undefined,
  saves: readonly PlannedSave[],
): void {
  const highest = highestOf(before, saves);
  assert.equal(stored?.token, highest, "the stored token is the highest");
  const lastOfEach = Array.from(
    { length: STORES },
    (_, store) => saves.findLast((save) => save.store === store && save.token === highest)?.byte,
  ).filter((byte) => byte !== undefined);
  const allowed = lastOfEach.length > 0 ? lastOfEach : [firstByte(before)];
  assert.ok(allowed.includes(firstByte(stored)), "the stored state is the highest token's last");
}

function checkResult(
  save: PlannedSave,
  result: SaveResult | undefined,
  before: StoredState | undefined,
  saves: readonly PlannedSave[],
): void {
  assert.ok(result !== undefined);
  const highest = highestOf(before, saves);
  if (save.token === highest) assert.equal(result.kind, "saved", "the highest token is never fenced");
  if (before !== undefined && save.token < before.token) assert.equal(result.kind, "fenced", "an old token is fenced");
  if (result.kind !== "fenced") return;
  assert.ok(result.stored > save.token, "what fences is higher");
  assert.ok(highest !== undefined && result.stored <= highest, "what fences was saved");
}

function highestOf(before: StoredState | undefined, saves: readonly PlannedSave[]): FencingToken | undefined {
  const tokens = saves.map((save) => save.token);
  return [...tokens, ...(before === undefined ? [] : [before.token])].sort().at(-1);
}

function perform(store: StateStore, { key, token, byte }: PlannedSave): Promise<SaveResult> {
  return store.save(key, token, Uint8Array.of(byte));
}

async function withStores(
  makeFixture: () => StoreFixture,
  count: number,
  use: (stores: readonly StateStore[], reopen: (index: number) => Promise<void>) => Promise<void>,
): Promise<void> {
  const { provider, dispose } = makeFixture();
  const stores = await Promise.all(Array.from({ length: count }, () => provider.open()));
  try {
    await use(stores, async (index) => {
      await storeOf(stores, index).close();
      stores[index] = await provider.open();
    });
  } finally {
    await Promise.all(stores.map((store) => store.close()));
    dispose();
  }
}

function storeOf(stores: readonly StateStore[], index: number): StateStore {
  const store = stores[index];
  assert.ok(store !== undefined, `there is a store ${index}`);
  return store;
}

function token(sequence: number): FencingToken {
  return fencingToken(1, 1, sequence);
}

function firstByte(stored: StoredState | undefined): number | undefined {
  return stored?.bytes[0];
}
