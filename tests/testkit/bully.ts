/**
 * A leader election that is wrong on purpose: whoever has heard of no older node for a second leads. It holds while the
 * network does. For tests of the search for failures.
 *
 * @module
 */
import type { NodeId } from "../../core/ids.ts";
import type { Now } from "../../cluster/time.ts";
import type { Birth, ProcessEffect, ProcessInput, SimulatedProcess } from "../../testkit/process.ts";
import { type Checker, type Scenario, SimulationViolation, type World } from "../../testkit/scenario.ts";

/** "Here I am." */
export interface Alive {
  readonly host: number;
}

const SILENCE_MS = 1_000;
const FIRST_WAIT_MS = 12_000;

/** One candidate. The lower its host, the older it is. */
export class Candidate implements SimulatedProcess<Alive, never, never> {
  readonly id: NodeId;
  readonly #birth: Birth;
  readonly #addresses: Set<string> = new Set();
  #heardMono: number;
  isLeading = false;

  constructor(birth: Birth) {
    this.id = birth.id;
    this.#birth = birth;
    this.#heardMono = birth.bornAt.mono + FIRST_WAIT_MS;
  }

  step(input: ProcessInput<Alive, never>, now: Now, out: ProcessEffect<Alive, never>[]): void {
    if (input.kind === "discovered") { for (const address of input.addresses) this.#addresses.add(address); }
    if (input.kind === "frame" && input.frame.host < this.#birth.host) {
      this.#heardMono = now.mono;
      this.isLeading = false;
    }
    if (input.kind !== "tick") return;
    if (now.mono - this.#heardMono > SILENCE_MS) this.isLeading = true;
    for (const address of this.#addresses) {
      if (address !== this.#birth.address) out.push({ kind: "greet", address, frame: { host: this.#birth.host } });
    }
  }

  describe(): unknown {
    return { isLeading: this.isLeading };
  }
}

/** Two never lead at once. */
const oneLeader: Checker<Alive, never, never, Candidate> = {
  name: "one leader",
  onStep(world) {
    const leading = leadersOf(world);
    if (leading.length > 1) throw new SimulationViolation("one leader", `${leading.join(" and ")} lead`);
  },
};

/** The election, with one leader as its promise and as its goal. */
export const bullies: Scenario<Alive, never, never, Candidate> = {
  name: "bullies",
  begin: () => ({
    subject: { name: "bully", create: (birth) => new Candidate(birth), frameName: () => "alive", noteLine: () => "" },
    checkers: [oneLeader],
    converged: (world) => leadersOf(world).length === 1 ? undefined : "nobody leads",
  }),
};

function leadersOf(world: World<never, Candidate>): readonly string[] {
  return world.nodes.flatMap(({ host, process }) => process?.isLeading === true ? [`n${host}`] : []);
}
