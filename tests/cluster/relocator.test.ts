import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { nodeId } from "../../core/ids.ts";
import type { RelocationCounts } from "../../cluster/directory_protocol.ts";
import { HINTS_PER_TARGET_MAX } from "../../cluster/relocation_work.ts";
import { claimOf, World } from "./directory_world.ts";

function totals(world: World): RelocationCounts {
  const sum = { held: 0, relocated: 0, released: 0, excluded: 0, failed: 0 };
  for (const { event } of world.events) {
    if (event.kind !== "relocationDone") continue;
    sum.held += event.counts.held;
    sum.relocated += event.counts.relocated;
    sum.released += event.counts.released;
    sum.excluded += event.counts.excluded;
    sum.failed += event.counts.failed;
  }
  return sum;
}

/** A world in which `n2` runs twenty actors of each sort. */
function loaded(options: ConstructorParameters<typeof World>[0] = {}): World {
  const world = new World({ nodeCount: 3, ...options });
  world.run(100);
  const node = world.node("n2");
  for (let index = 0; index < 20; index++) {
    world.spawn(node, `moving${index}`);
    world.spawn(node, `staying${index}`, { isRelocatable: false });
    world.spawn(node, `k:lazy${index}`, { type: "grain" });
    world.spawn(node, `k:eager${index}`, { type: "grain", isEager: true });
  }
  world.run(500);
  assert.equal(node.running.size, 80);
  return world;
}

describe("the records of a lost node", () => {
  it("all leave it, each as its sort wants, and the counts add up", () => {
    const world = loaded();
    world.crash(world.node("n2"));
    world.remove(world.node("n2"));
    world.run(2_000);
    assert.deepEqual(totals(world), { held: 80, relocated: 40, released: 20, excluded: 20, failed: 0 });
    assert.equal(world.register.size, 40);
    assert.deepEqual(world.unsettled(), []);
    assert.deepEqual(world.violations, []);
    const [started, done] = ["relocationStarted", "relocationDone"].map((kind) =>
      world.events.filter(({ event }) => event.kind === kind).length
    );
    assert.equal(started, done);
  });

  it("leave it although hints and answers are lost, and their first target dies", () => {
    const world = loaded({ seed: 5, nodeCount: 4 });
    Object.assign(world.options, { loss: 0.3, duplicates: 0.2 });
    world.crash(world.node("n2"));
    world.remove(world.node("n2"));
    world.run(40);
    world.crash(world.node("n1"));
    world.remove(world.node("n1"));
    world.run(1_500);
    world.isCalm = true;
    world.run(14_000);
    assert.deepEqual(world.violations, []);
    assert.deepEqual(world.unsettled(), []);
    for (let index = 0; index < 20; index++) assert.ok(world.register.has(`moving${index}`), `moving${index}`);
  });

  it("are spread over the others", () => {
    const world = loaded();
    world.crash(world.node("n2"));
    world.remove(world.node("n2"));
    world.run(2_000);
    const [one, other] = [world.node("n0").running.size, world.node("n1").running.size];
    assert.ok(Math.min(one, other) >= 10, `${one} and ${other}`);
  });

  it("wait for a node that may have them, and go there when it joins", () => {
    const world = new World();
    world.run(100);
    world.setMember(nodeId("n2"), { roles: ["gpu"] });
    world.run(100);
    world.spawn(world.node("n2"), "a", { role: "gpu" });
    world.run(200);
    world.crash(world.node("n2"));
    world.remove(world.node("n2"));
    world.run(2_000);
    assert.equal(world.events.filter(({ event }) => event.kind === "relocationBlocked").length, 1);
    assert.equal(world.register.get("a")?.record.holder, "n2");
    world.join(nodeId("n3"), { roles: ["gpu"] });
    world.run(1_000);
    assert.equal(world.register.get("a")?.record.holder, "n3");
    assert.deepEqual(totals(world), { held: 1, relocated: 1, released: 0, excluded: 0, failed: 0 });
  });

  it("go to no node faster than it is to take them, and all get there", () => {
    const world = new World({ nodeCount: 3, stateSyncMs: 100_000 });
    world.run(100);
    for (let index = 0; index < 3_000; index++) world.spawn(world.node("n2"), `actor${index}`);
    world.run(2_000);
    assert.equal(world.register.size, 3_000);
    world.crash(world.node("n2"));
    world.remove(world.node("n2"));
    let most = 0;
    for (let step = 0; step < 300; step++) {
      world.run(20);
      for (const { directory } of world.members()) {
        for (const count of directory.relocator.inFlight.values()) most = Math.max(most, count);
      }
    }
    assert.equal(most, HINTS_PER_TARGET_MAX);
    assert.equal(totals(world).relocated, 3_000);
    assert.deepEqual(world.violations, []);
    assert.deepEqual(world.unsettled(), []);
  });

  it("are counted once, also what leaves while its partition is under no duty for a moment", () => {
    for (const afterMs of [0, 5, 10, 20, 40, 80]) {
      const world = loaded();
      world.crash(world.node("n2"));
      world.remove(world.node("n2"));
      world.run(afterMs);
      const gaps = world.members().flatMap((node) =>
        [...node.directory.duty.partitions.keys()].map((partition) => ({ node, partition }))
      );
      for (const { node, partition } of gaps) world.step(node, { kind: "engineDuty", partition, isOn: false });
      world.run(50);
      for (const { node, partition } of gaps) world.step(node, { kind: "engineDuty", partition, isOn: true });
      world.run(3_000);
      assert.deepEqual(totals(world), { held: 80, relocated: 40, released: 20, excluded: 20, failed: 0 }, `${afterMs}`);
      const empty = world.events.filter(({ event }) => event.kind === "relocationDone" && event.counts.held === 0);
      assert.deepEqual(empty, [], "nothing is done that had only begun");
      assert.deepEqual(world.unsettled(), []);
    }
  });

  it("are found by whoever takes over the duty", () => {
    const world = loaded();
    world.crash(world.node("n2"));
    world.remove(world.node("n2"));
    world.setMember(nodeId("n0"), {}); // Each new view moves the partitions of this world.
    world.run(3_000);
    assert.deepEqual(world.unsettled(), []);
    assert.deepEqual(world.violations, []); // Each report adds up.
    assert.equal(world.register.size, 40);
  });
});

