/**
 * Which members may take what has nowhere to run, and which of them is asked. Pure but for a cache of its own.
 *
 * One idea: load is what this node knows without asking: the records of its own duty and what it has just sent.
 *
 * Invariant: whoever is chosen was eligible in the installed view.
 *
 * @module
 */
import type { NodeId } from "../core/ids.ts";
import type { DirectoryState } from "./directory_state.ts";
import { heldCount } from "./duty_records.ts";
import { type Choice, chooseNode, type Demand, eligible, type Placement } from "./placement.ts";
import type { Member } from "./view.ts";

/** Members that may have what asks this, the oldest first. */
export function candidates(state: DirectoryState, { role, kind }: Demand): readonly Member[] {
  const { view, eligibleOf } = state;
  if (view === undefined) return [];
  const name = `${role} ${kind}`;
  const known = eligibleOf.get(name);
  if (known !== undefined) return known;
  const found = eligible(view.members, { role, kind });
  eligibleOf.set(name, found); // Emptied with each view: as many as there are kinds and roles.
  return found;
}

/** Chooses as `placement` says among the candidates that are not excluded; `local` means `near`. */
export function chooseTarget(
  state: DirectoryState,
  demand: Demand,
  placement: Placement,
  near: NodeId,
  isExcluded: (id: NodeId) => boolean,
): Choice {
  const found = candidates(state, demand).filter(({ id }) => !isExcluded(id));
  const { random } = state;
  return chooseNode(placement, found, {
    self: near,
    random,
    loadOf: (id) => heldCount(state, id) + (state.relocator.inFlight.get(id) ?? 0),
    counter: placement.kind === "round-robin" ? state.turns++ : 0,
  });
}

/**
 * The member that is to run a singleton: the oldest that may. Age only grows, so those that join never take it from
 * where it is; it moves when its host goes.
 */
export function singletonHost(state: DirectoryState, demand: Demand): NodeId | undefined {
  return candidates(state, demand)[0]?.id;
}
