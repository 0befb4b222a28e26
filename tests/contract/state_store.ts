/**
 * What every {@link StateStore} promises, as tests: call {@link stateStoreContract} from a test file with a
 * way to make a provider whose data nobody else uses.
 *
 * @module
 */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import fc from "fast-check";
import { ActorError } from "../../core/failure.ts";
import type { Fate } from "../../core/failure.ts";
import { KEY_CHARS_MAX, STATE_BYTES_MAX } from "../../core/limits.ts";
import { fencingToken } from "../../core/store.ts";
import type { FencingToken, StateStore, StoredState, StoreProvider } from "../../core/store.ts";
import { fenceProperties } from "./state_store_fence.ts";

/** A provider over data of its own. */
export interface StoreFixture {
  readonly provider: StoreProvider;
  /** Removes the data. */
  dispose(): void;
}

/** Registers the contract's tests for the store that `makeFixture` makes. */
export function stateStoreContract(name: string, makeFixture: () => StoreFixture): void {
  describe(`${name} keeps the contract of a state store`, () => {
    let fixture: StoreFixture;
    let store: StateStore;
    beforeEach(async () => {
      fixture = makeFixture();
      store = await fixture.provider.open();
    });
    afterEach(async () => {
      await store.close();
      fixture.dispose();
    });
    const reopened = async (): Promise<StateStore> => {
      await store.close();
      store = await fixture.provider.open();
      return store;
    };

    describe("load() and save()", () => {
      it("load() of a key that nobody saved is undefined", async () => {
        assert.equal(await store.load("account:alice"), undefined);
      });

      it("load() gives every byte back as it was saved, from no bytes to 1 MiB", async () => {
        const everyByte = Uint8Array.from({ length: 256 }, (_, index) => index);
        const large = Uint8Array.from({ length: 1 << 20 }, (_, index) => (index * 31) ^ (index >>> 8));
        for (const bytes of [everyByte, new Uint8Array(0), large, new Uint8Array(1)]) {
          assert.deepEqual(await store.save("k", token(1), bytes), { kind: "saved" });
          assert.deepEqual(await store.load("k"), { token: token(1), bytes });
        }
      });

      it("save() writes only the part of the memory that its view covers, shared memory too", async () => {
        for (const memory of [new ArrayBuffer(8), new SharedArrayBuffer(8)]) {
          new Uint8Array(memory).set([9, 9, 1, 2, 3, 9, 9, 9]);
          await store.save("k", token(1), new Uint8Array(memory, 2, 3));
          assert.deepEqual((await store.load("k"))?.bytes, Uint8Array.of(1, 2, 3));
        }
      });

      it("save() needs its bytes until it resolves and no longer", async () => {
        const bytes = Uint8Array.of(1, 2, 3);
        await store.save("k", token(1), bytes);
        bytes.fill(0);
        assert.deepEqual((await store.load("k"))?.bytes, Uint8Array.of(1, 2, 3));
      });

      it("load() gives bytes that belong to the caller", async () => {
        await store.save("k", token(1), Uint8Array.of(1, 2, 3));
        (await store.load("k"))?.bytes.fill(0);
        assert.deepEqual((await store.load("k"))?.bytes, Uint8Array.of(1, 2, 3));
      });

      it("operations of one turn take effect in the order they were asked for", async () => {
        const [before, , between, , last] = await Promise.all([
          store.load("k"),
          store.save("k", token(1), Uint8Array.of(1)),
          store.load("k"),
          store.save("k", token(2), Uint8Array.of(2)),
          store.load("k"),
        ]);
        assert.deepEqual([before, between, last].map(firstByte), [undefined, 1, 2]);
      });

      it("a thousand saves and loads of one turn all settle", async () => {
        const keys = Array.from({ length: 1000 }, (_, index) => `k${index}`);
        await Promise.all(keys.map((key, index) => store.save(key, token(1), Uint8Array.of(index & 255))));
        const loaded = await Promise.all(keys.map((key) => store.load(key)));
        assert.deepEqual(loaded.map(firstByte), keys.map((_, index) => index & 255));
      });
    });

    describe("keys", () => {
      it("keys that look alike are different keys", async () => {
        for (const [index, key] of LOOKALIKES.entries()) await store.save(key, token(1), Uint8Array.of(index));
        await reopened();
        const loaded = await Promise.all(LOOKALIKES.map((key) => store.load(key)));
        assert.deepEqual(loaded.map(firstByte), LOOKALIKES.map((_, index) => index));
      });

      it("property: any well-formed key loads what was saved under it", async () => {
        const codePoint = fc.oneof(fc.nat(0x7f), fc.nat(0xd7ff), fc.integer({ min: 0xe000, max: 0x10ffff }));
        const keys = fc.array(codePoint, { minLength: 1, maxLength: 64 }).map((points) =>
          String.fromCodePoint(...points)
        );
        let sequence = 0;
        await fc.assert(
          fc.asyncProperty(keys, async (key) => {
            const bytes = Uint8Array.of(++sequence & 255);
            await store.save(key, token(sequence), bytes);
            assert.deepEqual(await store.load(key), { token: token(sequence), bytes });
          }),
          { numRuns: 100 },
        );
      });

      for (const [what, key] of REFUSED_KEYS) {
        it(`${what} is refused as invalid-name, not delivered, and harms nothing else of its turn`, async () => {
          const saved = store.save("k", token(1), Uint8Array.of(1));
          await rejects(store.save(key, token(1), Uint8Array.of(2)), "invalid-name", "not-delivered");
          await rejects(store.load(key), "invalid-name", "not-delivered");
          await rejects(store.generationOf(key), "invalid-name", "not-delivered");
          assert.deepEqual(await saved, { kind: "saved" });
        });
      }

      it("a state over STATE_BYTES_MAX is refused as message-too-large, and the old one stays", async () => {
        await store.save("k", token(1), Uint8Array.of(1));
        const bytes = new Uint8Array(STATE_BYTES_MAX + 1);
        await rejects(store.save("k", token(1), bytes), "message-too-large", "not-delivered");
        assert.equal(firstByte(await store.load("k")), 1);
      });
    });

    describe("the fence", () => {
      it("an equal token overwrites", async () => {
        await store.save("k", token(1), Uint8Array.of(1));
        assert.deepEqual(await store.save("k", token(1), Uint8Array.of(2)), { kind: "saved" });
        assert.equal(firstByte(await store.load("k")), 2);
      });

      it("a lower token is fenced, told the stored one, and changes nothing", async () => {
        await store.save("k", token(2), Uint8Array.of(2));
        const result = await store.save("k", token(1), Uint8Array.of(1));
        assert.deepEqual(result, { kind: "fenced", stored: token(2) });
        assert.deepEqual(await store.load("k"), { token: token(2), bytes: Uint8Array.of(2) });
      });

      it("generation outweighs configuration, and configuration sequence, at every size", async () => {
        for (const [index, rising] of RISING_TOKENS.entries()) {
          await store.save("k", rising, Uint8Array.of(index));
          for (const lower of RISING_TOKENS.slice(0, index)) {
            assert.deepEqual(await store.save("k", lower, Uint8Array.of(99)), { kind: "fenced", stored: rising });
          }
          assert.deepEqual(await store.load("k"), { token: rising, bytes: Uint8Array.of(index) });
        }
      });

      it("a fenced save does not fail the others of its turn", async () => {
        await store.save("b", token(9), Uint8Array.of(9));
        const results = await Promise.all(["a", "b", "c"].map((key) => store.save(key, token(1), Uint8Array.of(1))));
        assert.deepEqual(results.map(({ kind }) => kind), ["saved", "fenced", "saved"]);
        const loaded = await Promise.all(["a", "b", "c"].map((key) => store.load(key)));
        assert.deepEqual(loaded.map(firstByte), [1, 9, 1]);
      });

      it("one key's fence is not another's", async () => {
        await store.save("a", token(9), Uint8Array.of(9));
        assert.deepEqual(await store.save("b", token(1), Uint8Array.of(1)), { kind: "saved" });
      });
    });

    describe("close() and open()", () => {
      it("states and their fence survive close() and open()", async () => {
        await store.save("k", token(2), Uint8Array.of(2));
        await reopened();
        assert.deepEqual(await store.load("k"), { token: token(2), bytes: Uint8Array.of(2) });
        assert.deepEqual(await store.save("k", token(1), Uint8Array.of(1)), { kind: "fenced", stored: token(2) });
      });

      it("two stores of one provider see each other's saves", async () => {
        const other = await fixture.provider.open();
        await store.save("k", token(2), Uint8Array.of(2));
        assert.equal(firstByte(await other.load("k")), 2);
        assert.deepEqual(await other.save("k", token(1), Uint8Array.of(1)), { kind: "fenced", stored: token(2) });
        await other.close();
        assert.equal(firstByte(await store.load("k")), 2);
      });

      it("close() writes what is waiting before it resolves", async () => {
        const saved = store.save("k", token(1), Uint8Array.of(7));
        await reopened();
        assert.deepEqual(await saved, { kind: "saved" });
        assert.equal(firstByte(await store.load("k")), 7);
      });

      it("close() may be repeated, and while it is closing too", async () => {
        await Promise.all([store.close(), store.close()]);
        await store.close();
      });

      it("a closed store refuses everything, not delivered", async () => {
        const closing = store.close();
        await rejects(store.save("k", token(1), new Uint8Array(1)), "store-failed", "not-delivered");
        await closing;
        await rejects(store.save("k", token(1), new Uint8Array(1)), "store-failed", "not-delivered");
        await rejects(store.load("k"), "store-failed", "not-delivered");
        await rejects(store.generationOf("c"), "store-failed", "not-delivered");
        assert.equal(await (await reopened()).load("k"), undefined);
      });
    });

    describe("generationOf()", () => {
      it("starts at 1, grows by one a cluster id, and repeats what it gave", async () => {
        const given = [];
        for (const id of ["c1", "c2", "c1", "c3", "c2"]) given.push(await store.generationOf(id));
        assert.deepEqual(given, [1, 2, 1, 3, 2]);
      });

      it("survives close() and open()", async () => {
        assert.deepEqual([await store.generationOf("c1"), await store.generationOf("c2")], [1, 2]);
        await reopened();
        assert.deepEqual([await store.generationOf("c3"), await store.generationOf("c1")], [3, 1]);
      });

      it("gives two stores that race the same number for one id and different ones for two", async () => {
        const other = await fixture.provider.open();
        const ids = Array.from({ length: 20 }, (_, index) => `c${index >> 1}`);
        const given = await Promise.all(ids.map((id, index) => (index % 2 ? store : other).generationOf(id)));
        const alone = await Promise.all(
          Array.from({ length: 20 }, (_, index) => (index % 2 ? store : other).generationOf(`alone${index}`)),
        );
        await other.close();
        const pairs = ids.map((_, index) => [given[index], given[index ^ 1]]);
        assert.ok(pairs.every(([one, two]) => one === two), "both were told the same");
        const all = [...new Set(given), ...alone].sort((one, two) => one - two);
        assert.deepEqual(all, Array.from({ length: 30 }, (_, index) => index + 1));
      });
    });

    fenceProperties(makeFixture);
  });
}

