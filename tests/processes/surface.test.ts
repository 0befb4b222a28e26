/**
 * What a user of a cluster calls to begin, find and stop actors, between three nodes in one process.
 *
 * @module
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { ActorError, type ActorSystem, type NodeId } from "../../mod.ts";
import { failureOf } from "../fixtures/conditions.ts";
import { Counter, Homebody, Nomad, Specialist } from "./surface_kinds.ts";
import { idOf, keysOf, ThreeNodes } from "./surface_nodes.ts";

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

    describe("who is there", () => {
      it("all nodes name the same members, in the same order, and the same leader; one of them says that it leads", () => {
        for (const node of nodes.all) {
          assert.deepEqual(node.members(), a.members());
          assert.deepEqual(node.leader(), a.members()[0]);
          assert.equal(node.inCluster, true);
        }
        assert.deepEqual(a.members().map(({ id }) => id).sort(), nodes.ids.toSorted());
        assert.deepEqual(nodes.all.filter((node) => node.isLeader()).map(idOf), [a.leader()?.id]);
      });

      it("each is live and ready, for no reason not to be", () => {
        for (const node of nodes.all) assert.deepEqual(node.health(), { isLive: true, isReady: true, reasons: [] });
      });

      it("a node knows itself as the others do", () => {
        for (const node of nodes.all) {
          const seen = b.members().find(({ id }) => id === node.node?.id);
          assert.deepEqual(node.node, seen);
        }
        assert.deepEqual(a.node?.roles, ["red"]);
        assert.ok(a.node?.kinds.includes("counter"));
      });
    });

    describe("spawning", () => {
      it("an actor spawned at one node answers every other, from its first message on", async () => {
        const ref = await a.spawn("first", Counter, { init: { from: 5 } });
        assert.deepEqual([ref.node, ref.isLocal], [idOf(a), true]);
        for (const node of nodes.all) assert.equal(await node.actor(Counter, "first").ask.total(), 5);
      });

      it("many are spawned at once, here", async () => {
        const names = Array.from({ length: 40 }, (_, index) => `many-${index}`);
        const refs = await b.spawnMany(names, Counter, { init: { from: 1 } });
        assert.deepEqual(refs.map(({ name }) => name), names);
        assert.ok(refs.every(({ node }) => node === idOf(b)));
        const totals = await Promise.all(names.map((name) => c.actor(Counter, name).ask.add(1)));
        assert.ok(totals.every((total) => total === 2));
      });

      it("round-robin takes each node in turn", async () => {
        const placed: (NodeId | undefined)[] = [];
        for (let index = 0; index < 6; index++) placed.push((await a.spawnOn(`turn-${index}`, Counter)).node);
        assert.deepEqual(new Set(placed.slice(0, 3)), new Set(nodes.ids));
        assert.deepEqual(placed.slice(3), placed.slice(0, 3));
      });

      it("local takes this node, random any", async () => {
        assert.equal((await c.spawnOn("at-c", Counter, { placement: "local" })).node, idOf(c));
        const placed = new Set<NodeId | undefined>();
        for (let index = 0; index < 40 && placed.size < 3; index++) {
          placed.add((await a.spawnOn(`any-${index}`, Counter, { placement: "random" })).node);
        }
        assert.equal(placed.size, 3);
      });

      it("least-load spares the node that has most", async () => {
        await b.spawnMany(Array.from({ length: 300 }, (_, index) => `heavy-${index}`), Counter);
        const refs = await Promise.all(
          Array.from({ length: 60 }, (_, index) => b.spawnOn(`light-${index}`, Counter, { placement: "least-load" })),
        );
        const count = refs.filter(({ node }) => node === idOf(b)).length;
        assert.ok(count < 10, `${count} of 60 went where a third would go by chance`);
      });

      it("a function chooses among the candidates, and what is none of them is refused", async () => {
        const seen: (readonly NodeId[])[] = [];
        const ref = await a.spawnOn("chosen", Counter, {
          placement: (candidates) => {
            seen.push(candidates.map(({ id }) => id));
            return candidates.find(({ id }) => id === idOf(c))?.id;
          },
        });
        assert.equal(ref.node, idOf(c));
        assert.deepEqual([...seen[0] ?? []].sort(), nodes.ids.toSorted());
        const failure = await failureOf(a.spawnOn("nobody", Counter, { placement: () => undefined }));
        assert.deepEqual([failure.code, failure.fate], ["no-eligible-node", "not-delivered"]);
        assert.equal(await a.actorExists("nobody"), false);
      });

      it("a role leaves only the nodes that have it; with none there is no-eligible-node", async () => {
        for (let index = 0; index < 4; index++) {
          const { node } = await a.spawnOn(`blue-${index}`, Counter, { role: "blue" });
          assert.ok(node === idOf(b) || node === idOf(c));
          assert.notEqual((await a.spawnOn(`special-${index}`, Specialist)).node, idOf(a));
        }
        const failure = await failureOf(a.spawnOn("grey", Counter, { role: "grey" }));
        assert.deepEqual([failure.code, failure.fate], ["no-eligible-node", "not-delivered"]);
      });

      it("of twenty spawns of one name at three nodes one wins, and the others hear name-taken", async () => {
        const spawns = Array.from({ length: 20 }, (_, index) => nodes.at(index).spawnOn("race", Counter));
        const results = await Promise.allSettled(spawns);
        const won = results.filter(({ status }) => status === "fulfilled");
        const codes = results.flatMap((result) =>
          result.status === "rejected" ? [result.reason instanceof ActorError ? result.reason.code : "?"] : []
        );
        assert.equal(won.length, 1);
        assert.deepEqual(new Set(codes), new Set(["name-taken"]));
        assert.deepEqual(
          new Set(await Promise.all(nodes.all.map((node) => node.actor(Counter, "race").ask.life()))).size,
          1,
        );
      });

      it("a name that was stopped is free, at every node", async () => {
        for (let round = 0; round < 6; round++) {
          await nodes.at(round).spawn("again", Counter, { init: { from: round } });
          assert.equal(await nodes.at(round + 1).actor(Counter, "again").ask.total(), round);
          assert.equal(await nodes.at(round + 2).stop("again"), true);
        }
      });

      it("a spawn that is repeated with its key succeeds where the first one did", async () => {
        const first = await a.spawnOn("once", Counter, { idempotencyKey: "order-1" });
        for (const node of nodes.all) {
          const repeated = await node.spawnOn("once", Counter, { idempotencyKey: "order-1" });
          assert.equal(repeated.node, first.node);
        }
        assert.equal((await failureOf(b.spawnOn("once", Counter, { idempotencyKey: "order-2" }))).code, "name-taken");
        assert.equal((await failureOf(b.spawnOn("once", Counter))).code, "name-taken");
      });
    });

    describe("grains", () => {
      it("first messages of all nodes at once meet one activation", async () => {
        for (let round = 0; round < 10; round++) {
          const asked = Array.from(
            { length: 12 },
            (_, index) => nodes.at(index).grain(Counter, `met-${round}`).ask.life(),
          );
          assert.equal(new Set(await Promise.all(asked)).size, 1);
        }
      });

      it("local begins at the node that asks, round-robin at each in turn", async () => {
        const homes = await Promise.all(nodes.all.map(async (node, index) => {
          await node.grain(Homebody, `home-${index}`).ask.life();
          return await nodes.where(`homebody:home-${index}`);
        }));
        assert.deepEqual(homes, nodes.ids);
        for (let index = 0; index < 12; index++) await a.grain(Nomad, `nomad-${index}`).ask.life();
        const placed = await Promise.all(
          Array.from({ length: 12 }, (_, index) => nodes.where(`nomad:nomad-${index}`)),
        );
        assert.equal(new Set(placed).size, 3);
      });

      it("a kind with a role begins only there", async () => {
        for (let index = 0; index < 6; index++) {
          await a.grain(Specialist, `grain-${index}`).ask.life();
          assert.notEqual(await nodes.where(`specialist:grain-${index}`), idOf(a));
        }
      });

      it("messages of one sender come in order, however many", async () => {
        const counter = b.grain(Counter, "in-order");
        const asked = Array.from({ length: 300 }, () => counter.ask.add(1));
        assert.deepEqual(await Promise.all(asked), Array.from({ length: 300 }, (_, index) => index + 1));
      });
    });

    describe("singletons", () => {
      it("begin on the leader, or the oldest with the role, however many nodes ask", async () => {
        const refs = await Promise.all(nodes.all.map((node) => node.singleton("the-one", Counter)));
        assert.deepEqual(new Set(refs.map(({ node }) => node)), new Set([a.leader()?.id]));
        const blue = await Promise.all(nodes.all.map((node) => node.singleton("the-blue", Counter, { role: "blue" })));
        const oldest = a.members().find(({ roles }) => roles.includes("blue"))?.id;
        assert.deepEqual(new Set(blue.map(({ node }) => node)), new Set([oldest]));
      });

      it("do not share a name with another kind, or a spawned actor", async () => {
        assert.equal((await failureOf(b.singleton("the-one", Homebody))).code, "name-taken");
        assert.equal((await failureOf(c.spawn("the-one", Counter))).code, "name-taken");
      });
    });

    describe("finding", () => {
      it("by name, from every node: where it is, whether it is here, and nothing of another kind", async () => {
        await b.spawn("sought", Counter);
        for (const node of nodes.all) {
          const found = await node.actorOf("sought", Counter);
          assert.deepEqual([found?.node, found?.isLocal], [idOf(b), node === b]);
          assert.equal(await node.actorOf("sought", Homebody), undefined);
          assert.equal(await node.actorExists("sought"), true);
        }
        assert.equal((await a.remoteActor("sought", Counter))?.node, idOf(b));
        assert.equal((await failureOf(b.remoteActor("sought", Counter))).code, "actor-is-local");
      });

      it("what does not run is not found, not stopped, and not delivered to", async () => {
        for (const node of nodes.all) {
          assert.equal(await node.actorOf("unheard-of", Counter), undefined);
          assert.equal(await node.remoteActor("unheard-of", Counter), undefined);
          assert.equal(await node.actorExists("unheard-of"), false);
          assert.equal(await node.stop("unheard-of"), false);
          const failure = await failureOf(node.actor(Counter, "unheard-of").ask.total());
          assert.deepEqual([failure.code, failure.fate], ["actor-not-found", "not-delivered"]);
        }
      });

      it("all actors of all nodes are listed once, and of one node those that run there", async () => {
        await a.spawnMany(Array.from({ length: 700 }, (_, index) => `listed-a-${index}`), Counter);
        await c.spawnMany(Array.from({ length: 20 }, (_, index) => `listed-c-${index}`), Counter);
        for (const node of nodes.all) {
          const keys = await keysOf(node.actors({ kind: Counter }));
          const listed = keys.filter((key) => key.startsWith("listed-"));
          assert.equal(listed.length, 720);
          assert.equal(new Set(listed).size, 720);
        }
        const atC = await keysOf(b.actors({ node: idOf(c) }));
        assert.equal(atC.filter((key) => key.startsWith("listed-c-")).length, 20);
        assert.equal(atC.filter((key) => key.startsWith("listed-a-")).length, 0);
      });
    });
  });
}
