/**
 * Makes faults of plain numbers, for whatever draws numbers and shrinks them: fast-check, a fuzzer, a file. Pure.
 *
 * One idea: each list of numbers is one fault, and smaller numbers are a smaller one. So who shrinks lists of lists
 * shrinks a plan, to the few faults that matter, and this file needs no library for it.
 *
 * @module
 */
import { OptionsCheck } from "../core/options_check.ts";
import { NODES_MAX, WORLD_MS_MAX } from "./fault_check.ts";
import type { Fault } from "./fault_plan.ts";

/** What the faults of a property have in common. */
export interface FaultsOptions {
  /** Nodes of the worlds, 1 to 30. */
  readonly nodes: number;
  /** Simulated milliseconds in which faults begin; 20 s unless said otherwise. */
  readonly withinMs?: number;
}

const WITHIN_MS_DEFAULT = 20_000;
const FOR_MS_MAX = 12_000;
/** All times are multiples of it: so few, that whoever shrinks them soon has an end. */
const STEP_MS = 100;

/**
 * Connections that break, pauses, crashes and splits: for the `faults` of `simulate`. Each list of whole numbers is one
 * fault; up to five are looked at, and what is missing counts as 0. Throws `invalid-options`.
 *
 * ```ts
 * const faults = fc.array(fc.array(fc.nat(999)), { maxLength: 3 }).map(toFaults({ nodes: 5 }));
 * ```
 */
export function toFaults(options: FaultsOptions): (draws: readonly (readonly number[])[]) => readonly Fault[] {
  const check = new OptionsCheck();
  const { nodes, withinMs } = options ?? {};
  check.unknownKeys("", options, ["nodes", "withinMs"]);
  check.wholeNumber("nodes", nodes, { min: 1, max: NODES_MAX });
  check.number("withinMs", withinMs, { min: 1, max: WORLD_MS_MAX, optional: true });
  check.throwIfAny("draw faults");
  return (draws) => draws.map((numbers) => faultOf(numbers, options));
}

/** The mildest sort is the first one, because 0 is what everything shrinks to. */
function faultOf(numbers: readonly number[], { nodes, withinMs = WITHIN_MS_DEFAULT }: FaultsOptions): Fault {
  const draw = (index: number, count: number) => Math.abs(Math.trunc(numbers[index] ?? 0)) % count || 0;
  const host = draw(1, nodes);
  const atMs = STEP_MS * draw(2, Math.ceil(withinMs / STEP_MS));
  const forMs = STEP_MS * (1 + draw(3, FOR_MS_MAX / STEP_MS));
  switch (nodes === 1 ? 1 + draw(0, 2) : draw(0, 4)) {
    case 0:
      return { kind: "reset", atMs, from: host, to: (host + 1 + draw(4, nodes - 1)) % nodes };
    case 1:
      return { kind: "pause", atMs, host, forMs };
    case 2:
      return { kind: "crash", atMs, host, downMs: forMs, stays: false };
    default:
      return { kind: "partition", atMs, cut: 1 + draw(1, 2 ** nodes - 2), isOneWay: draw(4, 2) === 1, forMs };
  }
}
