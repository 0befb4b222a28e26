import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { nodeId } from "../../core/ids.ts";
import { claimOf, World, type WorldNode } from "./directory_world.ts";

function leave(world: World, node: WorldNode, waitMs = 60_000): number {
  return world.request(node, (requestId, deadline) => ({ kind: "leave", requestId, deadline }), waitMs);
}

function loaded(options: ConstructorParameters<typeof World>[0] = {}): World {
  const world = new World(options);
  world.run(100);
  const node = world.node("n0");
  for (let index = 0; index < 30; index++) {
    world.spawn(node, `moving${index}`);
    world.spawn(node, `staying${index}`, { isRelocatable: false });
    world.spawn(node, `k:lazy${index}`, { type: "grain" });
    world.spawn(node, `k:eager${index}`, { type: "grain", isEager: true });
  }
  const claim = claimOf({ type: "singleton" });
  world.request(node, (requestId, deadline) => ({ kind: "singleton", requestId, key: "s", claim, deadline }));
  world.run(500);
  assert.equal(node.running.size, 121);
  return world;
}

describe("a node that leaves", () => {
  it("hands over what can go on, releases the rest, and gives its lease back when nothing runs", () => {
    const world = loaded();
    const node = world.node("n0");
    const id = leave(world, node);
    world.run(3_000);
    const result = world.resultOf(node, id);
    assert.deepEqual(result, { kind: "left", isComplete: true, counts: { moved: 61, released: 60, failed: 0 } });
    assert.equal(world.view.members.some((member) => member.id === "n0"), false);
    assert.equal(world.register.size, 61);
    assert.equal(world.register.get("s")?.record.holder, "n1");
    assert.deepEqual(world.violations, []);
    assert.deepEqual(world.unsettled(), []);
  });

  it("begins nothing new", () => {
    const world = loaded();
    const node = world.node("n0");
    leave(world, node);
    const id = world.spawn(node, "late");
    const result = world.resultOf(node, id);
    assert.equal(result?.kind === "failed" && result.failure.code, "system-stopping");
  });

  it("gets its actors to others over a bad network, once each", () => {
    for (let seed = 1; seed <= 10; seed++) {
      const world = loaded();
      Object.assign(world.options, { loss: 0.2, duplicates: 0.2, late: 0.1 });
      const id = leave(world, world.node("n0"));
      world.run(8_000);
      world.isCalm = true;
      world.run(16_000);
      const result = world.resultOf(world.node("n0"), id);
      assert.equal(result?.kind, "left", `seed ${seed}`);
      assert.deepEqual(world.violations, [], `seed ${seed}`);
      assert.deepEqual(world.unsettled(), [], `seed ${seed}`);
      if (result?.kind !== "left") continue;
      const { moved, released, failed } = result.counts;
      assert.equal(moved + released + failed, 121, `seed ${seed}`);
    }
  });

  it("is there, and votes, until a view is without it", () => {
    const world = loaded({ removalMs: 5_000 });
    const node = world.node("n0");
    const id = leave(world, node);
    world.run(4_000);
    assert.deepEqual([node.running.size, node.lease, world.resultOf(node, id)], [0, "none", undefined]);
    world.run(4_000);
    assert.deepEqual(world.resultOf(node, id), {
      kind: "left",
      isComplete: true,
      counts: { moved: 61, released: 60, failed: 0 },
    });
  });

  it("does not wait for that view for ever", () => {
    const world = loaded({ removalMs: 1_000_000 });
    const id = leave(world, world.node("n0"));
    world.run(25_000);
    const result = world.resultOf(world.node("n0"), id);
    assert.equal(result?.kind === "left" && result.isComplete, false);
    assert.equal(result?.kind, "left");
  });

  it("alone stops everything and gives its lease back", () => {
    const world = new World({ nodeCount: 1 });
    world.run(100);
    world.spawn(world.node("n0"), "a");
    world.run(200);
    const id = leave(world, world.node("n0"));
    world.run(1_000);
    const result = world.resultOf(world.node("n0"), id);
    assert.deepEqual(result, { kind: "left", isComplete: true, counts: { moved: 0, released: 0, failed: 1 } });
    assert.deepEqual(world.violations, []);
  });

  it("whose actors nobody takes leaves them to be relocated, after three nodes have refused", () => {
    const world = loaded({ nodeCount: 3 });
    for (const id of ["n1", "n2"]) world.setLease(world.node(id), "soft");
    const id = leave(world, world.node("n0"));
    world.run(6_000);
    const result = world.resultOf(world.node("n0"), id);
    assert.deepEqual(result, { kind: "left", isComplete: true, counts: { moved: 0, released: 60, failed: 61 } });
    assert.equal(world.register.size, 61);
    for (const id of ["n1", "n2"]) world.setLease(world.node(id), "held");
    world.run(8_000);
    const running = ["n1", "n2"].map((id) => world.node(id).running.size);
    assert.equal(running[0] ?? 0, 61 - (running[1] ?? 0), "all of them run elsewhere, once it is out");
    assert.deepEqual(world.violations, []);
    assert.deepEqual(world.unsettled(), []);
  });

  it("that nobody hears is out of it at its deadline, with everything stopped", () => {
    const world = loaded();
    for (const { id } of world.nodes.slice(1)) world.crash(world.node(id));
    world.crash(world.node("n1"));
    Object.assign(world.options, { loss: 0 });
    const node = world.node("n0");
    world.setMember(nodeId("n0"), { status: "up" });
    const id = leave(world, node, 1_500);
    world.run(14_000);
    assert.equal(world.resultOf(node, id)?.kind, "left");
    assert.equal(node.running.size, 0);
    assert.deepEqual(world.violations, []);
  });
});
