/**
 * What docs/OPERATIONS.md says of a new version of a program: two nodes of one cluster in this process, one of which has
 * older kinds. They share a store, and the older one leaves in the end.
 *
 * @module
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { ActorSystem, type AnyKind, type AnyRef, kind, memoryStore, staticDiscovery } from "../../mod.ts";
import { eventually, failureOf } from "../fixtures/conditions.ts";
import { freePorts } from "../../examples/demo/ports.ts";
import { freshName } from "../fixtures/plan.ts";
import { quietLog } from "../fixtures/quiet_log.ts";

interface Saved {
  balance: number;
  currency?: string;
}

const OldAccount = kind("account", {
  state: (): Saved => ({ balance: 0 }),
  store: true,
  placement: "local",
  handlers: {
    get: (ctx): Saved => ctx.state,
    async add(ctx, amount: number): Promise<void> {
      ctx.state.balance += amount;
      await ctx.save();
    },
    close: (): string => "closed",
    senderOf: (ctx): string => ctx.sender?.kind ?? "nobody",
    take: (_ctx, _ref: AnyRef): string => "taken",
  },
});

/** Handlers in another order, one more and one less; and a state that has grown. */
const NewAccount = kind("account", {
  state: (): Saved => ({ balance: 0, currency: "EUR" }),
  store: true,
  placement: "local",
  onStart(ctx) {
    ctx.state.currency ??= "EUR";
  },
  handlers: {
    freeze: (): string => "frozen",
    senderOf: (ctx): string => ctx.sender?.kind ?? "nobody",
    take: (_ctx, _ref: AnyRef): string => "taken",
    async add(ctx, amount: number): Promise<void> {
      ctx.state.balance += amount;
      await ctx.save();
    },
    get: (ctx): Saved => ctx.state,
  },
});

const Auditor = kind("auditor", {
  handlers: {
    senderAt: async (ctx, name: string): Promise<string> => await ctx.grain(NewAccount, name).ask.senderOf(),
  },
});

const OldJob = kind("job", { state: (init: { a: number }) => init, handlers: { get: (ctx) => ctx.state } });
const NewJob = kind("job", {
  state: (init: { a: number; b?: number }) => ({ a: init.a, b: init.b ?? 7 }),
  handlers: { get: (ctx) => ctx.state },
});

describe("two versions of a program in one cluster", { timeout: 60_000 }, () => {
  const store = memoryStore();
  let older: ActorSystem;
  let newer: ActorSystem;

  before(async () => {
    const ports = await freePorts(2);
    const addresses = ports.map((port) => `127.0.0.1:${port}`);
    const name = freshName("versions");
    const start = (port: number | undefined, kinds: readonly AnyKind[]) =>
      ActorSystem.start({
        name,
        kinds,
        workers: 0,
        store,
        log: quietLog,
        listen: { port },
        cluster: { discovery: staticDiscovery({ addresses }), minimumPeersQuorum: 2, profile: "fast" },
      });
    [older, newer] = await Promise.all([
      start(ports[0], [OldAccount, OldJob]),
      start(ports[1], [NewJob, NewAccount, Auditor]),
    ]);
    await eventually("both are ready", () => [older, newer].every((node) => node.health().isReady));
    await older.grain(OldAccount, "ann").ask.add(5);
    await newer.grain(NewAccount, "bob").ask.add(3);
  });

  after(() => Promise.all([older, newer].map((node) => node.stop({ timeoutMs: 5_000 }))));

  it("finds handlers by name, in whichever order they stand", async () => {
    assert.deepEqual(await newer.grain(NewAccount, "ann").ask.get(), { balance: 5 });
    assert.deepEqual(await older.grain(OldAccount, "bob").ask.get(), { balance: 3, currency: "EUR" });
  });

  it("refuses a handler that the other one doesn't have, and runs nothing", async () => {
    const failures = [
      await failureOf(newer.grain(NewAccount, "ann").ask.freeze()),
      await failureOf(older.grain(OldAccount, "bob").ask.close()),
    ];
    const refused = ["handler-unknown", "not-delivered"];
    assert.deepEqual(failures.map(({ code, fate }) => [code, fate]), [refused, refused]);
  });

  it("makes a tell to such a handler a dead letter there", async () => {
    const letters = older.deadLetters();
    assert.equal(newer.grain(NewAccount, "ann").tell.freeze(), true);
    const { value } = await letters.next();
    assert.deepEqual([value?.reason, value?.to.key], ["handler-unknown", "account:ann"]);
    letters.close();
  });

  it("runs a new kind on new nodes, and knows nothing of it on old ones", async () => {
    const auditor = newer.grain(Auditor, "x");
    assert.equal(await auditor.ask.senderAt("ann"), "nobody");
    assert.equal((await failureOf(newer.grain(NewAccount, "ann").ask.take(auditor))).code, "kind-unknown");
    assert.throws(() => older.grain(Auditor, "x"), { code: "kind-unknown" });
  });

  it("moves what an old node leaves: state as it was saved, and the init of the old spawn", async () => {
    await older.spawn("job", OldJob, { init: { a: 4 } });
    await older.stop({ timeoutMs: 20_000 });
    assert.deepEqual(await newer.grain(NewAccount, "ann").ask.get(), { balance: 5, currency: "EUR" });
    assert.deepEqual(await newer.actor(NewJob, "job").ask.get(), { a: 4, b: 7 });
  });
});
