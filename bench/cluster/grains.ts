/**
 * S9, on a node: activates grains by asking each once, then asks some of them again. Runs on the main thread.
 *
 * @module
 */
import process from "node:process";
import type { ActorSystem } from "../../mod.ts";
import { askConcurrently, askOneByOne } from "../asking.ts";
import { type Outcome, secondsNow, type Task } from "../contestant.ts";
import { Cold } from "./kinds.ts";
import { PATIENCE } from "./patience.ts";

/** Asks under way on one node. */
const ASKS_AT_ONCE = 400;
/** Grains that are asked again. */
const WARM_GRAINS = 1_000;
const WARM_CALLERS = 100;

/** What {@link activate} is told. Every node has a prefix of its own. */
export interface ActivateOrder {
  readonly task: Task;
  readonly prefix: string;
}

/** What {@link askWarm} is told. */
export interface WarmOrder {
  readonly task: Task;
  readonly prefix: string;
  /** Grains there are of this prefix. */
  readonly count: number;
}

/** What {@link askWarm} came to. */
export interface WarmOutcome {
  readonly sequential: Outcome;
  readonly concurrent: Outcome;
}

/** Asks grains that nobody has asked before. A grain that answers 1 has been activated once. */
export async function activate(system: ActorSystem, { task, prefix }: ActivateOrder): Promise<Outcome> {
  const startedAt = secondsNow();
  let sent = 0;
  let delivered = 0;
  async function call(): Promise<void> {
    while (sent < task.countMax && secondsNow() - startedAt < task.seconds) {
      const name = `${prefix}-${sent++}`;
      if (await system.grain(Cold, name).with(PATIENCE).ask.add(1) === 1) delivered++;
    }
  }
  await Promise.all(Array.from({ length: ASKS_AT_ONCE }, call));
  return { sent, delivered, seconds: secondsNow() - startedAt };
}

/** Asks grains that are awake on other nodes: one at a time, and a hundred. */
export async function askWarm(system: ActorSystem, { task, prefix, count }: WarmOrder): Promise<WarmOutcome> {
  const candidates = Array.from(
    { length: Math.min(count, 2 * WARM_GRAINS) },
    (_, index) => system.grain(Cold, `${prefix}-${index}`).with(PATIENCE),
  );
  const places = await Promise.all(candidates.map((ref) => ref.ask.where()));
  const remote = candidates.filter((_, index) => places[index] !== process.pid).slice(0, WARM_GRAINS);
  let asked = 0;
  // The total of all grains together is what they were asked in all.
  const ask = async () => {
    const number = ++asked;
    await remote[number % remote.length]?.ask.add(1);
    return number;
  };
  const sequential = await askOneByOne(task, ask, 1);
  asked = 0;
  return { sequential, concurrent: await askConcurrently(task, ask, WARM_CALLERS, true) };
}
