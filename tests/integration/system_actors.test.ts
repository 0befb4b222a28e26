/**
 * Spawning, finding, listing and stopping actors, and what refs do: the same with every number of workers.
 *
 * @module
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { ActorSystem } from "../../mod.ts";
import { eventually, failureOf, nameOn, threadOf, thrownBy } from "../fixtures/conditions.ts";
import { freshName } from "../fixtures/plan.ts";
import {
  Bomb,
  Counter,
  Diarist,
  Echo,
  Gate,
  Recorder,
  Relay,
  startTheatre,
  StillBorn,
  Stranger,
} from "../fixtures/theatre.ts";

for (const workers of [0, 1, 2, 3]) {
  describe(`actors with ${workers} workers`, () => {
    const start = () => startTheatre({ name: freshName("actors"), workers });
    let system: ActorSystem;
    before(async () => {
      system = await start();
    });
    after(async () => await system.stop({ timeoutMs: 2_000 }));

    it("a spawned actor answers under its name, until it is stopped", async () => {
      const one = await system.spawn("one", Counter, { init: { from: 5 } });
      assert.equal(one.tell.add(2), true);
      assert.equal(await one.ask.total(), 7);
      assert.equal(await one.ask.totalLater(), 7);
      const found = await system.actorOf("one", Counter);
      assert.equal(await found?.ask.total(), 7);
      assert.equal(await system.actor(Counter, "one").ask.total(), 7);
      assert.equal(await system.actorOf("one", Recorder), undefined);
      assert.equal(await system.actorExists("one"), true);
      assert.equal(await system.stop("one"), true);
      assert.equal(await system.stop("one"), false);
      assert.equal(await system.actorExists("one"), false);
      assert.equal(await system.actorOf("one", Counter), undefined);
      assert.equal((await failureOf(one.ask.total())).code, "actor-not-found");
    });

    it("a name is free again when stop resolves, and the next actor of it begins anew", async () => {
      for (let round = 0; round < 20; round++) {
        const one = await system.spawn("again", Counter);
        one.tell.add(1);
        assert.equal(await one.ask.total(), 1);
        assert.equal(await system.stop(one), true);
      }
    });

    it("a grain needs no spawn, keeps its state, and begins anew after it was stopped", async () => {
      const alice = system.grain(Counter, "alice");
      alice.tell.add(1);
      assert.equal(await alice.ask.total(), 1);
      assert.equal(await system.grain(Counter, "alice").ask.total(), 1);
      assert.equal(await system.stop(alice), true);
      assert.equal(await alice.ask.total(), 0);
    });

    it("a taken name, a bad name and a kind not given to start are refused with their codes", async () => {
      await system.spawn("taken", Counter, { init: { from: 3 } });
      assert.equal((await failureOf(system.spawn("taken", Counter))).code, "name-taken");
      assert.equal((await failureOf(system.spawn("taken", Recorder))).code, "name-taken");
      assert.equal(await system.actor(Counter, "taken").ask.total(), 3);
      for (const name of ["", "a/b", "a:b", "-a", "ä", "a b", "x".repeat(256)]) {
        assert.equal((await failureOf(system.spawn(name, Counter))).code, "invalid-name", name);
        assert.equal(thrownBy(() => system.grain(Counter, name)).code, "invalid-name", name);
        assert.equal(thrownBy(() => system.actor(Counter, name)).code, "invalid-name", name);
        assert.equal((await failureOf(system.actorOf(name, Counter))).code, "invalid-name", name);
        assert.equal((await failureOf(system.actorExists(name))).code, "invalid-name", name);
        assert.equal((await failureOf((async () => await system.stop(name))())).code, "invalid-name", name);
      }
      assert.equal((await failureOf(system.spawn("strange", Stranger))).code, "kind-unknown");
      assert.equal(thrownBy(() => system.grain(Stranger, "strange")).code, "kind-unknown");
      assert.equal(await system.actorExists("strange"), false);
    });

    it("a spawn whose state or hook fails rejects with the cause, and leaves its name free", async () => {
      const inHook = await failureOf(system.spawn("unborn", StillBorn));
      assert.equal(inHook.code, "start-failed");
      assert.ok(inHook.cause instanceof Error && "code" in inHook.cause && inHook.cause.code === "no-luck");
      assert.match(inHook.message, /not today/);
      const inState = await failureOf(system.spawn("unborn", StillBorn, { init: { how: "state" } }));
      assert.match(inState.message, /no state for this one/);
      const withText = await failureOf(system.spawn("unborn", StillBorn, { init: { how: "text" } }));
      assert.match(withText.message, /a text/);
      assert.equal(await system.actorExists("unborn"), false);
      assert.equal(await (await system.spawn("unborn", Counter)).ask.total(), 0);
    });

    it("a spawn whose onStart does not end in time says that it does not know", async () => {
      await using system = await start();
      const late = await failureOf(system.spawn("never", StillBorn, { init: { how: "never" }, timeoutMs: 20 }));
      assert.deepEqual([late.code, late.fate], ["ask-timeout", "unknown"]);
      await system.stop({ timeoutMs: 1 });
    });

    it("an init that cannot travel is refused with its path", async () => {
      const init = { from: 1, callback: () => 1 };
      if (workers === 0) return;
      const refused = await failureOf(system.spawn("untravelled", Counter, { init }));
      assert.equal(refused.code, "value-cannot-travel");
      assert.match(String(refused.details.path), /callback/);
      assert.equal(await system.actorExists("untravelled"), false);
    });

    it("spawnMany starts all, on every thread, and gives their refs in the order of the names", async () => {
      await using system = await start();
      const names = Array.from({ length: 2500 }, (_, index) => `many-${index}`);
      const refs = await system.spawnMany(names, Counter, { init: { from: 1 } });
      assert.deepEqual(refs.map(({ name }) => name), names);
      assert.equal((await system.stats()).actors.counter, 2500);
      const threads = new Set(refs.map((ref) => threadOf(system, workers, ref)));
      assert.equal(threads.size, Math.max(1, workers));
      const totals = await Promise.all(refs.map((ref) => ref.ask.total()));
      assert.ok(totals.every((total) => total === 1));
      assert.deepEqual(await system.spawnMany([], Counter), []);
    });

    it("spawnMany rejects when one name is taken, and the others run", async () => {
      await system.spawn("sb", Counter, { init: { from: 9 } });
      const refused = await failureOf(system.spawnMany(["sa", "sb", "sc", "sa"], Counter));
      assert.equal(refused.code, "name-taken");
      for (const name of ["sa", "sc"]) assert.equal(await system.actorExists(name), true);
      assert.equal(await system.actor(Counter, "sb").ask.total(), 9);
    });

    it("actors() lists every running actor once, over several pages, and by kind", async () => {
      await using system = await start();
      const names = Array.from({ length: 1500 }, (_, index) => `page-${index}`);
      await system.spawnMany(names, Counter);
      const boss = await system.spawn("boss", Diarist);
      await boss.ask.spawnChild("clerk");
      await eventually("the child runs", () => system.stats().then(({ actors }) => actors.diarist === 2));
      await system.grain(Echo, "echo").ask.echo(1);
      const keys: string[] = [];
      for await (const actor of system.actors()) keys.push(actor.key);
      assert.deepEqual(keys.toSorted(), [...names, "boss", "boss/clerk", "echo:echo"].toSorted());
      const diarists: string[] = [];
      for await (const actor of system.actors({ kind: Diarist })) diarists.push(actor.key);
      assert.deepEqual(diarists.toSorted(), ["boss", "boss/clerk"]);
      let first = "";
      for await (const actor of system.actors({ kind: Echo })) {
        first = actor.address;
        break;
      }
      assert.equal(first, `troupe://${system.name}/echo:echo`);
    });

    it("tellAll takes the front of the list, askAll answers in order", async () => {
      const recorder = await system.spawn("recorder-all", Recorder);
      assert.equal(recorder.tellAll.note([[1], [2], [3]]), 3);
      const outcomes = await recorder.askAll.count([[], []]);
      assert.deepEqual(outcomes, [{ status: "fulfilled", value: 3 }, { status: "fulfilled", value: 3 }]);
      assert.deepEqual(await recorder.ask.seen(), [1, 2, 3]);
      const gone = await system.actor(Counter, "nobody").askAll.total([[], []]);
      assert.deepEqual(gone.map(({ status }) => status), ["rejected", "rejected"]);
    });

    it("messages of one sender to one actor arrive in the order they were sent, tells and asks alike", async () => {
      const recorder = await system.spawn("recorder-order", Recorder);
      const senders = ["a", "b", "c", "d"].map((name) => system.grain(Relay, name));
      const asks: Promise<unknown>[] = [];
      for (let index = 0; index < 500; index++) {
        if (index % 3 === 0) asks.push(recorder.ask.note(["main", index]));
        else assert.equal(recorder.tell.note(["main", index]), true);
      }
      const taken = await Promise.all(senders.map((sender) => sender.ask.noteThrough(recorder, sender.name, 500)));
      assert.deepEqual(taken, [500, 500, 500, 500]);
      await Promise.all(asks);
      const seen = await eventually("all have arrived", async () => {
        const all = await recorder.ask.seen() as readonly (readonly [string, number])[];
        return all.length === 2500 && all;
      });
      for (const sender of ["main", "a", "b", "c", "d"]) {
        const indexes = seen.filter(([from]) => from === sender).map(([, index]) => index);
        assert.deepEqual(indexes, Array.from({ length: 500 }, (_, index) => index), sender);
      }
    });

    it("a ref sent in a message works where it arrives, and comes back as a ref of this thread", async () => {
      const counter = await system.spawn("counter", Counter, { init: { from: 2 } });
      assert.equal(await system.grain(Relay, "relay").ask.askThrough(counter), 2);
      const back = await system.grain(Echo, "echo").ask.echo({ deep: [counter] }) as { deep: [typeof counter] };
      assert.equal(await back.deep[0].ask.total(), 2);
      assert.equal(back.deep[0].key, "counter");
    });

    it("values keep what they are on their way to another thread and back", async () => {
      const value = {
        none: undefined,
        zero: -0,
        not: NaN,
        big: 2n ** 70n,
        when: new Date(5),
        map: new Map<unknown, unknown>([[1, new Set(["a"])]]),
        bytes: new Uint8Array([1, 2]),
        floats: new Float64Array([1.5]),
        text: "ä𝒳",
        error: new RangeError("out", { cause: "of range" }),
      };
      const back = await system.grain(Relay, "relay").ask.relay("echo", value) as typeof value;
      assert.deepEqual({ ...back, error: undefined }, { ...value, error: undefined });
      assert.ok(Object.is(back.zero, -0) && "none" in back);
      assert.deepEqual([back.error.name, back.error.message, back.error.cause], ["RangeError", "out", "of range"]);
    });

    it("stop with drain lets run what is queued, stop without it makes dead letters of it", async () => {
      const recorder = await system.spawn("recorder-drain", Recorder);
      for (let index = 0; index < 100; index++) recorder.tell.note(index);
      const answer = recorder.ask.count();
      assert.equal(await system.stop(recorder, { drain: true }), true);
      assert.equal(await answer, 100);

      const gate = await system.spawn("gate", Gate);
      const passing = gate.ask.pass();
      await eventually("the gate holds", () => gate.ask.waiting());
      for (let index = 0; index < 5; index++) gate.tell.note(index);
      const behind = failureOf(gate.ask.pass());
      const before = (await system.stats()).deadLetters["actor-stopped"] ?? 0;
      assert.equal(await system.stop(gate), true);
      await passing;
      assert.equal((await behind).code, "actor-stopped");
      assert.equal(((await system.stats()).deadLetters["actor-stopped"] ?? 0) - before, 6);
    });

    it("an actor's children stop with it", async () => {
      await using system = await start();
      const boss = await system.spawn("boss", Diarist);
      await boss.ask.spawnChild("clerk");
      assert.equal(await boss.ask.children(), 1);
      await system.stop(boss);
      assert.equal((await system.stats()).actors.diarist, undefined);
    });

    it("stats counts the actors of every kind and what crossed from thread to thread", async () => {
      await using system = await start();
      await system.spawnMany(["a", "b", "c"], Counter);
      await system.spawn("bomb", Bomb);
      await system.actor(Counter, "a").ask.total();
      const { actors, threads, recordsAcross, messagesLocal } = await system.stats();
      assert.deepEqual(actors, { counter: 3, bomb: 1 });
      assert.deepEqual(threads.map(({ thread }) => thread), Array.from({ length: workers + 1 }, (_, index) => index));
      assert.equal(workers === 0 ? recordsAcross : messagesLocal, 0);
      assert.ok(recordsAcross + messagesLocal > 0);
    });

    it("partitionOf is a pure function of the name, and every thread has its share of names", async () => {
      await using system = await start();
      for (let thread = Math.min(1, workers); thread <= workers; thread++) {
        const name = nameOn(system, workers, thread, (one) => system.grain(Echo, one), "word");
        const echo = system.grain(Echo, name);
        assert.equal(await echo.ask.echo(name), name);
        const { threads } = await system.stats();
        assert.equal(threads[thread]?.actors.echo, 1);
      }
    });
  });
}
