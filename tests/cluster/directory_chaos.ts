/**
 * A few seconds of everything at once, then a calm: what the directories of a seed did wrong. Test support.
 *
 * @module
 */
import { nodeId, type Partition } from "../../core/ids.ts";
import { below } from "../../core/random.ts";
import { isHolding } from "../../cluster/activation.ts";
import { ALL_RULES, type Rules } from "../../cluster/rules.ts";
import { claimOf, World, type WorldNode } from "./directory_world.ts";

/** What a run showed. */
export interface ChaosResult {
  readonly violations: readonly string[];
  readonly unsettled: readonly string[];
  readonly starts: number;
}

const KEYS = ["a", "b", "k:g", "k:h", "s"];
const CHAOS_MS = 5_000;
const CALM_MS = 16_000;

/** Runs the chaos of one seed. */
export function chaos(seed: number, rules: Rules = ALL_RULES): ChaosResult {
  const world = new World({
    seed,
    rules,
    nodeCount: 2 + seed % 3,
    loss: 0.12,
    duplicates: 0.12,
    late: 0.1,
    stateSyncMs: 400,
    startErrors: 0.05,
  });
  let joined = 0;
  for (let at = 0; at < CHAOS_MS; at += 20) {
    world.run(20);
    const node = world.pick(world.members());
    const key = world.pick(KEYS);
    if (node === undefined || key === undefined) continue;
    const draw = below(world.random, 100);
    if (draw < 12) spawnSomething(world, node, key);
    else if (draw < 22) resolve(world, node, key);
    else if (draw < 26) end(world, node, key);
    else if (draw < 30) {
      world.request(node, (requestId, deadline) => ({ kind: "stop", requestId, key, deadline }), 1_500);
    } else if (draw < 33) world.setLease(node, "soft");
    else if (draw < 36) world.setLease(node, "frozen");
    else if (draw < 46) { for (const each of world.members()) world.setLease(each, "held"); }
    else if (draw < 48 && world.members().length > 2) lose(world, node);
    else if (draw < 50 && joined < 4) world.join(nodeId(`j${++joined}`));
    else if (draw < 53) world.rebuild(below(world.random, 3) as Partition);
    else if (draw < 54 && world.members().length > 2 && !node.isDeparting) {
      node.isDeparting = true;
      world.request(node, (requestId, deadline) => ({ kind: "leave", requestId, deadline }), 4_000);
    }
  }
  world.isCalm = true;
  world.join(nodeId("z")); // All others may be leaving.
  for (const node of world.nodes) {
    const isGone = node.isCrashed || node.directory.departure?.phase === "done";
    if (isGone && world.view.members.some(({ id }) => id === node.id)) world.remove(node);
  }
  for (const node of world.members()) world.setLease(node, "held");
  world.run(CALM_MS);
  const starts = world.answers.filter(({ effect }) => effect.kind === "activation" && effect.status === "live").length;
  return { violations: world.violations, unsettled: world.unsettled(), starts };
}

function spawnSomething(world: World, node: WorldNode, key: string): void {
  if (key === "s") {
    const claim = claimOf({ type: "singleton" });
    world.request(node, (requestId, deadline) => ({ kind: "singleton", requestId, key, claim, deadline }), 1_500);
    return;
  }
  if (key.includes(":")) return resolve(world, node, key);
  const claim = claimOf({ isRelocatable: key === "a", idempotencyKey: world.chance(0.6) ? `idem-${key}` : "" });
  const placement = { kind: world.chance(0.5) ? "local" : "random" } as const;
  const waitMs = 100 + below(world.random, 1_500);
  world.request(node, (requestId, deadline) => ({ kind: "spawn", requestId, key, claim, placement, deadline }), waitMs);
}

function resolve(world: World, node: WorldNode, key: string): void {
  const claim = claimOf({ type: "grain", isEager: key === "k:h" });
  const create = key.includes(":") ? { claim, placement: { kind: "least-load" } as const } : undefined;
  const notAt = world.chance(0.3) ? world.register.get(key)?.version : undefined;
  world.step(node, { kind: "resolve", key, create, notAt });
}

function end(world: World, node: WorldNode, key: string): void {
  const activation = node.directory.activations.get(key);
  if (activation?.token === undefined || !isHolding(activation) || !node.running.has(key)) return;
  if (activation.status === "starting") return;
  node.running.delete(key);
  world.step(node, { kind: "ended", key, token: activation.token });
}

function lose(world: World, node: WorldNode): void {
  if (world.chance(0.5)) world.crash(node);
  world.remove(node);
}
