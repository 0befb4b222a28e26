/**
 * A worker dies: whoever waits is told, whoever watches is told, and what it ran begins again by its supervision.
 *
 * @module
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { versions } from "node:process";
import { after, before, describe, it } from "node:test";
import type { ActorSystem, AnyRef } from "../../mod.ts";
import { eventually, failureOf, nameOn, settles, threadOf } from "../fixtures/conditions.ts";
import { freshName } from "../fixtures/plan.ts";
import {
  Bomb,
  Counter,
  DeafListener,
  Echo,
  type ExplodeWay,
  Gate,
  Listener,
  Mayfly,
  MortalBomb,
  News,
  Publisher,
  Relay,
  startTheatre,
  type TheatrePlan,
  Vault,
  Watcher,
} from "../fixtures/theatre.ts";

const WORKERS = 2;
/** Bun has no limit of heap for a thread: there the whole process would end. */
const WAYS: readonly ExplodeWay[] = versions.bun === undefined
  ? ["timer", "microtask", "rejection", "exit", "exit-zero", "memory"]
  : ["timer", "microtask", "rejection", "exit", "exit-zero"];

describe("a worker that dies", () => {
  const start = (plan: Partial<TheatrePlan> = {}) =>
    startTheatre({
      name: freshName("death"),
      workers: WORKERS,
      ...plan,
      options: { shutdownTimeoutMs: 20_000, ...plan.options },
    });
  /** A name on thread 1, or on thread 2. */
  const nameIn = (system: ActorSystem, thread: number, refOf: (name: string) => AnyRef, word: string) =>
    nameOn(system, WORKERS, thread, refOf, word);
  const bombIn = async (system: ActorSystem, thread: number, word: string) =>
    await system.spawn(nameIn(system, thread, (name) => system.actor(Bomb, name), word), Bomb, { init: { word } });

  for (const way of WAYS) {
    it(`by ${way}: is replaced; waiting asks end, its actors begin again, its neighbour lives on`, async () => {
      await using system = await start({ options: { workerHeapMb: 100 } });
      const events = system.events({ types: ["workerLost", "workerReplaced"] });
      const bomb = await bombIn(system, 1, "bomb");
      const gate = system.grain(Gate, nameIn(system, 1, (name) => system.grain(Gate, name), "gate"));
      const counter = system.grain(Counter, nameIn(system, 1, (name) => system.grain(Counter, name), "counter"));
      const neighbour = await bombIn(system, 2, "neighbour");
      bomb.tell.note();
      neighbour.tell.note();
      counter.tell.add(1);
      assert.equal(await counter.ask.total(), 1);
      assert.deepEqual(await bomb.ask.life(), { word: "bomb", reason: "spawn", notes: 1, restarts: 0 });

      const patient = { timeoutMs: 60_000 };
      const exploding = failureOf(bomb.with(patient).ask.explode(way));
      const waiting = failureOf(gate.with(patient).ask.pass());
      for (const failure of [await exploding, await waiting]) {
        assert.deepEqual([failure.code, failure.fate], ["worker-lost", "unknown"]);
        assert.equal(failure.details.thread, 1);
      }
      const lost = (await settles("workerLost", events.next())).value;
      assert.ok(
        lost?.type === "workerLost" && lost.thread === 1 && lost.asksLost === 2 && lost.reason !== "",
        JSON.stringify(lost),
      );
      const replaced = (await settles("workerReplaced", events.next())).value;
      assert.deepEqual(replaced, { type: "workerReplaced", thread: 1, actorsRestarted: 1 });

      assert.deepEqual(await bomb.ask.life(), { word: "bomb", reason: "worker-lost", notes: 0, restarts: 0 });
      assert.equal(await counter.ask.total(), 0);
      assert.deepEqual(await neighbour.ask.life(), { word: "neighbour", reason: "spawn", notes: 1, restarts: 0 });
    });
  }

  it("answers asks of other workers with worker-lost, and they can ask again", async () => {
    await using system = await start();
    const bomb = await bombIn(system, 1, "bomb");
    const relay = system.grain(Relay, nameIn(system, 2, (name) => system.grain(Relay, name), "relay"));
    const counter = await system.spawn(nameIn(system, 1, (name) => system.actor(Counter, name), "counter"), Counter);
    const gate = system.grain(Gate, nameIn(system, 1, (name) => system.grain(Gate, name), "gate"));
    assert.equal(await relay.ask.askThrough(counter), 0);
    gate.tell.block(300);
    const asked = failureOf(relay.with({ timeoutMs: 60_000 }).ask.askThrough(counter));
    bomb.tell.explode("exit");
    const failure = await asked;
    assert.deepEqual([failure.code, failure.fate], ["worker-lost", "delivered"]);
    assert.ok(failure.cause instanceof Error && "fate" in failure.cause && failure.cause.fate === "unknown");
    assert.equal(
      await eventually("the relay gets through", () => relay.ask.askThrough(counter).then((n) => n === 0)),
      true,
    );
  });

  it("keeps what is told while it is replaced, until its successor reads it", async () => {
    await using system = await start();
    const events = system.events({ types: ["workerLost"] });
    const bomb = await bombIn(system, 1, "bomb");
    bomb.tell.explode("exit");
    await settles("workerLost", events.next());
    const asks = Array.from({ length: 50 }, () => bomb.ask.life());
    for (let index = 0; index < 50; index++) assert.equal(bomb.tell.note(), true);
    const lives = await settles("asks made meanwhile", Promise.all(asks));
    assert.ok(lives.every(({ reason }) => reason === "worker-lost"));
    assert.equal((await bomb.ask.life()).notes, 50);
  });

  it("does not take back actors whose supervision says stop: their names are free", async () => {
    await using system = await start();
    const bomb = await bombIn(system, 1, "bomb");
    const name = nameIn(system, 1, (one) => system.actor(MortalBomb, one), "mortal");
    const mortal = await system.spawn(name, MortalBomb);
    const events = system.events({ types: ["workerReplaced"] });
    bomb.tell.explode("exit");
    assert.deepEqual((await settles("workerReplaced", events.next())).value, {
      type: "workerReplaced",
      thread: 1,
      actorsRestarted: 1,
    });
    assert.equal(await system.actorExists(name), false);
    assert.equal((await failureOf(mortal.ask.ping())).code, "actor-not-found");
    await system.spawn(name, MortalBomb);
    assert.equal(await mortal.ask.ping(), "alive");
  });

  it("begins again each actor with its own init, and none that has stopped or whose name was refused", async () => {
    await using system = await start();
    const events = system.events({ types: ["workerReplaced"] });
    const bombs = await Promise.all(["a", "b", "c", "d"].map((word) => bombIn(system, 1, word)));
    const [first, second, third] = bombs;
    assert.ok(first !== undefined && second !== undefined && third !== undefined);
    // The one that comes too late must not leave its init behind.
    assert.equal((await failureOf(system.spawn(first.name, Bomb, { init: { word: "late" } }))).code, "name-taken");
    await failureOf(system.spawnMany([second.name, second.name], Bomb, { init: { word: "late" } }));
    await system.stop(third);
    first.tell.explode("exit");
    const replaced = (await settles("workerReplaced", events.next())).value;
    assert.ok(replaced?.type === "workerReplaced" && replaced.actorsRestarted === 3);
    assert.equal((await first.ask.life()).word, "a");
    assert.equal((await second.ask.life()).word, "b");
    assert.equal(await system.actorExists(third.name), false);
  });

  it("does not begin again what had ended as soon as it began", async () => {
    await using system = await start();
    const events = system.events({ types: ["workerReplaced"] });
    const bomb = await bombIn(system, 1, "bomb");
    for (let index = 0; index < 20; index++) {
      const name = nameIn(system, 1, (one) => system.actor(Mayfly, one), `mayfly${index}`);
      await system.spawn(name, Mayfly);
    }
    bomb.tell.explode("exit");
    const replaced = (await settles("workerReplaced", events.next())).value;
    assert.ok(replaced?.type === "workerReplaced" && replaced.actorsRestarted === 1, JSON.stringify(replaced));
  });

  it("lets a spawn made while it is replaced succeed", async () => {
    await using system = await start();
    const events = system.events({ types: ["workerLost"] });
    for (let round = 0; round < 3; round++) {
      const bomb = await bombIn(system, 1, `bomb${round}`);
      bomb.tell.explode("exit");
      await settles("workerLost", events.next());
      const name = nameIn(system, 1, (one) => system.actor(Bomb, one), `new${round}`);
      const spawned = await system.spawn(name, Bomb, { init: { word: "new" }, timeoutMs: 60_000 });
      assert.deepEqual(await spawned.ask.life(), { word: "new", reason: "spawn", notes: 0, restarts: 0 });
    }
  });

  it("is told to those who watch from another worker, once, and not to those who no longer do", async () => {
    await using system = await start();
    const bomb = await bombIn(system, 1, "bomb");
    const grain = system.grain(Counter, nameIn(system, 1, (name) => system.grain(Counter, name), "counter"));
    const watcher = system.grain(Watcher, nameIn(system, 2, (name) => system.grain(Watcher, name), "watcher"));
    const other = system.grain(Watcher, nameIn(system, 2, (name) => system.grain(Watcher, name), "other"));
    assert.equal(await grain.ask.total(), 0);
    await watcher.ask.watchBomb(bomb.name);
    await watcher.ask.watchBomb(bomb.name);
    await watcher.ask.watchGrain(grain.name);
    await other.ask.watchBomb(bomb.name);
    await other.ask.unwatchBomb(bomb.name);
    bomb.tell.explode("timer");
    const ended = await eventually("the watcher is told", async () => {
      const all = await watcher.ask.ended();
      return all.length >= 2 && all;
    });
    assert.deepEqual(ended.toSorted(), [[bomb.key, "worker-lost"], [grain.key, "worker-lost"]].toSorted());
    assert.deepEqual(await other.ask.ended(), []);
    // A watch is over when it was answered: the next death is told to those who ask again.
    await watcher.ask.watchBomb(bomb.name);
    await system.stop(bomb);
    const again = await eventually("told again", async () => (await watcher.ask.ended()).at(2));
    // The wish to watch goes from worker to worker and may come after the end it was to hear of.
    assert.ok(again[0] === bomb.key && ["stop", "not-found"].includes(again[1]), String(again));
  });

  it("forgets the watches of its own actors: nobody is told for the dead", async () => {
    await using system = await start();
    const watched = await bombIn(system, 2, "watched");
    const killer = await bombIn(system, 1, "killer");
    const name = nameIn(system, 1, (one) => system.grain(Watcher, one), "watcher");
    await system.grain(Watcher, name).ask.watchBomb(watched.name);
    killer.tell.explode("exit");
    await eventually(
      "the watcher begins anew",
      () => system.grain(Watcher, name).ask.ended().then(() => true, () => false),
    );
    await system.stop(watched);
    assert.deepEqual(await system.grain(Watcher, name).ask.ended(), []);
  });

  it("hears again the topics its actors subscribe to, and is heard", async () => {
    await using system = await start();
    const killer = await bombIn(system, 1, "killer");
    const near = system.grain(Listener, nameIn(system, 1, (name) => system.grain(Listener, name), "near"));
    const far = system.grain(Listener, nameIn(system, 2, (name) => system.grain(Listener, name), "far"));
    const publisher = system.grain(Publisher, nameIn(system, 1, (name) => system.grain(Publisher, name), "publisher"));
    await Promise.all([near.ask.listen(), far.ask.listen()]);
    await using news = system.subscribe(News);
    const events = system.events({ types: ["workerReplaced"] });
    killer.tell.explode("exit");
    await settles("workerReplaced", events.next());
    await near.ask.listen();
    // What a thread does not know yet it cannot send to: publish until all have heard.
    const heard = async (listener: typeof near) =>
      (await listener.ask.heard()).some(([from]) => from === publisher.name);
    await eventually("all hear the successor", async () => {
      await publisher.ask.publish(1);
      return await heard(near) && await heard(far);
    });
    assert.equal((await settles("main hears it", news.next())).value?.[0], publisher.name);
  });

  it("again and again: is replaced every time, later and later, and the system serves in between", async () => {
    await using system = await start();
    const events = system.events({ types: ["workerLost", "workerReplaced"] });
    const bomb = await bombIn(system, 1, "bomb");
    const times: number[] = [];
    for (let death = 0; death < 7; death++) {
      bomb.tell.explode("exit");
      assert.equal((await settles("workerLost", events.next())).value?.type, "workerLost");
      const lostMs = performance.now();
      assert.equal((await settles("workerReplaced", events.next())).value?.type, "workerReplaced");
      times.push(performance.now() - lostMs);
      assert.equal((await bomb.ask.life()).reason, "worker-lost");
    }
    // The waits double from 10 ms; the last is at least 256 ms less a fifth.
    assert.ok((times.at(-1) ?? 0) > 200, JSON.stringify(times));
  });

  it("together with all others: nothing hangs, and all come back", async () => {
    await using system = await start();
    const events = system.events({ types: ["workerReplaced"] });
    const bombs = [await bombIn(system, 1, "one"), await bombIn(system, 2, "two")];
    const relay = system.grain(Relay, nameIn(system, 2, (name) => system.grain(Relay, name), "relay"));
    const echo = nameIn(system, 1, (name) => system.grain(Echo, name), "echo");
    const asks = bombs.map((bomb) => failureOf(bomb.with({ timeoutMs: 60_000 }).ask.explode("exit")));
    for (const failure of await Promise.all(asks)) assert.equal(failure.code, "worker-lost");
    await settles("the first is replaced", events.next());
    await settles("the second is replaced", events.next());
    for (const bomb of bombs) assert.equal((await bomb.ask.life()).reason, "worker-lost");
    assert.equal(await relay.ask.relay(echo, "from 2 to 1"), "from 2 to 1");
  });

  it("while the system stops: stop ends all the same, well before its time is over", async () => {
    for (const way of ["exit", "timer"] as const) {
      const system = await start({ options: { shutdownTimeoutMs: 60_000 } });
      const bomb = await bombIn(system, 1, "bomb");
      const exploding = failureOf(bomb.with({ timeoutMs: 60_000 }).ask.explode(way));
      await settles("stop", system.stop());
      assert.ok(["worker-lost", "system-stopping"].includes((await exploding).code));
      assert.equal(system.state, "stopped");
    }
  });

  it("just before the system stops: stop does not wait for its successor", async () => {
    const system = await start({ options: { shutdownTimeoutMs: 60_000 } });
    const events = system.events({ types: ["workerLost"] });
    const bomb = await bombIn(system, 1, "bomb");
    bomb.tell.explode("exit");
    await settles("workerLost", events.next());
    await settles("stop", system.stop());
    assert.equal((await failureOf(bomb.ask.life())).code, "system-stopping");
  });

  it("with a subscriber that is full: the successor of the publisher still publishes", async () => {
    await using system = await start();
    const deaf = system.grain(DeafListener, nameIn(system, 2, (name) => system.grain(DeafListener, name), "deaf"));
    await deaf.ask.listen();
    const gate = system.grain(Gate, nameIn(system, 2, (name) => system.grain(Gate, name), "gate"));
    const holding = deaf.with({ timeoutMs: 60_000 }).ask.waitFor(gate.name);
    await eventually("it waits", () => gate.ask.waiting());
    const killer = await bombIn(system, 1, "killer");
    const publisher = system.grain(Publisher, nameIn(system, 1, (name) => system.grain(Publisher, name), "publisher"));
    const events = system.events({ types: ["workerReplaced"] });
    killer.tell.explode("exit");
    await settles("workerReplaced", events.next());
    await eventually("some of the news is refused", async () => {
      await publisher.ask.publish(10);
      return ((await system.stats()).deadLetters["mailbox-full"] ?? 0) > 0;
    });
    assert.equal(await gate.ask.open(), true);
    assert.equal(await holding, 1);
    await eventually("the deaf one hears", () => deaf.ask.heard().then((count) => count >= 4));
  });
});

