/**
 * Floors of one thread: a method call, an array as a mailbox, a promise resolved from a queue, a map of plain
 * objects. Nothing here checks, bounds, supervises or schedules anything.
 *
 * @module
 */
import { askConcurrently, askOneByOne, type AskToAdd } from "../asking.ts";
import { bytesEach, type Contests, footprint, type Outcome, secondsNow, type Task } from "../contestant.ts";
import { Sending } from "../flow.ts";

interface Add {
  readonly amount: number;
}

/** The receiver of a pair. */
class Counter {
  total = 0;
  add(message: Add): void {
    this.total += message.amount;
  }
}

/** Calls the receiver: no queue at all. */
export const directCall: Contests = {
  "S1.one-pair": (task) => callDirectly(task, 1),
  "S1.hundred-pairs": (task) => callDirectly(task, 100),
};

/** Puts a batch of envelopes into an array and then runs it. */
export const bareQueue: Contests = {
  "S1.one-pair": (task) => runQueue(task, 1),
  "S1.hundred-pairs": (task) => runQueue(task, 100),
};

/** Queues a message with its promise's `resolve`, and drains the queue in a microtask. */
export const promiseAsk: Contests = {
  "S2.sequential": (task) => askOneByOne(task, queuedAsk()),
  "S2.hundred-callers": (task) => askConcurrently(task, queuedAsk(), 100),
};

/** Keeps a plain object with an empty mailbox under each name. */
export const bareMap: Contests = { "S8.spawn": fillMap };

function callDirectly(task: Task, pairCount: number): Outcome {
  const counters = Array.from({ length: pairCount }, () => new Counter());
  return sendInTurn(task, counters, (counter, messages) => {
    for (let sent = 0; sent < messages; sent++) counter.add({ amount: 1 });
  });
}

function runQueue(task: Task, pairCount: number): Outcome {
  const counters = Array.from({ length: pairCount }, () => new Counter());
  const queue: { readonly to: Counter; readonly message: Add }[] = [];
  return sendInTurn(task, counters, (counter, messages) => {
    for (let sent = 0; sent < messages; sent++) queue.push({ to: counter, message: { amount: 1 } });
    for (const { to, message } of queue) to.add(message);
    queue.length = 0;
  });
}

/** One batch to each counter in turn, through `send`. */
function sendInTurn(
  task: Task,
  counters: readonly Counter[],
  send: (counter: Counter, messages: number) => void,
): Outcome {
  const sending = new Sending(task);
  const startedAt = secondsNow();
  let isOver = false;
  while (!isOver) {
    for (const counter of counters) {
      isOver = !sending.nextBatch();
      if (isOver) break;
      send(counter, sending.batchMessages);
      sending.counted();
    }
  }
  const delivered = counters.reduce((sum, counter) => sum + counter.total, 0);
  return { sent: sending.sent, delivered, seconds: secondsNow() - startedAt };
}

function queuedAsk(): AskToAdd {
  let queue: { readonly amount: number; readonly reply: (total: number) => void }[] = [];
  let isScheduled = false;
  let total = 0;
  function drain(): void {
    isScheduled = false;
    const batch = queue;
    queue = [];
    for (const { amount, reply } of batch) {
      total += amount;
      reply(total);
    }
  }
  return (amount) =>
    new Promise((reply) => {
      queue.push({ amount, reply });
      if (isScheduled) return;
      isScheduled = true;
      queueMicrotask(drain);
    });
}

function fillMap(task: Task): Outcome {
  const before = footprint();
  const actors = new Map<string, { readonly state: Counter; readonly mailbox: Add[] }>();
  const startedAt = secondsNow();
  while (actors.size < task.countMax && secondsNow() - startedAt < task.seconds) {
    for (let batch = 0; batch < 1000; batch++) {
      actors.set(`actor-${actors.size}`, { state: new Counter(), mailbox: [] });
    }
  }
  const seconds = secondsNow() - startedAt;
  const extra = bytesEach(before, footprint(), actors.size);
  let delivered = 0;
  for (const { state } of actors.values()) {
    state.add({ amount: 1 });
    delivered += state.total;
  }
  return { sent: actors.size, delivered, seconds, extra };
}
