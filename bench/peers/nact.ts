/**
 * nact, a peer: actors in one thread. It runs every message in a `setImmediate` of its own and makes a
 * context for it; a stateful actor returns its next state. Its actors are named here, because its own anonymous
 * names collide when there are a hundred thousand of them.
 *
 * @module
 */
import { type ActorSystemRef, dispatch, query, type Ref, spawn, start, stop } from "nact";
import { askConcurrently, askOneByOne, type AskToAdd } from "../asking.ts";
import { bytesEach, type Contests, footprint, type Outcome, secondsNow, takePart, type Task } from "../contestant.ts";
import { BATCHES_IN_FLIGHT, runPairs, type Sending, type StartPair } from "../flow.ts";

const ASK_TIMEOUT_MS = 5_000;

interface Add {
  readonly amount: number;
}
interface AskAdd extends Add {
  readonly replyTo: Ref<number>;
}
type ProducerMessage = { readonly kind: "start" } | { readonly kind: "counted"; readonly total: number };

const CONTESTS: Contests = {
  "S1.one-pair": (task) => tell(task, 1),
  "S1.hundred-pairs": (task) => tell(task, 100),
  "S2.sequential": (task) => withSystem((system) => askOneByOne(task, adder(system))),
  "S2.hundred-callers": (task) => withSystem((system) => askConcurrently(task, adder(system), 100)),
  "S8.spawn": (task) => withSystem((system) => spawnIdle(task, system)),
};

function tell(task: Task, pairCount: number): Promise<Outcome> {
  return withSystem((system) =>
    runPairs(task, pairCount, (sending, drained, index) => pair(system, sending, drained, index))
  );
}

function pair(
  system: ActorSystemRef,
  sending: Sending,
  drained: (delivered: number) => void,
  index: number,
): StartPair {
  const counter: Ref<Add> = spawn(
    system,
    (total: number, message: Add) => {
      const next = total + message.amount;
      if (next % sending.batchMessages === 0) dispatch(producer, { kind: "counted", total: next });
      return next;
    },
    `counter-${index}`,
    { initialState: 0 },
  );
  function sendBatch(): void {
    for (let sent = 0; sent < sending.batchMessages; sent++) dispatch(counter, { amount: 1 });
  }
  const producer: Ref<ProducerMessage> = spawn(
    system,
    (_state: undefined, message: ProducerMessage) => {
      if (message.kind === "counted") sending.counted();
      const batches = message.kind === "start" ? BATCHES_IN_FLIGHT : 1;
      for (let batch = 0; batch < batches; batch++) if (sending.nextBatch()) sendBatch();
      if (message.kind === "counted" && sending.isDrained) drained(message.total);
      return undefined;
    },
    `producer-${index}`,
  );
  return () => dispatch(producer, { kind: "start" });
}

function adder(system: ActorSystemRef): AskToAdd {
  const counter: Ref<AskAdd> = spawn(
    system,
    (total: number, message: AskAdd) => {
      const next = total + message.amount;
      dispatch(message.replyTo, next);
      return next;
    },
    "counter",
    { initialState: 0 },
  );
  return (amount) => query(counter, (replyTo: Ref<number>) => ({ amount, replyTo }), ASK_TIMEOUT_MS);
}

/** Spawns, reads the heap when all are idle, then asks every one. */
async function spawnIdle(task: Task, system: ActorSystemRef): Promise<Outcome> {
  const before = footprint();
  const refs: Ref<AskAdd>[] = [];
  const startedAt = secondsNow();
  while (refs.length < task.countMax && secondsNow() - startedAt < task.seconds) {
    for (let batch = 0; batch < 1000; batch++) {
      refs.push(spawn(system, addAndReply, `actor-${refs.length}`, { initialState: 0 }));
    }
  }
  const seconds = secondsNow() - startedAt;
  const extra = bytesEach(before, footprint(), refs.length);
  return { sent: refs.length, delivered: await countLiving(refs), seconds, extra };
}

/** Asks every actor once, a thousand at a time. */
async function countLiving(refs: readonly Ref<AskAdd>[]): Promise<number> {
  let living = 0;
  for (let from = 0; from < refs.length; from += 1000) {
    const asks = refs.slice(from, from + 1000).map((ref) =>
      query(ref, (replyTo: Ref<number>) => ({ amount: 1, replyTo }), ASK_TIMEOUT_MS)
    );
    for (const total of await Promise.all(asks)) living += total;
  }
  return living;
}

function addAndReply(total: number, message: AskAdd): number {
  const next = total + message.amount;
  dispatch(message.replyTo, next);
  return next;
}

async function withSystem(run: (system: ActorSystemRef) => Promise<Outcome>): Promise<Outcome> {
  const system = start();
  try {
    return await run(system);
  } finally {
    stop(system);
    // An actor is stopped in two turns of the event loop, and is in the next measurement's heap until then.
    for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

await takePart(({ scenario }) => CONTESTS[scenario]);
