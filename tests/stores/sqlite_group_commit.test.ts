import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { fencingToken } from "../../core/store.ts";
import type { FencingToken } from "../../core/store.ts";
import { BATCH_BYTES_MAX, BATCH_OPERATIONS_MAX, GroupCommit } from "../../stores/sqlite_group_commit.ts";
import type { GroupCommitLimits } from "../../stores/sqlite_group_commit.ts";
import { RETRY_MS_MAX, RETRY_MS_MIN, retryWaitMs } from "../../stores/sqlite_retry.ts";
import { BUSY, ScriptedMedium, StillOutside } from "./scripted_medium.ts";

const LIMITS: GroupCommitLimits = { timeoutMs: 1000, waitingOperationsMax: 4096, waitingBytesMax: 1 << 30 };
const TOKEN: FencingToken = fencingToken(1, 1, 1);

describe("GroupCommit", () => {
  it("runs the operations of one turn in one transaction, in order, and resolves after its commit", async () => {
    const { store, medium, outside } = makeStore();
    const settled = Promise.all([
      store.save("a", TOKEN, new Uint8Array(1)).then(() => medium.log.push("a resolved")),
      store.load("a").then(() => medium.log.push("load resolved")),
      store.generationOf("c").then(() => medium.log.push("generation resolved")),
    ]);
    assert.deepEqual(medium.log, [], "nothing runs before the turn has ended");
    outside.endTurn();
    await settled;
    assert.deepEqual(medium.log, [
      ...["begin writing", "save a", "load a", "generation c", "commit"],
      ...["a resolved", "load resolved", "generation resolved"],
    ]);
  });

  it("takes no write lock for loads alone", async () => {
    const { store, medium, outside } = makeStore();
    const loaded = Promise.all([store.load("a"), store.load("b")]);
    outside.endTurn();
    await loaded;
    assert.deepEqual(medium.log, ["begin reading", "load a", "load b", "commit"]);
  });

  it("lets other work in after BATCH_OPERATIONS_MAX operations", async () => {
    const { store, medium, outside } = makeStore();
    const loads = Array.from({ length: BATCH_OPERATIONS_MAX + 1 }, () => store.load("k"));
    outside.endTurn();
    assert.equal(medium.count("load"), BATCH_OPERATIONS_MAX);
    outside.endTurn();
    await Promise.all(loads);
    assert.equal(medium.count("begin"), 2);
  });

  it("lets other work in after BATCH_BYTES_MAX bytes, saved or loaded", async () => {
    const { store, medium, outside } = makeStore();
    const half = new Uint8Array(BATCH_BYTES_MAX / 2);
    const saves = ["a", "b", "c"].map((key) => store.save(key, TOKEN, half));
    outside.endTurn();
    assert.equal(medium.count("save"), 2);
    outside.endTurn();
    await Promise.all(saves);
    const loads = ["a", "b", "c"].map((key) => store.load(key));
    outside.endTurn();
    assert.equal(medium.count("load"), 2);
    outside.endTurn();
    await Promise.all(loads);
  });

  describe("when an operation fails", () => {
    it("runs the others of its transaction alone, once each, and fails only the one", async () => {
      const { store, medium, outside } = makeStore();
      medium.failing.set("save b", new Error("disk full"));
      const saved = settle(["a", "b", "c"].map((key) => store.save(key, TOKEN, new Uint8Array(1))));
      outside.endTurns(4);
      assert.deepEqual(await saved, ["saved", "store-failed unknown: Cannot use the store p: disk full", "saved"]);
      assert.deepEqual(medium.log, [
        ...["begin writing", "save a", "rollback"],
        ...["begin writing", "save a", "commit", "begin writing", "rollback", "begin writing", "save c", "commit"],
      ]);
    });

    it("groups again afterwards", async () => {
      const { store, medium, outside } = makeStore();
      medium.failing.set("save b", new Error("disk full"));
      const first = settle(["a", "b"].map((key) => store.save(key, TOKEN, new Uint8Array(1))));
      outside.endTurns(3);
      await first;
      medium.log.length = 0;
      const second = settle(["c", "d"].map((key) => store.save(key, TOKEN, new Uint8Array(1))));
      outside.endTurn();
      await second;
      assert.deepEqual(medium.log, ["begin writing", "save c", "save d", "commit"]);
    });

    it("rejects all of a failed commit, fate unknown, and repeats none", async () => {
      const { store, medium, outside } = makeStore();
      medium.failing.set("commit", new Error("disk I/O error"));
      const saved = settle(["a", "b"].map((key) => store.save(key, TOKEN, new Uint8Array(1))));
      outside.endTurn();
      const reason = "store-failed unknown: Cannot use the store p: disk I/O error";
      assert.deepEqual(await saved, [reason, reason]);
      assert.deepEqual(medium.log, ["begin writing", "save a", "save b", "rollback"]);
      assert.equal(outside.turns.length, 0);
    });

    it("a failed commit leaves alone what did not fit in its transaction", async () => {
      const { store, medium, outside } = makeStore();
      medium.failing.set("commit", new Error("disk I/O error"));
      const large = new Uint8Array(BATCH_BYTES_MAX);
      const saved = settle(["a", "b"].map((key) => store.save(key, TOKEN, large)));
      outside.endTurn();
      medium.failing.clear();
      outside.endTurn();
      assert.deepEqual(await saved, ["store-failed unknown: Cannot use the store p: disk I/O error", "saved"]);
    });

    it("a busy commit is a failed commit", async () => {
      const { store, medium, outside } = makeStore();
      medium.failing.set("commit", BUSY);
      const saved = settle([store.save("a", TOKEN, new Uint8Array(1))]);
      outside.endTurn();
      assert.deepEqual(await saved, ["store-failed unknown: Cannot use the store p: busy"]);
    });
  });

  describe("while others hold the medium", () => {
    it("waits on a timer, and everything that came meanwhile is one transaction", async () => {
      const { store, medium, outside } = makeStore();
      medium.failing.set("begin writing", BUSY);
      const first = store.save("a", TOKEN, new Uint8Array(1));
      outside.endTurn();
      const second = store.save("b", TOKEN, new Uint8Array(1));
      assert.deepEqual([outside.turns.length, outside.timers.length], [0, 1]);
      medium.failing.clear();
      outside.fireTimer();
      await Promise.all([first, second]);
      assert.deepEqual(medium.log.slice(-4), ["begin writing", "save a", "save b", "commit"]);
    });

    it("a read that meets a busy medium waits too", async () => {
      const { store, medium, outside } = makeStore();
      medium.failing.set("load a", BUSY);
      const loaded = Promise.all([store.load("a"), store.load("b")]);
      outside.endTurn();
      medium.failing.clear();
      outside.fireTimer();
      assert.deepEqual(await loaded, [undefined, undefined]);
    });

    it("waits longer each time, then RETRY_MS_MAX, and begins anew when the medium was its own", async () => {
      const { store, medium, outside } = makeStore({ timeoutMs: 10_000 });
      medium.failing.set("begin writing", BUSY);
      const saved = store.save("a", TOKEN, new Uint8Array(1));
      outside.endTurn();
      for (let retry = 0; retry < 8; retry++) outside.fireTimer();
      medium.failing.clear();
      outside.fireTimer();
      await saved;
      assert.deepEqual(outside.waits, [1, 2, 3, 6, 12, 24, 24, 24, 24]);
      medium.failing.set("begin writing", BUSY);
      settle([store.save("a", TOKEN, new Uint8Array(1))]);
      outside.endTurn();
      assert.equal(outside.waits.at(-1), 1);
    });

    it("gives up each operation at its own deadline, fate unknown, and goes on with the rest", async () => {
      const { store, medium, outside } = makeStore({ timeoutMs: 100 });
      medium.failing.set("begin writing", BUSY);
      const first = settle([store.save("a", TOKEN, new Uint8Array(1))]);
      outside.endTurn();
      outside.nowMs += 60;
      const second = settle([store.save("b", TOKEN, new Uint8Array(1))]);
      outside.nowMs += 40;
      outside.fireTimer(0);
      assert.deepEqual(await first, ["store-failed unknown: Cannot use the store p: others held it for 100 ms"]);
      medium.failing.clear();
      outside.fireTimer();
      assert.deepEqual(await second, ["saved"]);
      assert.equal(medium.count("save a"), 0);
    });

    it("never waits past the first deadline", () => {
      const { store, medium, outside } = makeStore({ timeoutMs: 4 });
      medium.failing.set("begin writing", BUSY);
      settle([store.save("a", TOKEN, new Uint8Array(1))]);
      outside.endTurn();
      for (let retry = 0; outside.timers.length > 0; retry++) outside.fireTimer();
      assert.deepEqual(outside.waits, [1, 2, 1]);
    });
  });

  describe("at its limits", () => {
    it("refuses one operation more than waitingOperationsMax, not delivered, until some have run", async () => {
      const { store, outside } = makeStore({ waitingOperationsMax: 2 });
      const waiting = [store.load("a"), store.load("b")];
      const refused = "store-failed not-delivered: Cannot use the store p: its limit of 2 operations is waiting";
      assert.deepEqual(await settle([store.load("c")]), [refused]);
      outside.endTurn();
      await Promise.all(waiting);
      const next = store.load("c");
      outside.endTurn();
      assert.equal(await next, undefined);
    });

    it("refuses bytes over waitingBytesMax, not delivered, until some are written", async () => {
      const { store, outside } = makeStore({ waitingBytesMax: 10 });
      const waiting = store.save("a", TOKEN, new Uint8Array(6));
      const refused = "store-failed not-delivered: Cannot use the store p: its limit of 10 bytes is waiting";
      assert.deepEqual(await settle([store.save("b", TOKEN, new Uint8Array(5))]), [refused]);
      outside.endTurn();
      await waiting;
      const next = store.save("b", TOKEN, new Uint8Array(10));
      outside.endTurn();
      assert.deepEqual(await next, { kind: "saved" });
    });

    it("property: whatever fails or waits, every operation settles and no byte stays counted", async () => {
      const step = fc.constantFrom("save", "load", "turn", "busy", "broken commit", "broken save", "well", "late");
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (script) => {
          const { store, medium, outside } = makeStore({ timeoutMs: 20, waitingBytesMax: 100 });
          const asked: Promise<unknown>[] = [];
          for (const [index, what] of script.entries()) {
            if (what === "save") asked.push(store.save(`k${index % 3}`, TOKEN, new Uint8Array(7)));
            else if (what === "load") asked.push(store.load("k0"));
            else if (what === "turn") outside.endTurns(1);
            else if (what === "late") outside.nowMs += 15;
            else medium.fail(what);
          }
          const settled = settle(asked);
          medium.fail("well");
          outside.runOut();
          assert.equal((await settled).length, asked.length);
          const full = settle([store.save("k", TOKEN, new Uint8Array(100))]);
          outside.runOut();
          assert.deepEqual(await full, ["saved"]);
        }),
      );
    });
  });

  describe("close()", () => {
    it("waits for what waits, refuses what comes, and closes the medium once", async () => {
      const { store, medium, outside } = makeStore();
      const saved = store.save("a", TOKEN, new Uint8Array(1));
      const closed = [store.close(), store.close()];
      assert.deepEqual(await settle([store.load("a")]), [
        "store-failed not-delivered: Cannot use the store p: it is closed",
      ]);
      outside.endTurn();
      await Promise.all([saved, ...closed, store.close()]);
      assert.deepEqual(medium.log, ["begin writing", "save a", "commit", "close"]);
    });

    it("closes also when others hold the medium until the deadline", async () => {
      const { store, medium, outside } = makeStore({ timeoutMs: 100 });
      medium.failing.set("begin writing", BUSY);
      const saved = settle([store.save("a", TOKEN, new Uint8Array(1))]);
      const closed = store.close();
      outside.endTurn();
      outside.nowMs += 100;
      outside.fireTimer();
      await closed;
      assert.deepEqual(await saved, ["store-failed unknown: Cannot use the store p: others held it for 100 ms"]);
      assert.equal(medium.log.at(-1), "close");
    });

    it("rejects when the medium does not close, each time it is asked", async () => {
      const { store, medium } = makeStore();
      medium.failing.set("close", new Error("disk I/O error"));
      const reason = "store-failed unknown: Cannot use the store p: disk I/O error";
      assert.deepEqual(await settle([store.close(), store.close()]), [reason, reason]);
    });
  });
});

