import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { epoch, nodeId, type Partition } from "../../core/ids.ts";
import { without } from "../../cluster/rules.ts";
import type { RuleName } from "../../cluster/rules.ts";
import { chaos } from "./directory_chaos.ts";
import { claimOf, partitionOfKey, World, type WorldNode } from "./directory_world.ts";

const SEEDS = 250;

function first(world: World): WorldNode {
  return world.node("n0");
}

function kinds(world: World, node: WorldNode, ids: readonly number[]): readonly string[] {
  return ids.map((id) => {
    const result = world.resultOf(node, id);
    return result?.kind === "failed" ? result.failure.code : result?.kind ?? "nothing";
  });
}

/** Writes a record that names `n0` under an operation it knows nothing of. */
function haunt(world: World, key: string): void {
  const record = { ...claimOf(), holder: nodeId("n0"), holderJoin: epoch(1) };
  world.register.set(key, { key, version: { cfg: epoch(1), seq: 900 }, opId: "n0#900", record });
}

function count(from: number, to: number, rule: RuleName): number {
  let caught = 0;
  for (let seed = from; seed < to; seed++) {
    const { violations, unsettled } = chaos(seed, without(rule));
    if (violations.length + unsettled.length > 0) caught++;
  }
  return caught;
}

describe("directories in a chaos", () => {
  it("never have two holders, start nothing without claim and lease, and are all right after a calm", () => {
    let starts = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const result = chaos(seed);
      assert.deepEqual(result.violations, [], `seed ${seed}`);
      assert.deepEqual(result.unsettled, [], `seed ${seed}`);
      starts += result.starts;
    }
    assert.ok(starts > 10 * SEEDS, "something happened");
  });

  const caughtBy: readonly (readonly [RuleName, number, number])[] = [
    ["attemptsAreUnique", 100, 180],
    ["auditByVersion", 1, 40],
    ["claimBeforeStart", 1, 3],
    ["stopBeforeRelease", 15, 25],
    ["holdExcludesLeaving", 1, 45],
    ["floor", 1, 80],
    ["freezeAtExpiry", 1, 5],
  ];
  for (const [rule, from, to] of caughtBy) {
    it(`do wrong without the rule ${rule}`, () => assert.ok(count(from, to, rule) > 0));
  }
});

describe("a claim", () => {
  it("takes a free name, and is refused where another has it", () => {
    const world = new World();
    world.run(100);
    const [one, other] = [world.node("n0"), world.node("n1")];
    const taken = world.spawn(one, "a");
    world.run(200);
    const late = world.spawn(other, "a");
    world.run(200);
    assert.deepEqual(kinds(world, one, [taken]), ["spawned"]);
    const result = world.resultOf(other, late);
    assert.equal(result?.kind === "failed" && result.failure.code, "name-taken");
    assert.equal(result?.kind === "failed" && result.failure.holder, "n0");
    assert.equal(result?.kind === "failed" && result.failure.fate, "not-delivered");
  });

  it("of twenty at once, one wins", () => {
    const world = new World({ nodeCount: 20 });
    world.run(100);
    const ids = world.nodes.map((node) => world.spawn(node, "a"));
    world.run(500);
    const results = world.nodes.map((node, index) => world.resultOf(node, ids[index] ?? 0)?.kind);
    assert.equal(results.filter((kind) => kind === "spawned").length, 1);
    assert.equal(results.filter((kind) => kind === "failed").length, 19);
  });

  it("with the idempotency key of the holder's is answered with that holder", () => {
    const world = new World();
    world.run(100);
    world.spawn(world.node("n0"), "a", { idempotencyKey: "order 7" });
    world.run(200);
    const again = world.spawn(world.node("n1"), "a", { idempotencyKey: "order 7" });
    world.run(200);
    const result = world.resultOf(world.node("n1"), again);
    assert.equal(result?.kind === "spawned" && result.holder, "n0");
    assert.equal(result?.kind === "spawned" && result.isNew, false);
  });

  it("waits while the lease is soft, and fails at its deadline without having been sent", () => {
    const world = new World();
    world.run(100);
    world.setLease(first(world), "soft");
    const brief = world.spawn(first(world), "a", {}, 300);
    const patient = world.spawn(first(world), "b", {}, 3_000);
    world.run(500);
    assert.deepEqual(kinds(world, first(world), [brief, patient]), ["lease-lost", "nothing"]);
    world.setLease(first(world), "held");
    world.run(500);
    assert.deepEqual(kinds(world, first(world), [patient]), ["spawned"]);
    assert.equal(world.register.has("a"), false);
  });

  it("over a record of its own node that it does not hold releases that record and goes on", () => {
    const world = new World({ stateSyncMs: 100_000 });
    world.run(100);
    haunt(world, "a");
    const id = world.spawn(first(world), "a");
    world.run(1_000);
    assert.deepEqual(kinds(world, first(world), [id]), ["spawned"]);
    assert.deepEqual(world.unsettled(), []);

    const bad = new World({ stateSyncMs: 100_000, rules: without("conflictWithSelf") });
    bad.run(100);
    haunt(bad, "a");
    const refused = bad.spawn(first(bad), "a");
    bad.run(1_000);
    assert.deepEqual(kinds(bad, first(bad), [refused]), ["name-taken"]);
  });

  it("whose actor fails to start gives the name back", () => {
    const world = new World({ startErrors: 1 });
    world.run(100);
    const id = world.spawn(first(world), "a");
    world.run(500);
    assert.deepEqual(kinds(world, first(world), [id]), ["start-failed"]);
    assert.equal(world.register.size, 0);
  });
});

