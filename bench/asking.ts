/**
 * The shape of the ask scenarios, the same for everyone: callers, each with one ask on its way, to one
 * receiver that adds up and replies with its total. A reply that is not a total that the receiver can
 * have had ends the run: a wrong reply is worse than a slow one.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { type Outcome, secondsNow, type Task } from "./contestant.ts";
import { quantiles } from "./statistics.ts";

/** Asks between two looks at the clock, which costs as much as a fast ask. */
const ASKS_PER_LOOK = 256;

/** Asks the receiver to add `amount`; the reply is its new total. */
export type AskToAdd = (amount: number) => Promise<number>;

/** One caller, one ask at a time. `asksPerLook` is 1 where a single ask is long enough to be timed. */
export async function askOneByOne(task: Task, ask: AskToAdd, asksPerLook: number = ASKS_PER_LOOK): Promise<Outcome> {
  const micros: number[] = [];
  const startedAt = secondsNow();
  let lookedAt = startedAt;
  let sent = 0;
  let total = 0;
  while (sent < task.countMax && lookedAt - startedAt < task.seconds) {
    for (let index = 0; index < asksPerLook; index++) total = await ask(1);
    sent += asksPerLook;
    const now = secondsNow();
    micros.push((now - lookedAt) * 1e6 / asksPerLook);
    lookedAt = now;
  }
  return { sent, delivered: total, seconds: lookedAt - startedAt, extra: latenciesOf(micros) };
}

/** `callers` callers at the same time, each with one ask on its way. `isTimed` where a single ask is long enough for that. */
export async function askConcurrently(
  task: Task,
  ask: AskToAdd,
  callers: number,
  isTimed: boolean = false,
): Promise<Outcome> {
  const micros: number[] = [];
  const startedAt = secondsNow();
  let sent = 0;
  let highestTotal = 0;
  let isOver = false;
  async function call(): Promise<void> {
    while (!isOver) {
      sent++;
      if (sent % ASKS_PER_LOOK === 0) isOver = sent >= task.countMax || secondsNow() - startedAt >= task.seconds;
      const askedAt = isTimed ? secondsNow() : 0;
      const total = await ask(1);
      if (isTimed) micros.push((secondsNow() - askedAt) * 1e6);
      assert(total >= 1 && total <= sent, "a reply is a total of what was asked so far");
      if (total > highestTotal) highestTotal = total;
    }
  }
  await Promise.all(Array.from({ length: callers }, call));
  const seconds = secondsNow() - startedAt;
  return { sent, delivered: highestTotal, seconds, extra: isTimed ? latenciesOf(micros) : {} };
}

/** The quantiles that the tables show. */
function latenciesOf(micros: readonly number[]): Readonly<Record<string, number>> {
  const [medianMicros = NaN, p99Micros = NaN, p999Micros = NaN] = quantiles(micros, [0.5, 0.99, 0.999]);
  return { medianMicros, p99Micros, p999Micros };
}
