/**
 * Troupe between two processes: S5 and S6. This process only starts the nodes and tells them what to measure; it does
 * nothing while they do.
 *
 * @module
 */
import type { AskOrder, FloodOrder } from "./cluster/tells.ts";
import { Troop } from "./cluster/troop.ts";
import { type Contests, type Outcome, takePart, type Task } from "./contestant.ts";

const SENDERS = 20;
const RECEIVERS = 20_000;
const SETUP_MS = 60_000;
const DRAIN_SECONDS = 60;

const CONTESTS: Contests = {
  "S5.tell": tell,
  "S6.one-in-flight": (task) => ask(task, 1),
  "S6.hundred-in-flight": (task) => ask(task, 100),
};

let pair: Promise<Troop> | undefined;

/** Two nodes, kept from the warm-up to the measurement. */
function pairWith(prepare: (troop: Troop) => Promise<void>): Promise<Troop> {
  pair ??= Troop.start(2).then(async (troop) => {
    await prepare(troop);
    return troop;
  });
  return pair;
}

async function tell(task: Task): Promise<Outcome> {
  const troop = await pairWith(async (troop) => {
    await Promise.all([
      troop.at(0).ask("spawnSenders", SENDERS, SETUP_MS),
      troop.at(1).ask("spawnReceivers", RECEIVERS, SETUP_MS),
    ]);
    await troop.at(0).ask("touch", RECEIVERS, SETUP_MS);
  });
  const order: FloodOrder = { task, senders: SENDERS, receivers: RECEIVERS };
  return await measured(troop, "flood", order, task);
}

async function ask(task: Task, callers: number): Promise<Outcome> {
  const troop = await pairWith(async (troop) => void await troop.at(1).ask("spawnAdder", undefined, SETUP_MS));
  const order: AskOrder = { task, callers };
  return await measured(troop, "askAdder", order, task);
}

function measured(troop: Troop, command: string, order: FloodOrder | AskOrder, { seconds }: Task): Promise<Outcome> {
  return troop.costing(async () => await troop.at(0).ask(command, order, (seconds + DRAIN_SECONDS) * 1_000) as Outcome);
}

await takePart(({ scenario }) => CONTESTS[scenario]);