describe("a singleton", () => {
  function singleton(world: World, at: string): number {
    const claim = claimOf({ type: "singleton" });
    const node = world.node(at);
    return world.request(node, (requestId, deadline) => ({ kind: "singleton", requestId, key: "s", claim, deadline }));
  }

  it("runs on the oldest member, whoever asks, and joins do not move it", () => {
    const world = new World();
    world.run(100);
    const ids = world.nodes.map(({ id }) => singleton(world, id));
    world.run(1_000);
    world.nodes.forEach((node, index) => {
      const result = world.resultOf(node, ids[index] ?? 0);
      assert.equal(result?.kind === "spawned" && result.holder, "n0");
    });
    world.join(nodeId("a"));
    world.run(1_000);
    assert.equal(world.register.get("s")?.record.holder, "n0");
  });

  it("goes to the next oldest when its host is lost, under a higher token", () => {
    const world = new World();
    world.run(100);
    singleton(world, "n2");
    world.run(500);
    const before = world.register.get("s")?.version;
    world.crash(world.node("n0"));
    world.remove(world.node("n0"));
    world.run(1_500);
    const entry = world.register.get("s");
    assert.equal(entry?.record.holder, "n1");
    assert.ok((entry?.version.seq ?? 0) > (before?.seq ?? 0));
  });

  it("of another kind is refused the name", () => {
    const world = new World();
    world.run(100);
    singleton(world, "n1");
    world.run(500);
    const claim = claimOf({ type: "singleton", kind: "other" });
    const node = world.node("n1");
    const id = world.request(node, (requestId, deadline) => ({
      kind: "singleton",
      requestId,
      key: "s",
      claim,
      deadline,
    }));
    world.run(500);
    const result = world.resultOf(node, id);
    assert.equal(result?.kind === "failed" && result.failure.code, "name-taken");
  });
});
