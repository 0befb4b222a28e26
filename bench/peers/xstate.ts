/**
 * XState, a peer: actors in one thread. A send to an idle actor runs it at once, inside the call, so
 * there is no queue to drain between two actors. The receiver is a `fromTransition` actor, the lightest kind that
 * has state. XState has no ask.
 *
 * @module
 */
import { type ActorRef, createActor, fromCallback, fromTransition, type Snapshot } from "xstate";
import { bytesEach, type Contests, footprint, type Outcome, secondsNow, takePart, type Task } from "../contestant.ts";
import { BATCHES_IN_FLIGHT, runPairs, type Sending, type StartPair } from "../flow.ts";

interface Add {
  readonly type: "add";
  readonly amount: number;
}
type ProducerEvent = { readonly type: "start" } | { readonly type: "counted"; readonly total: number };

const CONTESTS: Contests = {
  "S1.one-pair": (task) => runPairs(task, 1, pair),
  "S1.hundred-pairs": (task) => runPairs(task, 100, pair),
  "S8.spawn": spawnIdle,
};

function pair(sending: Sending, drained: (delivered: number) => void): StartPair {
  const countAdds = fromTransition((total: number, event: Add) => {
    const next = total + event.amount;
    if (next % sending.batchMessages === 0) producer.send({ type: "counted", total: next });
    return next;
  }, 0);
  const counter = createActor(countAdds).start();
  function sendBatch(): void {
    for (let sent = 0; sent < sending.batchMessages; sent++) counter.send({ type: "add", amount: 1 });
  }
  const produce = fromCallback<ProducerEvent>(({ receive }) => {
    receive((event) => {
      if (event.type === "counted") sending.counted();
      const batches = event.type === "start" ? BATCHES_IN_FLIGHT : 1;
      for (let batch = 0; batch < batches; batch++) if (sending.nextBatch()) sendBatch();
      if (event.type === "counted" && sending.isDrained) drained(event.total);
    });
  });
  const producer: ActorRef<Snapshot<unknown>, ProducerEvent> = createActor(produce).start();
  return () => producer.send({ type: "start" });
}

/** Spawns, reads the heap when all are idle, then sends each one message and reads its state. */
function spawnIdle(task: Task): Outcome {
  const before = footprint();
  const startedAt = secondsNow();
  const actors = [];
  const add = fromTransition((total: number, event: Add) => total + event.amount, 0);
  while (actors.length < task.countMax && secondsNow() - startedAt < task.seconds) {
    for (let batch = 0; batch < 1000; batch++) actors.push(createActor(add).start());
  }
  const seconds = secondsNow() - startedAt;
  const extra = bytesEach(before, footprint(), actors.length);
  let delivered = 0;
  for (const actor of actors) {
    actor.send({ type: "add", amount: 1 });
    delivered += actor.getSnapshot().context;
  }
  return { sent: actors.length, delivered, seconds, extra };
}

await takePart(({ scenario }) => CONTESTS[scenario]);
