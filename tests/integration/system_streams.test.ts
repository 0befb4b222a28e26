/**
 * Events, dead letters and topics, live: bounded, filtered, in order, and ended by their signal or their system.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ActorSystem, type EventType, topic, type TroupeEvent } from "../../mod.ts";
import { eventually, nameOn, settles, thrownBy } from "../fixtures/conditions.ts";
import { freshName } from "../fixtures/plan.ts";
import {
  Counter,
  DeafListener,
  Diarist,
  Faulty,
  Gate,
  Listener,
  News,
  Publisher,
  startTheatre,
} from "../fixtures/theatre.ts";

for (const workers of [0, 1, 3]) {
  describe(`streams with ${workers} workers`, () => {
    const start = () => startTheatre({ name: freshName("streams"), workers });

    it("events tell of the life of an actor, in order", async () => {
      await using system = await start();
      await using events = system.events({ types: ["actorStarted", "actorStopped", "actorFailed"] });
      await system.spawn("one", Diarist);
      await system.stop("one");
      await system.spawn("two", Faulty);
      await system.actor(Faulty, "two").ask.bug().catch(() => {});
      const seen = await take(events, 4);
      assert.deepEqual(seen.map((event) => "actor" in event ? [event.type, event.actor.key] : event), [
        ["actorStarted", "one"],
        ["actorStopped", "one"],
        ["actorStarted", "two"],
        ["actorFailed", "two"],
      ]);
      assert.ok(seen[0]?.type === "actorStarted" && seen[0].reason === "spawn");
      assert.ok(seen[1]?.type === "actorStopped" && seen[1].reason === "stop");
      assert.ok(
        seen[3]?.type === "actorFailed" && seen[3].handler === "bug" && seen[3].error.code === "handler-failed",
      );
    });

    it("only the events asked for are seen", async () => {
      await using system = await start();
      await using stops = system.events({ types: ["actorStopped"] });
      await using all = system.events();
      await system.spawn("one", Counter);
      await system.stop("one");
      assert.deepEqual((await take(stops, 1)).map(({ type }) => type), ["actorStopped"]);
      assert.deepEqual((await take(all, 2)).map(({ type }) => type), ["actorStarted", "actorStopped"]);
      const wrong: EventType[] = JSON.parse('["actorBorn"]');
      assert.equal(thrownBy(() => system.events({ types: wrong })).code, "invalid-options");
    });

    it("a slow reader loses the oldest events, and is told how many", async () => {
      await using system = await start();
      await using slow = system.events({ types: ["actorStarted"], buffer: 10 });
      await using fast = system.events({ types: ["actorStarted"], buffer: 1000 });
      await system.spawnMany(Array.from({ length: 100 }, (_, index) => `many-${index}`), Counter);
      const all = await take(fast, 100);
      assert.deepEqual(await take(slow, 1), [{ type: "eventsLost", count: 90 }]);
      assert.deepEqual(await take(slow, 10), all.slice(90));
      assert.equal(slow.lostCount, 90);
    });

    it("a stream ends by its signal, by leaving the loop, and with the system; what it holds can still be read", async () => {
      const system = await start();
      const abort = new AbortController();
      const aborted = system.events({ signal: abort.signal });
      const pending = aborted.next();
      abort.abort();
      assert.deepEqual(await settles("a pending next", pending), { done: true, value: undefined });
      assert.deepEqual(await system.events({ signal: AbortSignal.abort() }).next(), { done: true, value: undefined });
      const left = system.events();
      await system.spawn("one", Counter);
      for await (const event of left) {
        assert.equal(event.type, "actorStarted");
        break;
      }
      assert.deepEqual(await left.next(), { done: true, value: undefined });
      const kept = system.events({ types: ["actorStopped"] });
      const letters = system.deadLetters();
      const news = system.subscribe(News);
      const waiting = [letters.next(), news.next()].map(async (next) => (await next).done);
      await system.stop();
      for (const isDone of waiting) assert.equal(await settles("a next at the end", isDone), true);
      const seen: TroupeEvent[] = [];
      for await (const event of kept) seen.push(event);
      assert.deepEqual(seen.map((event) => event.type === "actorStopped" && event.reason), ["system-stopping"]);
      for (const late of [system.events(), system.deadLetters(), system.subscribe(News)]) {
        assert.equal(late.isClosed, true);
        for await (const item of late) assert.fail(`the stream has an item after its end: ${String(item)}`);
      }
    });

    it("a buffer out of range is refused", async () => {
      await using system = await start();
      for (const buffer of [0, -1, 1.5, NaN, (1 << 20) + 1]) {
        assert.equal(thrownBy(() => system.events({ buffer })).code, "invalid-options");
        assert.equal(thrownBy(() => system.deadLetters({ buffer })).code, "invalid-options");
        assert.equal(thrownBy(() => system.subscribe(News, { buffer })).code, "invalid-options");
      }
    });

    it("dead letters are seen from the call on, and counted whether or not anybody looks", async () => {
      await using system = await start();
      const nobody = system.actor(Counter, "nobody");
      nobody.tell.add(1);
      await eventually("it is counted", async () => (await system.stats()).deadLetters["actor-not-found"] === 1);
      await using letters = system.deadLetters();
      nobody.tell.add(2);
      nobody.tell.add(3);
      const seen = [await settles("a letter", letters.next()), await settles("a letter", letters.next())];
      assert.deepEqual(seen.map(({ value }) => value?.reason), ["actor-not-found", "actor-not-found"]);
      assert.equal((await system.stats()).deadLetters["actor-not-found"], 3);
      assert.equal((await system.stats()).deadLetterCount, 3);
    });

    it("a topic reaches every subscriber of every thread once, in the order of each publisher", async () => {
      await using system = await start();
      const listeners = spread(system, workers, "listener").map((name) => system.grain(Listener, name));
      const publishers = spread(system, workers, "publisher").map((name) => system.grain(Publisher, name));
      await Promise.all(listeners.map((listener) => listener.ask.listen()));
      await using news = system.subscribe(News, { buffer: 10_000 });
      await everybodyHears(publishers, listeners);
      await Promise.all(listeners.map((listener) => system.stop(listener)));
      await Promise.all(listeners.map((listener) => listener.ask.listen()));
      await everybodyHears(publishers, listeners);

      // What was published until everybody heard may still be on its way: it is told apart by its numbers.
      const first = 1_000;
      const sentBefore = (await system.stats()).recordsAcross;
      await Promise.all(publishers.map((publisher) => publisher.ask.publish(100, first)));
      for (let index = 0; index < 100; index++) system.publish(News, ["main", first + index]);
      const expected = (publishers.length + 1) * 100;
      for (const listener of listeners) {
        const heard = await eventually("all is heard", async () => {
          const all = (await listener.ask.heard()).filter(([, index]) => index >= first);
          return all.length >= expected && all;
        });
        assert.equal(heard.length, expected);
        for (const from of [...publishers.map(({ name }) => name), "main"]) {
          assert.deepEqual(
            heard.filter(([one]) => one === from).map(([, index]) => index),
            Array.from({ length: 100 }, (_, index) => first + index),
          );
        }
      }
      const here = await eventually("main has heard", () => news.lostCount === 0);
      assert.equal(here, true);
      if (workers === 0) assert.equal(sentBefore, 0);
    });

    it("one that leaves a topic, or ends, hears no more of it", async () => {
      await using system = await start();
      const listeners = spread(system, workers, "listener").map((name) => system.grain(Listener, name));
      const publisher = system.grain(Publisher, "publisher");
      await Promise.all(listeners.map((listener) => listener.ask.listen()));
      await everybodyHears([publisher], listeners);
      await using witness = system.subscribe(News);
      await hears(witness, publisher);
      for (const listener of listeners) {
        await listener.ask.leave();
        // Behind everything that had come before it left.
        const count = (await listener.ask.heard()).length;
        await publisher.ask.publish(5);
        await hears(witness, publisher);
        assert.equal((await listener.ask.heard()).length, count);
      }
      await Promise.all(listeners.map((listener) => listener.ask.listen()));
      await everybodyHears([publisher], listeners);
      for (const listener of listeners) await system.stop(listener);
      // A grain comes back for what it had not read yet and for this ask, but without its subscription.
      const count = async () => (await Promise.all(listeners.map((listener) => listener.ask.heard()))).flat().length;
      const [heard, { deadLetterCount }] = [await count(), await system.stats()];
      await publisher.ask.publish(5);
      await hears(witness, publisher);
      assert.equal(await count(), heard);
      assert.equal((await system.stats()).deadLetterCount, deadLetterCount);
    });

    it("a subscriber with a full mailbox makes dead letters, counted, and holds up nobody", async () => {
      await using system = await start();
      const deaf = system.grain(DeafListener, "deaf");
      const gate = system.grain(Gate, "gate");
      const listener = system.grain(Listener, "listener");
      const publisher = system.grain(Publisher, "publisher");
      await Promise.all([deaf.ask.listen(), listener.ask.listen()]);
      await everybodyHears([publisher], [listener]);
      await eventually("the deaf one hears too", async () => {
        await publisher.ask.publish(1);
        return await deaf.ask.heard() > 0;
      });
      const waiting = deaf.with({ timeoutMs: 60_000 }).ask.waitFor("gate");
      await eventually("it waits", () => gate.ask.waiting());
      const before = (await system.stats()).deadLetters["mailbox-full"] ?? 0;
      await publisher.ask.publish(104);
      // The mailbox holds 4; some of what was published before may have come late and taken their places.
      const refused = await eventually("the others are refused", async () => {
        const count = ((await system.stats()).deadLetters["mailbox-full"] ?? 0) - before;
        return count >= 100 && count;
      });
      assert.ok(refused <= 104);
      await eventually("the other listener hears all", async () => {
        const indexes = new Set((await listener.ask.heard()).map(([, index]) => index));
        return indexes.size === 104;
      });
      await gate.ask.open();
      assert.equal(await waiting, 1);
    });

    it("topics of other names do not mix, and a value that cannot travel is refused at its publisher", async () => {
      await using system = await start();
      const Other = topic<unknown>("other");
      await using others = system.subscribe(Other);
      await using news = system.subscribe(News);
      system.publish(News, ["main", 1]);
      system.publish(Other, "other");
      assert.equal((await settles("other", others.next())).value, "other");
      assert.deepEqual((await settles("news", news.next())).value, ["main", 1]);
      if (workers > 0) {
        const listener = system.grain(Listener, "listener");
        await listener.ask.listen();
        const wrong: readonly [string, number] = Object.assign(["x", 1] as const, { 1: () => 1 }) as never;
        assert.equal(thrownBy(() => system.publish(News, wrong)).code, "value-cannot-travel");
      }
    });
  });
}

/** One name on each thread that runs actors. */
function spread(system: ActorSystem, workers: number, word: string): readonly string[] {
  const threads = workers === 0 ? [0] : Array.from({ length: workers }, (_, index) => index + 1);
  return threads.map((thread) => nameOn(system, workers, thread, (name) => system.grain(Listener, name), word));
}

