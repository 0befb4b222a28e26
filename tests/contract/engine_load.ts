/**
 * Many entries and many operations: C11, C13 and C16 of the contract.
 *
 * @module
 */
import assert from "node:assert/strict";
import { it } from "node:test";
import type { CasOperation, CasResult, EngineRequest, Entry, Version } from "../../cluster/engine.ts";
import { isOlder } from "../../cluster/engine.ts";
import type { Partition } from "../../core/ids.ts";
import { below, type Random, seededRandom } from "../../core/random.ts";
import {
  checkHistory,
  describeViolation,
  type RegistryCall,
  type RegistryOperation,
  type SeenEntry,
} from "../../testkit/checkers/linearizability.ts";
import {
  all,
  ask,
  claim,
  create,
  deletion,
  nodesOf,
  partitionOfKey,
  removeAndSettle,
  REQUEST_MS,
} from "./engine_asks.ts";
import type { EngineScale } from "./engine.ts";
import type { EngineFactory, EngineWorld, EngineWorldOptions } from "./engine_world.ts";

/** Operations of one request. */
const BATCH = 64;
/** Claims and releases between two looks whether there is time left. */
const CYCLES_AT_ONCE = 1_000;
/** Milliseconds of each time in which something is wrong, or nothing is, and how many of them there are. */
const TROUBLE_MS = 200;
const TROUBLES = 12;
/** Clients at the same time. */
const CLIENTS = 24;
/** Puts answers after all calls of the same instant: what overlaps has no order. */
const LATER = 1_000_000_000;