describe("a name", () => {
  it("is stopped from anywhere, and then free", () => {
    const world = new World();
    world.run(100);
    world.spawn(first(world), "a");
    world.run(200);
    const other = world.node("n2");
    const stop = () => world.request(other, (requestId, deadline) => ({ kind: "stop", requestId, key: "a", deadline }));
    const found = stop();
    world.run(800);
    const missed = stop();
    world.run(800);
    assert.deepEqual(kinds(world, other, [found, missed]), ["stopped", "actor-not-found"]);
    assert.equal(first(world).running.size, 0);
  });

  it("is located", () => {
    const world = new World();
    world.run(100);
    world.spawn(first(world), "a");
    world.run(200);
    const id = world.request(world.node("n1"), (requestId, deadline) => ({
      kind: "locate",
      requestId,
      key: "a",
      deadline,
    }));
    world.run(200);
    const result = world.resultOf(world.node("n1"), id);
    assert.equal(result?.kind === "located" && result.entry?.record.holder, "n0");
  });

  it("is spawned on another node by its placement", () => {
    const world = new World();
    world.run(100);
    const placement = { kind: "function", choose: () => nodeId("n2") } as const;
    const claim = claimOf();
    const id = world.request(first(world), (requestId, deadline) => ({
      kind: "spawn",
      requestId,
      key: "a",
      claim,
      placement,
      deadline,
    }));
    const nowhere = world.spawn(first(world), "b", { role: "nobody" });
    world.run(300);
    const result = world.resultOf(first(world), id);
    assert.equal(result?.kind === "spawned" && result.holder, "n2");
    assert.deepEqual(kinds(world, first(world), [nowhere]), ["no-eligible-node"]);
  });
});

describe("a grain", () => {
  const create = { claim: claimOf({ type: "grain" }), placement: { kind: "random" } } as const;

  it("that all ask for at once has one activation, which all are told", () => {
    const world = new World({ nodeCount: 5 });
    world.run(100);
    for (const node of world.nodes) world.step(node, { kind: "resolve", key: "k:g", create, notAt: undefined });
    world.run(300);
    const entry = world.register.get("k:g");
    const told = world.answers.flatMap(({ effect }) => effect.kind === "resolved" ? [effect.holder] : []);
    assert.deepEqual(told, Array.from({ length: 5 }, () => entry?.record.holder));
  });

  it("is absent to whoever does not want it created", () => {
    const world = new World();
    world.run(100);
    world.step(first(world), { kind: "resolve", key: "k:g", create: undefined, notAt: undefined });
    world.run(200);
    const reasons = world.answers.flatMap(({ effect }) => effect.kind === "absent" ? [effect.reason] : []);
    assert.deepEqual(reasons, ["absent"]);
  });

  it("waits for as many members as there must be", () => {
    const world = new World({ nodeCount: 1 });
    world.run(100);
    world.step(first(world), { kind: "resolve", key: "k:g", create, notAt: undefined });
    world.run(600);
    assert.equal(world.register.size, 0);
    world.join(nodeId("n1"));
    world.run(900);
    assert.equal(world.register.size, 1);
  });

  it("whose record nobody backs is begun anew when a message finds nobody", () => {
    const world = new World({ stateSyncMs: 100_000 });
    world.run(100);
    const record = { ...create.claim, holder: nodeId("n0"), holderJoin: epoch(1) };
    const version = { cfg: epoch(1), seq: 900 };
    const entry = { key: "k:g", version, opId: "n0#900", record };
    world.register.set("k:g", entry);
    const partition = partitionOfKey("k:g");
    for (const node of world.nodes) {
      if (node.duties.has(partition)) world.step(node, { kind: "engineEntry", partition, key: "k:g", entry });
    }
    world.step(world.node("n1"), { kind: "resolve", key: "k:g", create, notAt: version });
    world.run(1_500);
    assert.notEqual(world.register.get("k:g")?.opId, "n0#900");
    assert.deepEqual(world.unsettled(), []);
  });
});

