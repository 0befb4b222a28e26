/**
 * How the contract of engines asks, records what it got, and gets members in and out. For tests.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { NodeId, Partition } from "../../core/ids.ts";
import { epoch } from "../../core/ids.ts";
import { hash64, partitionOf } from "../../core/hash.ts";
import type {
  CasOperation,
  CasResult,
  EngineRequest,
  EngineResult,
  Entry,
  Expected,
  ProposeResult,
  RegistryRecord,
} from "../../cluster/engine.ts";
import { planPlaces } from "../../cluster/planner.ts";
import { memberOf, ownerOf, type View } from "../../cluster/view.ts";
import type { EngineWorld } from "./engine_world.ts";

/** Milliseconds of one request, unless a test says otherwise. */
export const REQUEST_MS = 2_000;
/** Milliseconds that pass between two looks. */
const LOOK_MS = 20;
/** Milliseconds of time that anything may take. */
const PATIENCE_MS = 60_000;

/** Lets time pass until something is true. */
export async function until(world: EngineWorld, what: string, isTrue: () => boolean): Promise<void> {
  const lastMs = world.nowMs() + PATIENCE_MS;
  while (!isTrue()) {
    assert.ok(world.nowMs() < lastMs, `in ${PATIENCE_MS} ms: ${what}`);
    await world.runFor(LOOK_MS);
  }
}

/** Asks, and lets time pass until there is an answer. */
export async function ask(
  world: EngineWorld,
  node: number,
  request: EngineRequest,
  timeoutMs: number = REQUEST_MS,
): Promise<EngineResult> {
  const [result] = await all(world, [world.request(node, request, timeoutMs)]);
  return result ?? assert.fail("an answer");
}

/**
 * Lets time pass until there are all answers.
 *
 * @param onLook Called before each stretch of `lookMs`: for what is to go wrong meanwhile.
 */
export async function all<T>(
  world: EngineWorld,
  asked: readonly Promise<T>[],
  lookMs: number = LOOK_MS,
  onLook: () => void = () => {},
): Promise<readonly T[]> {
  const results: T[] = [];
  let count = 0;
  let thrown: { readonly error: unknown } | undefined;
  asked.forEach((one, index) =>
    one.then((result) => {
      results[index] = result;
      count++;
    }, (error: unknown) => {
      thrown = { error };
    })
  );
  const lastMs = world.nowMs() + PATIENCE_MS;
  while (count < asked.length) {
    assert.ok(world.nowMs() < lastMs, `all ${asked.length} requests are answered, not ${count}`);
    onLook();
    await world.runFor(lookMs);
    await Promise.resolve(); // Whoever waited for an answer goes on.
    if (thrown !== undefined) throw thrown.error;
  }
  return results;
}

/** One compare-and-set of a node. */
export async function cas(world: EngineWorld, node: number, operation: CasOperation): Promise<CasResult> {
  const result = await ask(world, node, { kind: "cas", ...operation });
  return result.kind === "cas" ? result.result : assert.fail(`a cas was answered with ${result.kind}`);
}

/** What a node reads of a key; it must be able to. */
export async function read(world: EngineWorld, node: number, key: string): Promise<Entry | null> {
  const result = await ask(world, node, { kind: "get", key });
  assert.ok(result.kind === "get" && result.result.kind === "found", `${key} can be read: ${JSON.stringify(result)}`);
  return result.result.entry;
}

/** Creates an entry; it must succeed. */
export async function create(world: EngineWorld, node: number, key: string, opId: string): Promise<Entry> {
  const operation = claim(world, node, key, opId);
  const result = await cas(world, node, operation);
  assert.equal(result.kind, "ok", `${key} can be created: ${JSON.stringify(result)}`);
  const { record } = operation;
  assert.ok(result.kind === "ok" && record !== null);
  return { key, version: result.version, opId, record };
}

/** A claim by a node, over what it expects. */
export function claim(
  world: EngineWorld,
  node: number,
  key: string,
  opId: string,
  expect: Expected = "absent",
): CasOperation {
  const id = world.idOf(node);
  const view = world.viewOf(node);
  const record: RegistryRecord = {
    type: "actor",
    kind: "thing",
    holder: id,
    holderJoin: (view === undefined ? undefined : memberOf(view, id)?.joinEpoch) ?? epoch(0),
    spec: Uint8Array.of(1, 2, 3),
    isRelocatable: true,
    isEager: false,
    role: "",
    idempotencyKey: "",
  };
  return { key, expect, record, opId };
}