/** Registers the tests. */
export function loadTests(make: EngineFactory, options: EngineWorldOptions, scale: EngineScale): void {
  it("C11 whoever gets the duty for a partition finds all its entries by a scan, and hears of every later one", async () => {
    const world = await make(options);
    const entries: Entry[] = [];
    for (let index = 0; index < 60; index++) entries.push(await create(world, index % 3, `key${index}`, `op${index}`));
    const duty = new Map<Partition, number>();
    const strays: Partition[] = [];
    const heard = new Map<Partition, Version[]>();
    world.onOutput((node, output) => {
      if (output.kind === "engineDuty" && output.isOn) duty.set(output.partition, node);
      if (output.kind !== "engineEntry") return;
      if (node !== (duty.get(output.partition) ?? node)) strays.push(output.partition);
      const versions = heard.get(output.partition) ?? [];
      if (output.entry !== null) heard.set(output.partition, [...versions, output.entry.version]);
    });
    world.crash(0);
    await removeAndSettle(world, 1, [world.idOf(0)]);
    const found: Entry[] = [];
    const partitions = Array.from({ length: options.partitionCount }, (_, index) => index as Partition);
    const owners = new Map<Partition, number>();
    for (const partition of partitions) {
      for (const node of [1, 2]) {
        const scan = await ask(world, node, { kind: "scan", partition, holder: undefined });
        assert.ok(scan.kind === "scan");
        if (!scan.isComplete) continue;
        assert.ok(!owners.has(partition), `partition ${partition} has one that knows all of it`);
        owners.set(partition, node);
        found.push(...scan.entries);
      }
      assert.ok(owners.has(partition), `somebody knows all of partition ${partition}`);
      const changedTo = duty.get(partition);
      assert.ok(changedTo === undefined || changedTo === owners.get(partition));
    }
    assert.ok(duty.size > 0, "a duty has changed");
    const byKey = (one: Entry, other: Entry) => one.key < other.key ? -1 : 1;
    assert.deepEqual(found.toSorted(byKey), entries.toSorted(byKey));
    heard.clear();
    for (let index = 0; index < 60; index++) {
      const entry = await create(world, 1 + index % 2, `later${index}`, `later${index}`);
      const versions = heard.get(partitionOfKey(world, entry.key)) ?? [];
      assert.deepEqual(versions.at(-1), entry.version);
    }
    assert.deepEqual(strays, [], "only who has the duty hears of entries");
    for (const versions of heard.values()) {
      for (const [index, version] of versions.slice(1).entries()) {
        assert.ok(isOlder(versions[index] ?? assert.fail(), version), "entries come in the order of versions");
      }
    }
    await world.close();
  });

  it(`C13 with ${scale.keys} names and a tenth of them fought for, what clients saw is linearizable`, async () => {
    const world = await make(options);
    const history = new History(world);
    const keys = Array.from({ length: scale.keys }, (_, index) => `key${index}`);
    await all(world, nodesOf(world).map((node) => createMany(world, node, keys, history)));
    assert.equal(history.okCount, keys.length);
    const random = seededRandom(options.seed);
    const churned = keys.filter(() => below(random, 10) === 0);
    const begunMs = world.nowMs();
    const lastMs = begunMs + TROUBLE_MS * TROUBLES;
    const clients = Array.from(
      { length: CLIENTS },
      (_, client) => churn(world, client, churned, history, random, lastMs),
    );
    let trouble = -1;
    await all(world, clients, 1, () => {
      const next = Math.floor((world.nowMs() - begunMs) / TROUBLE_MS);
      if (next === trouble) return;
      trouble = next;
      world.heal();
      const node = Math.floor(trouble / 4) % options.nodeCount;
      if (trouble < TROUBLES && trouble % 4 === 1) world.split([node]);
      if (trouble < TROUBLES && trouble % 4 === 3) world.deafen(node);
    });
    const { violation, undecided } = checkHistory(history.operations);
    assert.ok(violation === undefined, violation === undefined ? "" : describeViolation(violation.verdict));
    assert.deepEqual(undecided, []);
    assert.ok(history.operations.length > keys.length + 5 * churned.length, `${history.operations.length} operations`);
    await world.close();
  });

  it(`C16 after ${scale.cycles} claims and releases of a few names an engine remembers no more than after a few`, async () => {
    const world = await make(options);
    await cycles(world, 400);
    await world.runFor(3_000);
    const before = nodesOf(world).map((node) => world.sizeOf(node));
    for (let done = 0; done < scale.cycles; done += CYCLES_AT_ONCE) await cycles(world, CYCLES_AT_ONCE);
    await world.runFor(3_000);
    const after = nodesOf(world).map((node) => world.sizeOf(node));
    for (const [node, size] of after.entries()) {
      const first = before[node] ?? assert.fail();
      assert.ok(size <= 1.1 * first + 500, `node ${node} remembers ${size} things, and remembered ${first}`);
    }
    await world.close();
  });
}

/** What clients called and got. */
class History {
  readonly operations: RegistryOperation[] = [];
  okCount = 0;
  readonly #world: EngineWorld;
  #order = 0;

  constructor(world: EngineWorld) {
    this.#world = world;
  }