describe("an audit", () => {
  /** `n0` runs `a`, but the record names it for another operation. */
  function divided(rules: World["options"]["rules"]): World {
    const world = new World({ rules, stateSyncMs: 300 });
    world.run(100);
    world.spawn(first(world), "a");
    world.run(200);
    const partition = partitionOfKey("a");
    const entry = world.register.get("a");
    assert.ok(entry !== undefined);
    const other = { ...entry, opId: "n0#900", version: { cfg: entry.version.cfg, seq: 900 } };
    world.register.set("a", other);
    for (const node of world.nodes) {
      if (node.duties.has(partition)) world.step(node, { kind: "engineEntry", partition, key: "a", entry: other });
    }
    world.run(2_000);
    return world;
  }

  it("stops what no record backs, and releases what nobody backs", () => {
    const world = divided(without());
    assert.equal(first(world).running.size, 0);
    assert.equal(world.register.size, 0);
    const seen = world.events.map(({ event }) => event.kind);
    assert.ok(seen.includes("lostClaim") && seen.includes("ghostReleased"));
  });

  it("sees nothing where names are compared instead of operations", () => {
    assert.equal(divided(without("auditByOperation")).unsettled().length > 0, true);
  });

  it("from a node that does not own the partition is not believed", () => {
    const world = new World({ stateSyncMs: 100_000 });
    world.run(100);
    world.spawn(first(world), "a");
    world.run(200);
    const partition = partitionOfKey("a");
    const stranger = world.nodes.find((node) => !node.duties.has(partition));
    assert.ok(stranger !== undefined);
    const message = { kind: "holdAudit", partition, at: { cfg: epoch(9), seq: 9 }, lines: [], isWhole: true } as const;
    world.step(first(world), { kind: "message", from: stranger.id, message });
    world.run(200);
    assert.equal(first(world).running.size, 1);
  });
});

describe("a lease", () => {
  it("that runs out pauses what is live, and resumes it when it comes back", () => {
    const world = new World();
    world.run(100);
    world.spawn(first(world), "a");
    world.run(200);
    world.setLease(first(world), "soft");
    world.setLease(first(world), "frozen");
    assert.equal(first(world).directory.activations.get("a")?.status, "paused");
    world.setLease(first(world), "held");
    assert.equal(first(world).directory.activations.get("a")?.status, "live");
    assert.equal(first(world).running.size, 1);
  });

  it("lost for good stops everything, ends every request, and nothing is sent any more", () => {
    const world = new World();
    world.run(100);
    world.spawn(first(world), "a");
    world.run(200);
    const waiting = world.spawn(first(world), "b");
    world.step(first(world), { kind: "resolve", key: "k:x", create: undefined, notAt: undefined });
    world.setLease(first(world), "fenced");
    assert.deepEqual(kinds(world, first(world), [waiting]), ["lease-lost"]);
    world.run(200);
    assert.equal(first(world).running.size, 0);
    assert.equal(first(world).directory.activations.size, 0);
    assert.equal(world.spawn(first(world), "c") > 0, true);
    assert.equal(first(world).directory.requests.size, 0);
  });
});

describe("a partition that is built anew", () => {
  it("is told what is held, without what is on its way out, and late acknowledgements from before count no more", () => {
    const world = new World();
    world.run(100);
    world.spawn(first(world), "a");
    world.run(200);
    const partition = partitionOfKey("a") as Partition;
    world.spawn(first(world), "a2");
    world.run(2); // Its claim is on its way.
    world.rebuild(partition);
    world.run(3_000);
    assert.deepEqual(world.violations, []);
    assert.deepEqual(world.unsettled(), []);
    assert.equal(first(world).running.has("a"), true);
  });
});