describe("stored state of a worker that dies", () => {
  let folder = "";
  before(() => folder = mkdtempSync(join(tmpdir(), "troupe-death-")));
  after(() => rmSync(folder, { recursive: true }));

  it("comes back with what was saved, under a higher token", async () => {
    await using system = await startTheatre({
      name: freshName("vault"),
      workers: WORKERS,
      storePath: join(folder, "vault.db"),
    });
    const name = nameOn(system, WORKERS, 1, (one) => system.grain(Vault, one), "vault");
    const vault = system.grain(Vault, name);
    assert.equal(await vault.ask.put(5), 5);
    assert.equal(await vault.ask.putUnsaved(100), 105);
    const tokens = [await vault.ask.fence()];
    for (let death = 0; death < 3; death++) {
      const failure = await failureOf(vault.with({ timeoutMs: 60_000 }).ask.explode("exit"));
      assert.deepEqual([failure.code, failure.fate], ["worker-lost", "unknown"]);
      assert.equal(await vault.ask.put(1), 6 + death);
      tokens.push(await vault.ask.fence());
    }
    assert.deepEqual(tokens, tokens.toSorted());
    assert.equal(new Set(tokens).size, 4);
  });

  it("of a spawned actor comes back too", async () => {
    await using system = await startTheatre({
      name: freshName("vault"),
      workers: WORKERS,
      storePath: join(folder, "spawned.db"),
    });
    const vault = await system.spawn("vault", Vault);
    assert.equal(await vault.ask.put(5), 5);
    await failureOf(vault.with({ timeoutMs: 60_000 }).ask.explode("timer"));
    assert.equal(await vault.ask.gold(), 5);
    assert.equal(threadOf(system, WORKERS, vault) > 0, true);
  });
});