  /** Notes a call; what is returned notes its answer. A call without effect is left out. */
  begin(node: number, key: string): (call: RegistryCall | undefined) => void {
    const stamp = () => ({ at: this.#world.nowMs(), order: ++this.#order });
    const called = stamp();
    return (call) => {
      if (call === undefined) return;
      if (call.kind === "cas" && call.result.kind === "ok") this.okCount++;
      const isOpen = call.kind === "cas" && call.result.kind === "unknown";
      const { at, order } = stamp();
      const returned = isOpen ? undefined : { at, order: order + LATER };
      this.operations.push({ key, client: this.#world.idOf(node), called, returned, call });
    };
  }
}

/** Creates a third of the keys, in batches. */
async function createMany(
  world: EngineWorld,
  node: number,
  keys: readonly string[],
  history: History,
): Promise<void> {
  const byPartition = new Map<Partition, string[]>();
  for (const key of keys.filter((_, index) => index % world.options.nodeCount === node)) {
    const partition = partitionOfKey(world, key);
    byPartition.set(partition, [...byPartition.get(partition) ?? [], key]);
  }
  for (const [partition, ofPartition] of byPartition) {
    for (let first = 0; first < ofPartition.length; first += BATCH) {
      const operations = ofPartition.slice(first, first + BATCH).map((key) => claim(world, node, key, `first ${key}`));
      const ends = operations.map(({ key }) => history.begin(node, key));
      const result = await world.request(node, { kind: "casMany", partition, operations }, REQUEST_MS);
      assert.ok(result.kind === "casMany" && result.results.length === operations.length);
      for (const [index, one] of result.results.entries()) {
        ends[index]?.(callOf(operations[index] ?? assert.fail(), one));
      }
    }
  }
}

/** One client: reads some name, then creates, replaces or deletes what it saw, again and again. */
async function churn(
  world: EngineWorld,
  client: number,
  keys: readonly string[],
  history: History,
  random: Random,
  lastMs: number,
): Promise<void> {
  const node = client % world.options.nodeCount;
  for (let index = 0; world.nowMs() < lastMs; index++) {
    // Clients go through the names together, so that they meet.
    const key = keys[(index + below(random, 3)) % keys.length] ?? assert.fail();
    const seen = await get(world, node, key, history);
    if (seen === undefined) continue;
    const opId = `${client}/${index}`;
    let operation: CasOperation;
    if (seen === null) operation = claim(world, node, key, opId);
    else if (below(random, 2) === 0) operation = deletion({ key, version: seen.version }, opId);
    else operation = claim(world, node, key, opId, seen.version);
    const end = history.begin(node, key);
    const result = await world.request(node, { kind: "cas", ...operation }, REQUEST_MS);
    assert.ok(result.kind === "cas");
    end(callOf(operation, result.result));
  }
}

async function get(
  world: EngineWorld,
  node: number,
  key: string,
  history: History,
): Promise<SeenEntry | null | undefined> {
  const end = history.begin(node, key);
  const request: EngineRequest = { kind: "get", key };
  const result = await world.request(node, request, REQUEST_MS);
  assert.ok(result.kind === "get");
  if (result.result.kind === "unavailable") return undefined;
  const seen = seenOf(result.result.entry);
  end({ kind: "get", seen });
  return seen;
}

function callOf({ opId, expect, record }: CasOperation, result: CasResult): RegistryCall | undefined {
  const isDelete = record === null;
  const call = { kind: "cas", opId, expect, isDelete } as const;
  if (result.kind === "unavailable") {
    return result.indeterminate ? { ...call, result: { kind: "unknown" } } : undefined;
  }
  if (result.kind === "ok") return { ...call, result };
  // A deletion that was sent twice may find that the first one was done, and cannot tell.
  if (isDelete) return { ...call, result: { kind: "unknown" } };
  return { ...call, result: { kind: "conflict", current: seenOf(result.current) } };
}

function seenOf(entry: Entry | null): SeenEntry | null {
  return entry === null ? null : { version: entry.version, opId: entry.opId };
}

/** Claims and releases a few names, each as often as the others, from all nodes. */
async function cycles(world: EngineWorld, count: number): Promise<void> {
  const names = Array.from({ length: 12 }, (_, index) => index);
  await all(
    world,
    names.map(async (name) => {
      const node = name % world.options.nodeCount;
      for (let cycle = 0; cycle < count / names.length; cycle++) {
        const operation = claim(world, node, `cycle${name}`, `${name}/${world.nowMs()}/${cycle}`);
        const made = await world.request(node, { kind: "cas", ...operation }, REQUEST_MS);
        assert.ok(made.kind === "cas" && made.result.kind === "ok", JSON.stringify(made));
        const removal = deletion({ key: operation.key, version: made.result.version }, `-${operation.opId}`);
        const gone = await world.request(node, { kind: "cas", ...removal }, REQUEST_MS);
        assert.ok(gone.kind === "cas" && gone.result.kind === "ok", JSON.stringify(gone));
      }
    }),
  );
}
