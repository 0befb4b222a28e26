/**
 * What the main thread remembers of spawned actors.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { actorKey } from "../../core/names.ts";
import type { ThreadIndex } from "../../core/ids.ts";
import { SpawnLedger } from "../../system/spawn_ledger.ts";

const thread = (index: number) => index as ThreadIndex;
const record = (name: string, byte = 0) => ({ key: actorKey(name), kind: "k", init: new Uint8Array([byte]) });

describe("SpawnLedger", () => {
  it("knows what was spawned on which thread, in the order of spawning", () => {
    const ledger = new SpawnLedger();
    ledger.add(thread(1), record("b"));
    ledger.add(thread(2), record("c"));
    ledger.add(thread(1), record("a"));
    assert.deepEqual(ledger.of(thread(1)), [record("b"), record("a")]);
    assert.deepEqual(ledger.of(thread(2)), [record("c")]);
    assert.deepEqual(ledger.of(thread(3)), []);
  });

  it("leaves a name to who has it, until that one has ended", () => {
    const ledger = new SpawnLedger();
    ledger.add(thread(1), record("a", 1));
    ledger.add(thread(1), record("a", 2));
    assert.deepEqual(ledger.of(thread(1)), [record("a", 1)]);
    ledger.remove(actorKey("a"));
    ledger.remove(actorKey("a"));
    assert.deepEqual(ledger.of(thread(1)), []);
    ledger.add(thread(1), record("a", 2));
    assert.deepEqual(ledger.of(thread(1)), [record("a", 2)]);
  });
});
