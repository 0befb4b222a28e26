/**
 * S12, on a node: takes names, looks up names of others, gives names back. Runs on the main thread.
 *
 * @module
 */
import type { ActorSystem } from "../../mod.ts";
import { type Outcome, secondsNow, type Task } from "../contestant.ts";
import { Claimed } from "./kinds.ts";

/** Requests under way on one node. */
const AT_ONCE = 300;

/** What a node is told: the names are `prefix-0` to `prefix-<count - 1>`. */
export interface NamesOrder {
  readonly task: Task;
  readonly prefix: string;
  readonly count: number;
}

/** Spawns an actor under each name: a claim that most copies have stored, and an actor that has begun. */
export function claim(system: ActorSystem, order: NamesOrder): Promise<Outcome> {
  return each(order, async (name) => {
    await system.spawn(name, Claimed, { init: undefined, timeoutMs: 30_000 });
    return true;
  });
}

/** Asks the registry who has a name. */
export function lookUp(system: ActorSystem, order: NamesOrder): Promise<Outcome> {
  return each(order, async (name) => await system.actorOf(name, Claimed, { timeoutMs: 30_000 }) !== undefined);
}

/** Stops the actors: their names are free again. */
export function release(system: ActorSystem, order: NamesOrder): Promise<Outcome> {
  return each(order, (name) => system.stop(name, { timeoutMs: 30_000 }));
}

/** Looks names up again from the start when there is time left. */
async function each(
  { task, prefix, count }: NamesOrder,
  run: (name: string) => Promise<boolean>,
): Promise<Outcome> {
  const startedAt = secondsNow();
  let sent = 0;
  let delivered = 0;
  async function go(): Promise<void> {
    while (sent < task.countMax && secondsNow() - startedAt < task.seconds) {
      if (await run(`${prefix}-${sent++ % count}`)) delivered++;
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, go));
  return { sent, delivered, seconds: secondsNow() - startedAt };
}