/** Keys that a careless store would mix up: case, normal forms, trailing spaces, NUL, quotes, wildcards. */
const LOOKALIKES: readonly string[] = [
  ...["k", "K", "k ", " k", "k\0", "k\0a", "\0k", "k'", 'k"', "k%", "k_", "k;--", "1", "01", "1.0", "null"],
  ...["\u00e9", "e\u0301", "\u{1f600}", "\u{1f601}", "\ufffd", "日本", "a/b", "a:b", "k".repeat(KEY_CHARS_MAX)],
];

const REFUSED_KEYS: readonly (readonly [string, string])[] = [
  ["an empty key", ""],
  [`a key over ${KEY_CHARS_MAX} characters`, "k".repeat(KEY_CHARS_MAX + 1)],
  ["a key with half a surrogate pair", "k\ud800"],
];

const RISING_TOKENS: readonly FencingToken[] = [
  fencingToken(0, 0, 0),
  fencingToken(1, 0, 9),
  fencingToken(1, 0, 10),
  fencingToken(1, 0, 2 ** 51),
  fencingToken(1, 1, 0),
  fencingToken(1, 16, 1),
  fencingToken(1, 2 ** 32 - 1, 1),
  fencingToken(2, 0, 0),
  fencingToken(2 ** 32 - 1, 0, 0),
];

function token(sequence: number): FencingToken {
  return fencingToken(1, 1, sequence);
}

function firstByte(stored: StoredState | undefined): number | undefined {
  return stored?.bytes[0];
}

async function rejects(promise: Promise<unknown>, code: string, fate: Fate): Promise<void> {
  await assert.rejects(promise, (thrown) => {
    assert.ok(thrown instanceof ActorError, `an ActorError, not ${String(thrown)}`);
    assert.deepEqual({ code: thrown.code, fate: thrown.fate }, { code, fate });
    return true;
  });
}