describe("retryWaitMs", () => {
  it("property: is whole, in range, and at least half of a ceiling that doubles", () => {
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(fc.property(fc.nat(2000), random, (retryIndex, random) => {
      const waitMs = retryWaitMs(retryIndex, random);
      const ceilingMs = Math.min(RETRY_MS_MAX, 2 ** retryIndex);
      assert.ok(Number.isInteger(waitMs) && waitMs >= RETRY_MS_MIN && waitMs <= RETRY_MS_MAX);
      assert.ok(waitMs >= ceilingMs / 2 && waitMs <= ceilingMs);
    }));
  });
});

function makeStore(limits: Partial<GroupCommitLimits> = {}): {
  readonly store: GroupCommit;
  readonly medium: ScriptedMedium;
  readonly outside: StillOutside;
} {
  const [medium, outside] = [new ScriptedMedium(), new StillOutside()];
  return { store: new GroupCommit("p", medium, { ...LIMITS, ...limits }, outside), medium, outside };
}

/** What became of each: the kind of its result, or code, fate and message of its failure. */
function settle(promises: readonly Promise<unknown>[]): Promise<readonly unknown[]> {
  return Promise.all(promises.map((promise) =>
    promise.then(
      (result) => typeof result === "object" && result !== null && "kind" in result ? result.kind : result,
      (error) => `${error.code} ${error.fate}: ${error.message}`,
    )
  ));
}