/** Publishes until every listener has heard every publisher: a thread sends to those it knows of. */
async function everybodyHears(
  publishers: readonly { readonly name: string; readonly ask: { publish(count: number): Promise<void> } }[],
  listeners: readonly { readonly ask: { heard(): Promise<readonly (readonly [string, number])[]> } }[],
): Promise<void> {
  await eventually("everybody hears everybody", async () => {
    await Promise.all(publishers.map((publisher) => publisher.ask.publish(1)));
    const all = await Promise.all(listeners.map((listener) => listener.ask.heard()));
    return all.every((heard) => publishers.every(({ name }) => heard.some(([from]) => from === name)));
  });
}

/** Publishes until the main thread hears it. */
async function hears(
  witness: AsyncIterator<unknown, undefined>,
  publisher: { readonly ask: { publish(count: number): Promise<void> } },
): Promise<void> {
  const next = witness.next();
  let isHeard = false;
  next.then(() => isHeard = true);
  await eventually("the main thread hears it", async () => {
    await publisher.ask.publish(1);
    return isHeard;
  });
}

async function take(stream: AsyncIterator<TroupeEvent, undefined>, count: number): Promise<readonly TroupeEvent[]> {
  const items: TroupeEvent[] = [];
  while (items.length < count) {
    const { done, value } = await settles(`item ${items.length}`, stream.next());
    if (done) assert.fail("the stream has ended");
    items.push(value);
  }
  return items;
}
