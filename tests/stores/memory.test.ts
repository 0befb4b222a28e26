import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fencingToken } from "../../core/store.ts";
import { memoryStore } from "../../stores/memory.ts";
import { stateStoreContract } from "../contract/state_store.ts";

stateStoreContract("memoryStore", () => ({ provider: memoryStore(), dispose: () => {} }));

describe("memoryStore", () => {
  const token = fencingToken(1, 1, 1);

  it("says that threads do not share it", () => {
    assert.deepEqual([memoryStore().kind, memoryStore().isShared], ["memory", false]);
  });

  it("two providers share nothing", async () => {
    const [one, two] = [await memoryStore().open(), await memoryStore().open()];
    await one.save("k", token, Uint8Array.of(1));
    assert.equal(await two.load("k"), undefined);
  });

  it("refuses a save over bytesMax, not delivered, and keeps what it has", async () => {
    const store = await memoryStore({ bytesMax: 10 }).open();
    await store.save("a", token, new Uint8Array(6));
    await assert.rejects(store.save("b", token, new Uint8Array(5)), { code: "store-failed", fate: "not-delivered" });
    assert.equal(await store.load("b"), undefined);
    assert.deepEqual(await store.save("b", token, new Uint8Array(4)), { kind: "saved" });
  });

  it("counts the bytes of a key once, however often it is saved", async () => {
    const store = await memoryStore({ bytesMax: 10 }).open();
    for (const bytes of [10, 3, 10, 0, 10]) {
      assert.deepEqual(await store.save("a", token, new Uint8Array(bytes)), { kind: "saved" });
    }
  });

  it("problems() names the option, its value and what is allowed, and open() rejects with them", async () => {
    for (const bytesMax of [0, -1, 1.5, Number.NaN, 2 ** 53]) {
      const provider = memoryStore({ bytesMax });
      const allowed = `a whole number from 1 to ${2 ** 53 - 1}`;
      const problems = [{ name: "memoryStore.bytesMax", value: String(bytesMax), allowed }];
      assert.deepEqual(provider.problems(), problems);
      await assert.rejects(provider.open(), { code: "invalid-options", details: { problems } });
    }
    assert.deepEqual(memoryStore().problems(), []);
  });
});
