/**
 * Views and leases of an engine: C6 to C10 and C12 of the contract.
 *
 * @module
 */
import assert from "node:assert/strict";
import { it } from "node:test";
import type { EngineRequest, Version } from "../../cluster/engine.ts";
import { isMember } from "../../cluster/view.ts";
import type { Partition } from "../../core/ids.ts";
import {
  all,
  ask,
  claim,
  create,
  deletion,
  keyOwned,
  newestView,
  nodesOf,
  propose,
  read,
  removeAndSettle,
  until,
} from "./engine_asks.ts";
import type { EngineFactory, EngineWorld, EngineWorldOptions } from "./engine_world.ts";

/** Registers the tests. */
export function viewTests(make: EngineFactory, options: EngineWorldOptions): void {
  it("C6 of views proposed for one epoch at the same time one is chosen, and everybody installs that one", async () => {
    const world = await make(options);
    const drafts = new Map<number, Set<string>>();
    const committed = new Map<number, number>();
    world.onOutput((_, output) => {
      if (output.kind !== "engineView") return;
      const { epoch, draft } = output.view;
      drafts.set(epoch, (drafts.get(epoch) ?? new Set()).add(draft));
    });
    for (let round = 0; round < 10; round++) {
      const { epoch: base, members, partitions } = newestView(world);
      await until(world, "all have the same view", () => nodesOf(world).every((node) => isAt(world, node, base)));
      const request: EngineRequest = { kind: "propose", base, draft: { members, partitions } };
      const results = await all(world, nodesOf(world).map((node) => world.request(node, request, 5_000)));
      for (const result of results) {
        assert.ok(result.kind === "propose");
        if (result.result.kind !== "committed") continue;
        committed.set(result.result.epoch, (committed.get(result.result.epoch) ?? 0) + 1);
      }
    }
    await world.runFor(2_000);
    assert.ok(drafts.size >= 5, `views are chosen, ${drafts.size} of them`);
    for (const [epoch, names] of drafts) assert.equal(names.size, 1, `epoch ${epoch} has one view`);
    for (const [epoch, count] of committed) assert.equal(count, 1, `epoch ${epoch} is one proposer's`);
    await world.close();
  });

  for (const manner of ["reachable", "cut off", "deaf"] as const) {
    it(`C7 a view without a member that is ${manner} is chosen only after its lease has ended`, async () => {
      for (let seed = 1; seed <= 4; seed++) {
        const world = await make({ ...options, seed });
        const gone = seed % options.nodeCount;
        const by = (gone + 1) % options.nodeCount;
        const removals: { readonly node: number; readonly hasLease: boolean }[] = [];
        world.onOutput((node, output) => {
          if (output.kind !== "engineView" || isMember(output.view, world.idOf(gone))) return;
          removals.push({ node, hasLease: world.hasLease(gone) });
        });
        await world.runFor(500 * seed);
        if (manner === "cut off") world.split([gone]);
        if (manner === "deaf") world.deafen(gone);
        assert.ok(world.hasLease(gone));
        while (removals.length < options.nodeCount - 1) await propose(world, by, [world.idOf(gone)]);
        assert.deepEqual(removals.filter(({ hasLease }) => hasLease), [], `with the seed ${seed}`);
        await world.close();
      }
    });
  }

  it("C8 a node that is cut off freezes, the others go on, and afterwards it is as it was", async () => {
    const world = await make(options);
    const keys = Array.from({ length: 20 }, (_, index) => `kept${index}`);
    const entries = [];
    for (const [index, key] of keys.entries()) entries.push(await create(world, index % 3, key, `op${index}`));
    const { epoch } = newestView(world);
    const elsewhere = keyOwned(world, 2, false, "elsewhere");
    world.split([2]);
    await world.runFor(1.1 * world.timings.leaseMs);
    assert.equal(world.statusOf(2), "frozen");
    assert.ok(!world.hasLease(2) && world.hasLease(0) && world.hasLease(1));
    const refused = await ask(world, 2, { kind: "cas", ...claim(world, 2, elsewhere, "frozen") }, 500);
    assert.ok(refused.kind === "cas" && refused.result.kind === "unavailable");
    const own = await ask(world, 2, { kind: "get", key: keyOwned(world, 2, true, "own") }, 500);
    assert.ok(own.kind === "get" && own.result.kind === "unavailable", "it does not answer for what it decides either");
    await create(world, 0, keyOwned(world, 2, false, "onward"), "onward");
    world.heal();
    await until(world, "the lease is back", () => world.statusOf(2) === "held");
    assert.equal(newestView(world).epoch, epoch);
    for (const entry of entries) assert.deepEqual(await read(world, 2, entry.key), entry);
    await create(world, 2, "thawed", "thawed");
    await world.close();
  });

  it("C9 a removed node can neither claim, delete, read nor propose: each request ends with unavailable", async () => {
    const world = await make(options);
    const key = keyOwned(world, 0, true, "kept");
    const entry = await create(world, 2, key, "before");
    const view = newestView(world);
    await removed(world, 2);
    for (let round = 0; round < 2; round++) {
      const attempts: readonly EngineRequest[] = [
        { kind: "cas", ...claim(world, 2, keyOwned(world, 0, true, "new"), `late${round}`) },
        { kind: "cas", ...deletion(entry, `gone${round}`) },
        { kind: "get", key },
        { kind: "propose", base: view.epoch, draft: view },
      ];
      const results = await all(world, attempts.map((request) => world.request(2, request, 500)));
      for (const [index, result] of results.entries()) {
        assert.ok(result.kind === attempts[index]?.kind && "result" in result);
        assert.ok(result.result.kind === "unavailable", `${result.kind}: ${JSON.stringify(result.result)}`);
      }
      // First it does not know that it is out, then it does.
      world.heal();
      await until(world, "it knows that it is out", () => world.statusOf(2) === "fenced");
    }
    assert.deepEqual(await read(world, 0, key), entry);
    await world.close();
  });

  it("C10 an id that was removed never has a lease again, however long it tries", async () => {
    const world = await make(options);
    await removed(world, 2);
    let isBack = false;
    world.onOutput((node, output) => {
      isBack ||= node === 2 && output.kind === "engineLease" && (output.status === "held" || output.status === "soft");
    });
    world.heal();
    for (let second = 0; second < 30; second++) {
      await world.runFor(1_000);
      assert.ok(!world.hasLease(2) && !isBack);
    }
    assert.equal(world.statusOf(2), "fenced");
    assert.ok(!isMember(newestView(world), world.idOf(2)));
    await world.close();
  });

  it("C12 when nobody reaches anybody every request ends by its deadline, with an answer of its own kind", async () => {
    const world = await make(options);
    const entry = await create(world, 0, "before", "before");
    for (const node of nodesOf(world)) world.split([node]);
    const timeoutMs = 500;
    for (const waitMs of [0, 2 * world.timings.leaseMs]) {
      await world.runFor(waitMs);
      const begunMs = world.nowMs();
      for (let round = 0; round < 10; round++) {
        const asked = nodesOf(world).flatMap((node) =>
          requestsOf(world, node, `outage${waitMs}/${round}`, entry.version).map((request) => ({ node, request }))
        );
        const results = await all(world, asked.map(({ node, request }) => world.request(node, request, timeoutMs)));
        for (const [index, result] of results.entries()) {
          const { request } = asked[index] ?? assert.fail();
          assert.equal(result.kind, request.kind);
          if (result.kind === "cas") assert.equal(result.result.kind, "unavailable", JSON.stringify(result));
          if (result.kind === "propose") assert.notEqual(result.result.kind, "committed");
          if (result.kind === "casMany") assert.ok(result.results.every(({ kind }) => kind === "unavailable"));
        }
      }
      const perRoundMs = (world.nowMs() - begunMs) / 10;
      assert.ok(perRoundMs < timeoutMs + 250, `they took ${perRoundMs} ms`);
    }
    await world.close();
  });
}

/** Cuts a node off and has it removed. */
async function removed(world: EngineWorld, node: number): Promise<void> {
  world.split([node]);
  await removeAndSettle(world, 0, [world.idOf(node)]);
}

function isAt(world: EngineWorld, node: number, epoch: number): boolean {
  return world.viewOf(node)?.epoch === epoch;
}

function requestsOf(
  world: EngineWorld,
  node: number,
  opId: string,
  version: Version,
): readonly EngineRequest[] {
  const view = world.viewOf(node) ?? assert.fail("a node has a view");
  const partition = 0 as Partition;
  const key = `${node}/${opId}`;
  return [
    { kind: "get", key: "before" },
    { kind: "cas", ...claim(world, node, key, key) },
    { kind: "cas", ...deletion({ key: "before", version }, `d/${key}`) },
    { kind: "casMany", partition, operations: [claim(world, node, `m${key}`, `m${key}`)] },
    { kind: "scan", partition, holder: undefined },
    { kind: "propose", base: view.epoch, draft: view },
  ];
}
