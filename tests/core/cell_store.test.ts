/**
 * Stored state: loaded before the first message, saved under the activation's token, and what a fence does.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { ActorError } from "../../core/failure.ts";
import { kind } from "../../core/kind.ts";
import { fencingToken } from "../../core/store.ts";
import { encodeToBytes } from "../../core/codec.ts";
import { memoryStore } from "../../stores/memory.ts";
import { asked } from "../rig/outcome.ts";
import { GatedStore } from "../rig/gated_store.ts";
import { Gates } from "../rig/gates.ts";
import { Rig } from "../rig/rig.ts";

const refs = { dataOf: () => undefined, refOf: () => undefined };

async function world() {
  const journal: string[] = [];
  const gates = new Gates();
  const Account = kind("account", {
    state: () => ({ balance: 0 }),
    store: true,
    idleMs: 1_000,
    reentrant: ["look"],
    supervision: { strategy: "all-for-one", backoff: { minMs: 0, maxMs: 0 }, maxRestarts: 2 },
    onStart: (ctx, reason) => void journal.push(`onStart ${reason} ${ctx.state.balance}`),
    onStop: (_ctx, reason) => void journal.push(`onStop ${reason}`),
    handlers: {
      async deposit(ctx, amount: number): Promise<number> {
        ctx.state.balance += amount;
        await ctx.save();
        return ctx.state.balance;
      },
      depositUnsaved: (ctx, amount: number): number => ctx.state.balance += amount,
      async saveThen(ctx, gate: string): Promise<string> {
        ctx.state.balance += 1;
        const saved = ctx.save();
        ctx.state.balance += 1_000; // after the state was encoded: not part of the save
        await gates.wait(gate);
        await saved;
        return "saved";
      },
      balance: (ctx): number => ctx.state.balance,
      fence: (ctx): string | undefined => ctx.fence,
      look: (ctx): number => ctx.state.balance,
      fail(): void {
        throw new Error("x");
      },
    },
  });
  const Plain = kind("plain", { handlers: { save: (ctx): Promise<void> => ctx.save() } });
  const Family = kind("family", {
    handlers: {
      raise(ctx, name: string): void {
        ctx.spawn(Account, name);
      },
    },
  });
  const store = new GatedStore(await memoryStore().open());
  const rig = new Rig({ kinds: [Account, Plain, Family], store });
  return { journal, gates, store, rig, Account, Plain, Family, alice: rig.grain(Account, "alice") };
}

describe("a stored kind", () => {
  it("has its state before its first message, and its first state when nothing is stored", async () => {
    const { journal, store, rig, alice } = await world();
    store.isGated = true;
    const balance = asked(alice.ask.balance());
    await rig.run();
    assert.deepEqual([rig.statusOf("account:alice"), balance.state], ["starting", "pending"]);
    store.gates.open("load 1");
    await rig.run();
    assert.deepEqual([balance.value, journal], [0, ["onStart activation 0"]]);
    assert.deepEqual(store.calls, ["load 1 account:alice"]);
  });

  it("brings back what was saved, after passivation and after a restart; what was not saved is gone", async () => {
    const { journal, rig, alice } = await world();
    const deposit = asked(alice.ask.deposit(5));
    await rig.run();
    alice.tell.depositUnsaved(100);
    await rig.advance(1_000);
    await rig.sweep();
    const after = asked(alice.ask.balance());
    await rig.run();
    alice.tell.depositUnsaved(100);
    alice.tell.fail();
    const again = asked(alice.ask.balance());
    await rig.run();
    assert.deepEqual([deposit.value, after.value, again.value], [5, 5, 5]);
    assert.deepEqual(journal, [
      "onStart activation 0",
      "onStop passivated",
      "onStart activation 5",
      "onStart restart 5",
    ]);
  });

  it("gives every life a higher token", async () => {
    const { rig, alice } = await world();
    const tokens = [asked(alice.ask.fence())];
    await rig.run();
    alice.tell.fail();
    tokens.push(asked(alice.ask.fence()));
    await rig.run();
    const [first, second] = tokens.map(({ value }) => value as string);
    assert.ok(first !== undefined && second !== undefined && first < second, `${first} < ${second}`);
  });

  it("saves the state as it was when save was called", async () => {
    const { gates, rig, alice } = await world();
    const saved = asked(alice.ask.saveThen("g"));
    await rig.run();
    gates.open("g");
    await rig.run();
    assert.equal(saved.value, "saved");
    alice.tell.fail();
    const balance = asked(alice.ask.balance());
    await rig.run();
    assert.equal(balance.value, 1);
  });

  it("keeps the states of actors, grains and children of one name apart", async () => {
    const { store, rig, Account, Family } = await world();
    rig.spawn(Account, "alice");
    rig.spawn(Family, "f").tell.raise("alice");
    asked(rig.grain(Account, "alice").ask.balance());
    await rig.run();
    assert.deepEqual(store.calls.map((call) => call.split(" ")[2]).sort(), [
      "account:alice",
      "account@alice",
      "account@f/alice",
    ]);
  });
});

describe("a load", () => {
  it("that fails is a failed start: the first asks hear why", async () => {
    const { store, rig, alice } = await world();
    store.isGated = true;
    const balance = asked(alice.ask.balance());
    await rig.run();
    store.gates.fail("load 1", new ActorError("store-failed", "the disk is gone"));
    await rig.run();
    assert.equal(balance.outcome, "start-failed/not-delivered");
    assert.equal(balance.error?.message, "Cannot start account:alice: the disk is gone");
    assert.equal(rig.statusOf("account:alice"), "absent");
  });

  it("that fails in a restart is tried again by supervision, without running onStop for a life that never was", async () => {
    const { journal, store, rig, alice } = await world();
    asked(alice.ask.balance());
    await rig.run();
    store.isGated = true;
    alice.tell.fail();
    const balance = asked(alice.ask.balance());
    await rig.run();
    store.gates.fail("load 2", new Error("x"));
    await rig.run();
    assert.equal(rig.statusOf("account:alice"), "starting");
    store.gates.open("load 3");
    await rig.run();
    assert.deepEqual([balance.value, journal], [0, ["onStart activation 0", "onStart restart 0"]]);
    alice.tell.fail();
    await rig.run();
    assert.deepEqual([rig.statusOf("account:alice"), journal.at(-1)], ["absent", "onStop restart-budget-spent"]);
  });

  it("of bytes that are no state is a failed start, and a higher token than ours is a fence", async () => {
    const { store, rig, Account } = await world();
    await store.save("account:broken", fencingToken(0, 0, 0), new Uint8Array([255, 255, 255]));
    await store.save("account:theirs", fencingToken(9, 0, 0), encodeToBytes({ balance: 1 }, refs, 1_000));
    const broken = asked(rig.grain(Account, "broken").ask.balance());
    const theirs = asked(rig.grain(Account, "theirs").ask.balance());
    await rig.run();
    assert.equal(broken.outcome, "start-failed/not-delivered");
    assert.equal((broken.error?.cause as ActorError).code, "malformed-bytes");
    assert.equal(theirs.outcome, "fenced-write/not-delivered");
    assert.deepEqual(rig.history("actorStopped"), [
      "actorStopped account:broken start-failed",
      "actorStopped account:theirs fenced",
    ]);
  });

  it("that answers after the actor was stopped does nothing", async () => {
    const { journal, store, rig, Account } = await world();
    store.isGated = true;
    const started = rig.starting(Account, "a");
    await rig.run();
    const stopped = rig.operate("a", { op: "stop", key: rig.actor(Account, "a").key, isDraining: false });
    await rig.run();
    assert.deepEqual([stopped.value, started.outcome, rig.statusOf("a")], [
      true,
      "actor-stopped/not-delivered",
      "absent",
    ]);
    store.gates.open("load 1");
    await rig.run();
    assert.deepEqual(journal, []);
  });

  it("under way is not begun a second time when a sibling drags its actor into a restart", async () => {
    const { journal, store, rig, Account, Family } = await world();
    rig.spawn(Family, "f").tell.raise("x");
    await rig.run();
    journal.length = 0;
    store.isGated = true;
    rig.actor(Family, "f").tell.raise("y");
    await rig.run();
    rig.actor(Account, "f/x").tell.fail(); // all-for-one: y, still loading, is concerned
    await rig.run();
    for (const call of store.gates.waiting) store.gates.open(call);
    await rig.run();
    assert.deepEqual(store.calls, ["load 1 account@f/x", "load 2 account@f/y", "load 3 account@f/x"]);
    assert.deepEqual(journal.sort(), ["onStart restart 0", "onStart spawn 0"]);
  });
});

describe("a save", () => {
  it("that is fenced fails with fenced-write and ends the activation without onStop", async () => {
    const { journal, store, rig, alice } = await world();
    asked(alice.ask.balance());
    await rig.run();
    await store.save("account:alice", fencingToken(5, 0, 0), encodeToBytes({ balance: 77 }, refs, 1_000));
    const deposit = asked(alice.ask.deposit(1));
    const behind = asked(alice.ask.balance());
    await rig.run();
    assert.equal(deposit.outcome, "fenced-write/delivered");
    assert.equal(deposit.error?.details.ownGeneration, 1);
    assert.equal(behind.outcome, "actor-stopped/not-delivered");
    assert.deepEqual([journal, rig.history("actorStopped")], [["onStart activation 0"], [
      "actorStopped account:alice fenced",
    ]]);
  });

  it("that fails is the handler's to deal with: by default the ask fails and the actor goes on", async () => {
    const { store, rig, alice } = await world();
    asked(alice.ask.balance());
    await rig.run();
    store.isGated = true;
    const deposit = asked(alice.ask.deposit(1));
    await rig.run();
    store.gates.fail("save 1", new ActorError("store-failed", "busy"));
    await rig.run();
    assert.deepEqual([deposit.outcome, rig.statusOf("account:alice")], ["store-failed/delivered", "running"]);
  });

  it("that is still under way when the actor is restarted fences nobody", async () => {
    const { store, rig, Account, Family } = await world();
    rig.spawn(Family, "f").tell.raise("x");
    rig.actor(Family, "f").tell.raise("y");
    await rig.run();
    store.isGated = true;
    const deposit = asked(rig.actor(Account, "f/x").ask.deposit(1));
    await rig.run();
    rig.actor(Account, "f/y").tell.fail();
    await rig.run();
    assert.equal(deposit.outcome, "actor-restarted/delivered");
    for (const call of store.gates.waiting) store.gates.open(call);
    await rig.run();
    const balance = asked(rig.actor(Account, "f/x").ask.balance());
    await rig.run();
    assert.deepEqual([balance.value, rig.history("actorStopped")], [1, []]);
  });

  it("of a kind that is not stored, or in a system without a store, says so", async () => {
    const { rig, Plain } = await world();
    const plain = asked(rig.grain(Plain, "p").ask.save());
    const none = new Rig({ kinds: [Plain] });
    const without = asked(none.grain(Plain, "p").ask.save());
    await rig.run();
    await none.run();
    assert.deepEqual([plain.outcome, without.outcome], ["store-missing/delivered", "store-missing/delivered"]);
  });
});
