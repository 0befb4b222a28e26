/**
 * What every process of a run of gossip was told, in order.
 *
 * @module
 */
import type { NodeId } from "../../core/ids.ts";
import type { Now } from "../../cluster/time.ts";
import { CALM_WORLD, type FaultPlan, type PlanItem, type WorldSettings } from "../../testkit/fault_plan.ts";
import { type RunOutcome, runPlan } from "../../testkit/sim_run.ts";
import type { Birth } from "../../testkit/process.ts";
import {
  type GossipChecker,
  type GossipFrame,
  gossiping,
  type GossipInput,
  type GossipNote,
  type GossipOperation,
} from "./gossip.ts";

/** One input of one process. */
export interface Told {
  readonly atMs: number;
  readonly host: number;
  readonly self: NodeId;
  readonly input: GossipInput;
  readonly now: Now;
}

/** A run with all that was told. */
export interface Observed {
  readonly outcome: RunOutcome;
  readonly told: readonly Told[];
  readonly births: readonly Birth[];
}

/** A plan of gossip in a calm world of 10 s, but for these settings. */
export function gossipPlan(
  settings: Partial<WorldSettings>,
  ...items: readonly PlanItem<GossipOperation>[]
): FaultPlan<GossipOperation> {
  return { seed: 7, settings: { ...CALM_WORLD, chaosMs: 10_000, ...settings }, items };
}

/** Runs gossip and keeps all inputs. Throws when a promise of the simulator is broken. */
export function observe(plan: FaultPlan<GossipOperation>, ...checkers: readonly GossipChecker[]): Observed {
  const told: Told[] = [];
  const births: Birth[] = [];
  const observer: GossipChecker = {
    name: "observer",
    onBorn: (_world, _node, newborn) => void births.push(newborn.birth),
    onNote: (world, node, note: GossipNote) => {
      if (note.kind !== "heard") return;
      told.push({ atMs: world.nowMs, host: node.host, self: note.self, input: note.input, now: note.now });
    },
  };
  const outcome = runPlan(plan, gossiping(observer, ...checkers));
  if (outcome.violation !== undefined) throw outcome.violation;
  return { outcome, told, births };
}

/** A numbered frame that was read. */
export interface Read {
  readonly atMs: number;
  readonly host: number;
  readonly from: NodeId;
  readonly lane: string;
  readonly generation: number;
  readonly number: number;
}

/** The numbered frames among inputs, without greetings. */
export function readsOf(told: readonly Told[]): readonly Read[] {
  return told.flatMap(({ atMs, host, input }) => {
    if (input.kind !== "frame") return [];
    const frame: GossipFrame = input.frame;
    if (frame.kind !== "numbered") return [];
    return [{ atMs, host, from: input.from, lane: input.lane, generation: input.generation, number: frame.number }];
  });
}
