/**
 * What a user of a cluster is told, by watches, topics and events, and what becomes of actors when nodes come and go: three
 * nodes in one process.
 *
 * @module
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { type ActorSystem } from "../../mod.ts";
import { eventually, failureOf, settles } from "../fixtures/conditions.ts";
import { Bomb, Counter, Listener, Loyal, News, Publisher, Restless, Watcher } from "./surface_kinds.ts";
import { idOf, isWatched, keysOf, ThreeNodes, type ViewFact } from "./surface_nodes.ts";

for (const workers of [0, 1]) {
  describe(`three nodes with ${workers} workers each`, { timeout: 120_000 }, () => {
    let nodes: ThreeNodes;
    let a: ActorSystem;
    let b: ActorSystem;
    let c: ActorSystem;

    before(async () => {
      nodes = await ThreeNodes.found(workers);
      [a, b, c] = nodes.all;
    });

    after(() => nodes.end());

    describe("watching", () => {
      it("tells of an end at another node once, with the reason", async () => {
        await b.spawn("mortal", Counter);
        const watcher = a.grain(Watcher, "w1");
        await watcher.ask.watch("mortal");
        await watcher.ask.watch("mortal");
        await isWatched(a, "mortal");
        await c.stop("mortal");
        await eventually("it is told", async () => (await watcher.ask.ended()).length > 0);
        assert.deepEqual(await watcher.ask.ended(), [["mortal", "stop"]]);
      });

      it("tells of an end by itself", async () => {
        await b.spawn("tired", Counter);
        const watcher = c.grain(Watcher, "w2");
        await watcher.ask.watch("tired");
        await isWatched(c, "tired");
        a.actor(Counter, "tired").tell.stop();
        await eventually("it is told", async () => (await watcher.ask.ended()).length > 0);
        assert.deepEqual(await watcher.ask.ended(), [["tired", "stop"]]);
      });

      it("says not-found at once when there is nobody", async () => {
        const watcher = b.grain(Watcher, "w3");
        await watcher.ask.watch("never-was");
        await eventually("it is told", async () => (await watcher.ask.ended()).length > 0);
        assert.deepEqual(await watcher.ask.ended(), [["never-was", "not-found"]]);
      });

      it("is taken back", async () => {
        await b.spawn("unwatched", Counter);
        await b.spawn("watched-still", Counter);
        const watcher = a.grain(Watcher, "w4");
        await watcher.ask.watch("unwatched");
        await watcher.ask.watch("watched-still");
        await isWatched(a, "watched-still");
        await watcher.ask.unwatch("unwatched");
        await isWatched(a, "watched-still");
        await c.stop("unwatched");
        await c.stop("watched-still");
        await eventually("it is told", async () => (await watcher.ask.ended()).length > 0);
        assert.deepEqual(await watcher.ask.ended(), [["watched-still", "stop"]]);
      });
    });

    describe("topics", () => {
      it("each subscriber at each node hears each value once, those of one publisher in order", async () => {
        const listeners = nodes.all.map((node, index) => node.grain(Listener, `listener-${index}`));
        for (const listener of listeners) await listener.ask.listen();
        const abort = new AbortController();
        const streams = nodes.all.map((node) => node.subscribe(News, { signal: abort.signal }));
        const heard = streams.map(() => [] as (readonly [string, number])[]);
        for (const [index, stream] of streams.entries()) {
          void (async () => {
            for await (const item of stream) heard[index]?.push(item);
          })();
        }
        await eventually("everybody knows of everybody", async () => {
          for (const [index, node] of nodes.all.entries()) node.publish(News, [`knock-${index}`, 0]);
          const all = await Promise.all(listeners.map((listener) => listener.ask.heard()));
          const from = (items: readonly (readonly [string, number])[]) => new Set(items.map(([name]) => name)).size;
          return [...all, ...heard].every((items) => from(items) === 3);
        });
        const publishers = nodes.all.map((node, index) => node.grain(Publisher, `publisher-${index}`));
        for (const publisher of publishers) publisher.tell.publish(50);
        for (const [index, node] of nodes.all.entries()) {
          for (let number = 0; number < 50; number++) node.publish(News, [`node-${index}`, number]);
        }
        const names = [0, 1, 2].flatMap((index) => [`publisher-${index}`, `node-${index}`]);
        const inOrder = Array.from({ length: 50 }, (_, number) => number);
        const complete = (items: readonly (readonly [string, number])[]) =>
          names.every((name) => items.filter(([from]) => from === name).length >= 50);
        await eventually("all have come", async () => {
          const all = await Promise.all(listeners.map((listener) => listener.ask.heard()));
          return [...all, ...heard].every(complete);
        });
        const all = await Promise.all(listeners.map((listener) => listener.ask.heard()));
        for (const items of [...all, ...heard]) {
          for (const name of names) {
            assert.deepEqual(items.filter(([from]) => from === name).map(([, number]) => number), inOrder, name);
          }
        }
        abort.abort();
      });
    });

    describe("a worker that dies", { skip: workers === 0 }, () => {
      it("is replaced: what was spawned begins again, grains come back, and who watched is told", async () => {
        await b.spawn("restless-bomb", Bomb);
        await b.grain(Bomb, "grain-bomb").ask.life();
        const ref = await b.actorOf("restless-bomb", Bomb);
        const life = await c.actor(Bomb, "restless-bomb").ask.life();
        assert.equal(ref?.node, idOf(b));
        const watcher = c.grain(Watcher, "bomb-watcher");
        await b.spawn("beside-the-bomb", Counter, { init: { from: 9 } });
        await watcher.ask.watch("beside-the-bomb");
        await isWatched(c, "beside-the-bomb");
        const failure = await failureOf(c.actor(Bomb, "restless-bomb").ask.explode());
        assert.deepEqual([failure.code, failure.fate], ["worker-lost", "unknown"]);
        const again = await eventually("it runs again", async () => {
          const answer = await c.actor(Bomb, "restless-bomb").ask.life().catch(() => undefined);
          return answer !== life && answer;
        });
        assert.notEqual(again, life);
        assert.equal(
          await eventually(
            "what was beside it, too",
            async () => await a.actor(Counter, "beside-the-bomb").ask.total().catch(() => undefined),
          ),
          9,
        );
        assert.ok(await a.grain(Bomb, "grain-bomb").ask.life());
        await eventually("the watcher is told", async () => (await watcher.ask.ended()).length > 0);
        assert.deepEqual(await watcher.ask.ended(), [["beside-the-bomb", "worker-lost"]]);
      });
    });

    describe("a node that joins", () => {
      it("is seen once by each, finds everything, and is found; so is its leave", async () => {
        await a.spawn("resident", Counter, { init: { from: 5 } });
        const one = await b.singleton("the-one", Counter);
        const counts = nodes.all.map((node) => nodes.eventsOf(node).length);
        const joined = await nodes.join(["late"]);
        await eventually(
          "four are in",
          () => [...nodes.all, joined].every((node) => node.members().length === 4 && node.health().isReady),
        );
        assert.equal(joined.members().at(-1)?.id, idOf(joined), "it is the youngest");
        assert.deepEqual(joined.members(), a.members());
        assert.equal((await joined.actorOf("the-one", Counter))?.node, one.node, "a singleton stays where it is");
        assert.equal(await joined.actor(Counter, "resident").ask.total(), 5);
        assert.equal((await failureOf(joined.spawn("resident", Counter))).code, "name-taken");
        assert.equal((await a.spawnOn("late-one", Counter, { role: "late" })).node, idOf(joined));
        assert.equal(await b.actor(Counter, "late-one").ask.add(2), 2);
        assert.equal(await joined.grain(Counter, "grain").ask.life(), await a.grain(Counter, "grain").ask.life());
        const id = idOf(joined);

        await settles("its leave", joined.stop({ timeoutMs: 20_000 }));

        assert.deepEqual(joined.health(), { isLive: false, isReady: false, reasons: ["the system is stopped"] });
        for (const [index, node] of nodes.all.entries()) {
          await eventually("three are left", () => node.members().length === 3);
          const facts = await eventually("it is told so", () => {
            const seen = nodes.viewFactsOf(node, counts[index] ?? 0);
            return seen.some(({ type }) => type === "nodeLeft") && seen;
          });
          assert.deepEqual(facts.map(wordsOf), [`nodeJoined ${id}`, `nodeLeaving ${id}`, `nodeLeft ${id} left`]);
          assert.ok(isGrowing(facts.map(({ epoch }) => epoch)));
        }
      });

      it("takes what only it may run, and what ran on the last one like it", async () => {
        const again = await nodes.join(["late"]);
        const found = await eventually("it runs there", async () => {
          const ref = await a.actorOf("late-one", Counter);
          return ref?.node === idOf(again) && ref;
        });
        assert.equal(await found.ask.total(), 0, "it begins anew: it is not stored");
        await settles("its leave", again.stop({ timeoutMs: 20_000 }));
        const blocked = nodes.all.flatMap((node) => nodes.eventsOf(node))
          .filter((event) => event.type === "relocationBlocked");
        assert.ok(blocked.some(({ key, role }) => key === "late-one" && role === "late"), JSON.stringify(blocked));
        await eventually("three are left", () => nodes.all.every((node) => node.members().length === 3));
      });
    });

    describe("a node that leaves", () => {
      it("costs those who ask its actors meanwhile not one failed ask", async () => {
        const leaver = await nodes.join([]);
        const names = Array.from({ length: 6 }, (_, index) => `asked-${index}`);
        for (const name of names) await leaver.spawnOn(name, Counter, { placement: "local" });
        const failures: unknown[] = [];
        let [answers, isOver] = [0, false];
        const load = [a, b, c].flatMap((node) =>
          names.map(async (name) => {
            while (!isOver) {
              await node.actor(Counter, name).ask.add(1).then(() => answers++, (thrown) => failures.push(thrown));
              if (workers === 0) await delay(1); // All nodes and all their actors are on this one thread.
            }
          })
        );
        const more = async (count: number) => {
          const from = answers;
          await eventually("there are answers", () => answers > from + count);
        };
        await more(300);
        await settles("the leave", leaver.stop({ timeoutMs: 20_000 }));
        await more(300);
        isOver = true;
        await settles("the last asks", Promise.all(load));
        assert.deepEqual(failures, []);
        await eventually("three are left", () => nodes.all.every((node) => node.members().length === 3));
      });

      it("hands over what it runs: eager at once, singletons to the next oldest, and the others on demand", async () => {
        const leaver = nodes.all.find((node) => node.isLeader()) ?? a;
        const rest = nodes.all.filter((node) => node !== leaver);
        const [first, second] = rest;
        assert.ok(first !== undefined && second !== undefined);
        const id = idOf(leaver);
        assert.equal((await first.singleton("the-one", Counter)).node, id, "it is on the oldest");
        await leaver.spawn("moving", Counter, { init: { from: 3 } });
        await leaver.spawn("loyal", Loyal);
        const names = Array.from({ length: 12 }, (_, index) => `restless-${index}`);
        for (const name of names) await leaver.grain(Restless, name).ask.life();
        const eager = await keysOf(leaver.actors({ kind: Restless, node: id }));
        assert.ok(eager.length > 0);
        const watcher = first.grain(Watcher, "leave-watcher");
        await watcher.ask.watch("moving");
        await isWatched(first, "moving");
        const life = await first.actor(Counter, "moving").ask.life();
        const counts = rest.map((node) => nodes.eventsOf(node).length);

        await settles("the leave", leaver.stop({ timeoutMs: 20_000 }));

        await eventually("two are left", () => rest.every((node) => node.members().length === 2));
        for (const node of rest) {
          const found = await eventually("it goes on", () => node.actorOf("moving", Counter));
          assert.notEqual(found.node, id);
          assert.equal(await found.ask.total(), 3, "from its init: it is not stored");
          assert.notEqual(await found.ask.life(), life);
          assert.equal(await node.actorExists("loyal"), false);
          assert.equal((await node.actorOf("the-one", Counter))?.node, node.leader()?.id);
        }
        await first.spawn("loyal", Loyal);
        const keys = (await Promise.all(rest.map((node) => keysOf(node.actors({ node: idOf(node) }))))).flat();
        for (const key of eager) assert.ok(keys.includes(key), `${key} runs without being asked`);
        // It moved: that is no end. Its end at its new place is, whether or not the watch had got there.
        assert.deepEqual(await watcher.ask.ended(), []);
        await second.stop("moving");
        const [told, ...more] = await eventually("the watcher is told", async () => {
          const ended = await watcher.ask.ended();
          return ended.length > 0 && ended;
        });
        assert.ok(told?.[0] === "moving" && ["stop", "not-found"].includes(told[1]), `${told}`);
        assert.deepEqual(more, []);

        for (const [index, node] of rest.entries()) {
          const facts = await eventually("it is told of the leave", () => {
            const seen = nodes.viewFactsOf(node, counts[index] ?? 0);
            return seen.some(({ type }) => type === "nodeLeft") && seen;
          });
          const leader = `leaderChanged ${node.leader()?.id}`;
          assert.deepEqual(facts.map(wordsOf).sort(), [leader, `nodeLeaving ${id}`, `nodeLeft ${id} left`]);
          assert.ok(isGrowing(facts.map(({ epoch }) => epoch)));
        }
      });
    });
  });
}

function wordsOf(fact: ViewFact): string {
  if (fact.type === "leaderChanged") return `leaderChanged ${fact.leader?.id}`;
  return `${fact.type} ${fact.node.id}${fact.type === "nodeLeft" ? ` ${fact.reason}` : ""}`;
}

function isGrowing(numbers: readonly number[]): boolean {
  return numbers.every((number, index) => index === 0 || number >= (numbers[index - 1] ?? 0));
}
