/**
 * The map of an engine: compare-and-set, reading, and which names it takes. C1 to C5, C14, C15 of the contract.
 *
 * @module
 */
import assert from "node:assert/strict";
import { it } from "node:test";
import { hash64, partitionOf } from "../../core/hash.ts";
import { KEY_CHARS_MAX, NAME_CHARS_MAX } from "../../core/limits.ts";
import { isKey, isName } from "../../core/names.ts";
import { isOlder } from "../../cluster/engine.ts";
import { ownerOf } from "../../cluster/view.ts";
import { all, ask, cas, claim, create, deletion, keyOwned, newestView, nodesOf, read } from "./engine_asks.ts";
import type { EngineFactory, EngineWorldOptions } from "./engine_world.ts";

/** Registers the tests. */
export function mapTests(make: EngineFactory, options: EngineWorldOptions): void {
  it("C1 of twenty who create one name at the same time, exactly one does", async () => {
    const world = await make(options);
    for (let round = 0; round < 5; round++) {
      const key = `race${round}`;
      const racers = Array.from({ length: 20 }, (_, index) => index);
      const results = await all(
        world,
        racers.map((racer) => {
          const node = racer % options.nodeCount;
          return world.request(node, { kind: "cas", ...claim(world, node, key, `${round}/${racer}`) }, 2_000);
        }),
      );
      const won = results.filter((result) => result.kind === "cas" && result.result.kind === "ok");
      assert.equal(won.length, 1);
      const [winner] = racers.filter((racer) => results[racer] === won[0]);
      for (const result of results) {
        assert.ok(result.kind === "cas");
        if (result.result.kind === "ok") continue;
        assert.ok(result.result.kind === "conflict", JSON.stringify(result));
        assert.equal(result.result.current?.opId, `${round}/${winner}`);
      }
    }
    await world.close();
  });

  it("C2 an operation that is sent again by its node is the same write, and by another node is not", async () => {
    const world = await make(options);
    const { version } = await create(world, 0, "again", "op");
    assert.deepEqual(await cas(world, 0, claim(world, 0, "again", "op")), { kind: "ok", version });
    assert.equal((await cas(world, 1, claim(world, 1, "again", "op"))).kind, "conflict");
    assert.equal((await read(world, 1, "again"))?.record.holder, world.idOf(0));
    await world.close();
  });

  it("C3 a conflict tells the winner's entry, whole", async () => {
    const world = await make(options);
    const entry = await create(world, 0, "taken", "first");
    assert.deepEqual(await cas(world, 1, claim(world, 1, "taken", "second")), { kind: "conflict", current: entry });
    assert.deepEqual(await read(world, 1, "taken"), entry);
    const missing = await cas(world, 1, claim(world, 1, "free", "third", entry.version));
    assert.deepEqual(missing, { kind: "conflict", current: null });
    await world.close();
  });

  it("C4 what is created after a deletion has a higher version than all before it", async () => {
    const world = await make(options);
    let last = (await create(world, 0, "reborn", "life0")).version;
    for (let life = 1; life <= 5; life++) {
      const node = life % options.nodeCount;
      const gone = await cas(world, node, deletion({ key: "reborn", version: last }, `death${life}`));
      assert.equal(gone.kind, "ok");
      assert.equal(await read(world, 0, "reborn"), null);
      const { version } = await create(world, node, "reborn", `life${life}`);
      assert.ok(isOlder(last, version));
      last = version;
    }
    await world.close();
  });

  it("C5 a write whose answer was lost is found by sending it again, and so is a deletion", async () => {
    const world = await make(options);
    const key = keyOwned(world, 1, false, "lost");
    const operation = claim(world, 1, key, "unheard");
    world.deafen(1);
    const lost = await ask(world, 1, { kind: "cas", ...operation }, 600);
    assert.ok(lost.kind === "cas" && lost.result.kind === "unavailable" && lost.result.indeterminate);
    world.heal();
    const found = await cas(world, 1, operation);
    assert.ok(found.kind === "ok");
    assert.deepEqual((await read(world, 0, key))?.version, found.version);

    const removal = deletion({ key, version: found.version }, "unheard too");
    world.deafen(1);
    const unheard = await ask(world, 1, { kind: "cas", ...removal }, 600);
    assert.ok(unheard.kind === "cas" && unheard.result.kind === "unavailable" && unheard.result.indeterminate);
    world.heal();
    const again = await cas(world, 1, removal);
    // That what it expected is gone is all that it wanted.
    assert.ok(again.kind === "ok" || (again.kind === "conflict" && again.current === null), JSON.stringify(again));
    assert.equal(await read(world, 0, key), null);
    await world.close();
  });

  it("C14 every key that names can make is taken and kept apart; no name has a wildcard, a space or nothing", async () => {
    const unnamed = ["", ".", "*", ">", "a*", "a>b", "a b", "é", "日本", "a/b", "a:b", "-a", "_a", "a\n"];
    for (const name of unnamed) assert.ok(!isName(name), JSON.stringify(name));
    assert.ok(!isName("x".repeat(NAME_CHARS_MAX + 1)) && isName("x".repeat(NAME_CHARS_MAX)));
    const long = ["a", "b"].map((end) => `${"x".repeat(NAME_CHARS_MAX)}/`.repeat(3) + "y".repeat(200) + end);
    const keys = ["a", "A", "a.b", "a..b", "a-b", "a_b", "0", "k:a", "k:a.b", "k.a", "k.a:b", ...long];
    const world = await make(options);
    for (const [index, key] of keys.entries()) {
      assert.ok(isKey(key) && key.length <= KEY_CHARS_MAX, key);
      await create(world, index % options.nodeCount, key, `op${index}`);
    }
    for (const [index, key] of keys.entries()) assert.equal((await read(world, 0, key))?.opId, `op${index}`);
    await world.close();
  });

  it("C15 the hash says who decides: the same on every node, and for ever", async () => {
    const world = await make(options);
    const view = newestView(world);
    for (const [key, high] of HASHES) {
      assert.equal(hash64(key).high, high, key);
      const partition = partitionOf({ high, low: 0 }, options.partitionCount);
      const owner = nodesOf(world).find((node) => world.idOf(node) === ownerOf(view, partition)) ?? assert.fail();
      await create(world, 0, key, `hash of ${key}`);
      const scan = await ask(world, owner, { kind: "scan", partition, holder: undefined });
      assert.ok(scan.kind === "scan" && scan.isComplete);
      assert.ok(scan.entries.some((entry) => entry.key === key), key);
    }
    await world.close();
  });
}

/** Keys with the half of their hash that decides. Never to change: see `tests/core/hash.test.ts`. */
const HASHES: readonly (readonly [key: string, high: number])[] = [
  ["a", 0x313dba01],
  ["alice", 0xe8a79530],
  ["user-1", 0xa8096404],
  ["user-2", 0x2405a75d],
  ["account:alice", 0xcb435a94],
];