/** The deletion of a version. */
export function deletion({ key, version }: Pick<Entry, "key" | "version">, opId: string): CasOperation {
  return { key, expect: version, record: null, opId };
}

/** The partition of a key that has no children. */
export function partitionOfKey(world: EngineWorld, key: string): Partition {
  return partitionOf(hash64(key), world.options.partitionCount);
}

/** A key in a partition that this node decides for, or does not. */
export function keyOwned(world: EngineWorld, node: number, isOwned: boolean, prefix: string): string {
  const view = world.viewOf(node) ?? assert.fail("a node has a view");
  for (let index = 0; index < 10_000; index++) {
    const key = `${prefix}${index}`;
    if ((ownerOf(view, partitionOfKey(world, key)) === world.idOf(node)) === isOwned) return key;
  }
  return assert.fail("some key is in a partition of the other sort");
}

/** Nodes that are in the newest view. */
export function membersOf(world: EngineWorld): readonly number[] {
  const { members } = newestView(world);
  const ids = new Set(members.map(({ id }) => id));
  return nodesOf(world).filter((node) => ids.has(world.idOf(node)));
}

/** All nodes. */
export function nodesOf(world: EngineWorld): readonly number[] {
  return Array.from({ length: world.options.nodeCount }, (_, node) => node);
}

/** The view with the highest epoch. */
export function newestView(world: EngineWorld): View {
  const views = nodesOf(world).map((node) => world.viewOf(node)).filter((view) => view !== undefined);
  const [first = assert.fail("a node has a view")] = views;
  return views.reduce((one, other) => other.epoch > one.epoch ? other : one, first);
}

/** Proposes the view after the newest without some members; gives up when the newest has gone on. */
export async function propose(world: EngineWorld, by: number, gone: readonly NodeId[]): Promise<ProposeResult> {
  const view = world.viewOf(by) ?? assert.fail("a proposer has a view");
  return await proposeDraft(world, by, view, draftWithout(world, view, gone, new Map()));
}

/** Has members removed and waits until all partitions are served by those that stay. */
export async function removeAndSettle(world: EngineWorld, by: number, gone: readonly NodeId[]): Promise<void> {
  const recovered = new Map<Partition, number>();
  world.onOutput((_, output) => {
    if (output.kind === "recovered") recovered.set(output.partition, output.cfg);
  });
  const lastMs = world.nowMs() + PATIENCE_MS;
  for (;;) {
    assert.ok(world.nowMs() < lastMs, "members are removed, and their partitions taken over");
    const view = world.viewOf(by) ?? assert.fail("a proposer has a view");
    const draft = draftWithout(world, view, gone, recovered);
    const isDone = view.members.every(({ id }) => !gone.includes(id)) && draft.partitions === view.partitions;
    if (isDone && view.partitions.every(({ next }) => next === undefined)) return;
    if (isDone) await world.runFor(LOOK_MS);
    else await proposeDraft(world, by, view, draft);
  }
}

async function proposeDraft(
  world: EngineWorld,
  by: number,
  base: View,
  draft: ReturnType<typeof draftWithout>,
): Promise<ProposeResult> {
  const result = await ask(world, by, { kind: "propose", base: base.epoch, draft }, 3 * world.timings.leaseMs);
  return result.kind === "propose" ? result.result : assert.fail(`a proposal was answered with ${result.kind}`);
}

function draftWithout(
  world: EngineWorld,
  view: View,
  gone: readonly NodeId[],
  recovered: ReadonlyMap<Partition, number>,
): Pick<View, "members" | "partitions"> {
  const members = view.members.filter(({ id }) => !gone.includes(id));
  const partitions = planPlaces({
    places: view.partitions,
    members,
    epoch: epoch(view.epoch + 1),
    replicaCount: world.options.replicaCount,
    recovered: (partition, cfg) => recovered.get(partition as Partition) === cfg,
    movesMax: 0,
    movesPerNodeMax: 0,
    drainMax: 0,
  });
  return { members, partitions };
}
