/**
 * Troupe, the contestant. One file is a whole node: it is run again in every worker, where `start` never
 * returns. Runs on the main thread and in workers.
 *
 * @module
 */
import { setImmediate } from "node:timers/promises";
import { isMainThread } from "node:worker_threads";
import { ActorError, type ActorRef, ActorSystem, kind, type ProtocolOfKind } from "../mod.ts";
import { askConcurrently, askOneByOne, type AskToAdd } from "./asking.ts";
import { bytesEach, type Contests, footprint, type Outcome, secondsNow, takePart, type Task } from "./contestant.ts";
import { BATCHES_IN_FLIGHT, type Payment, paymentOf, runPairs, Sending, type StartPair } from "./flow.ts";
import { payloadBytesIn, SWEEP_IDS } from "./scenarios.ts";

/** Actors of one `spawnMany`, grains of one round of asks. */
const SPAWN_BATCH = 10_000;

const Counter = kind("counter", {
  state: () => ({ total: 0 }),
  mailbox: 4096, // the batches in flight, and the asks that follow them
  handlers: {
    reset(ctx) {
      ctx.state.total = 0;
    },
    pay(ctx, payment: Payment) {
      ctx.state.total += payment.amount;
    },
    bytes(ctx, _payload: Uint8Array) {
      ctx.state.total++;
    },
    add(ctx, amount: number): number {
      ctx.state.total += amount;
      return ctx.state.total;
    },
  },
});
type CounterRef = ActorRef<ProtocolOfKind<typeof Counter>>;

/** A pair inside one thread. What is not data lies beside the actors, by their names. */
interface Run {
  readonly sending: Sending;
  readonly receiver: PairCounterRef;
  readonly drained: (delivered: number) => void;
}
const runs = new Map<string, Run>();

const PairSender = kind("pair-sender", {
  handlers: {
    start(ctx) {
      for (let batch = 0; batch < BATCHES_IN_FLIGHT; batch++) sendBatch(runs.get(ctx.name));
    },
    counted(ctx, total: number) {
      const run = runs.get(ctx.name);
      run?.sending.counted();
      sendBatch(run);
      if (run?.sending.isDrained) run.drained(total);
    },
  },
});

const PairCounter = kind("pair-counter", {
  state: () => ({
    total: 0,
    batchMessages: 1,
    sender: undefined as ActorRef<{ counted(total: number): void }> | undefined,
  }),
  handlers: {
    begin(ctx, sender: ActorRef<{ counted(total: number): void }>, batchMessages: number) {
      ctx.state = { total: 0, batchMessages, sender };
    },
    pay(ctx, payment: Payment) {
      const { state } = ctx;
      state.total += payment.amount;
      if (state.total % state.batchMessages === 0) state.sender?.tell.counted(state.total);
    },
  },
});
type PairCounterRef = ActorRef<ProtocolOfKind<typeof PairCounter>>;

const Flooder = kind("flooder", {
  handlers: {
    async flood(_ctx, task: Task, counter: CounterRef): Promise<Outcome> {
      return await flood(task, counter, (id) => counter.tell.pay(paymentOf(id)));
    },
  },
});

const KINDS = [Counter, PairSender, PairCounter, Flooder];

const CONTESTS: Contests = {
  "S1.one-pair": (task) => pairs(task, 1),
  "S1.hundred-pairs": (task) => pairs(task, 100),
  "S2.sequential": async (task) => askOneByOne(task, await adder(0)),
  "S2.hundred-callers": async (task) => askConcurrently(task, await adder(0), 100),
  "S3.main-to-worker": async (task) => {
    const counter = (await systemOf(1)).grain(Counter, "counter");
    return await flood(task, counter, (id) => counter.tell.pay(paymentOf(id)));
  },
  "S3.worker-to-worker": fromWorkerToWorker,
  "S4.one-in-flight": async (task) => askOneByOne(task, await adder(1), 1),
  "S4.hundred-in-flight": async (task) => askConcurrently(task, await adder(1), 100),
  "S8.spawn": spawnIdle,
  "S8.grains": activateIdle,
  ...Object.fromEntries(SWEEP_IDS.map((id) => [id, sweep])),
};

let running: { readonly workers: number; readonly system: ActorSystem } | undefined = undefined;

/** The system, kept from the warm-up to the measurement. */
async function systemOf(workers: number): Promise<ActorSystem> {
  if (running === undefined) {
    const system = await ActorSystem.start({ name: "bench", entry: import.meta.url, kinds: KINDS, workers });
    running = { workers, system };
  }
  return running.system;
}

async function pairs(task: Task, pairCount: number): Promise<Outcome> {
  const system = await systemOf(0);
  return await runPairs(task, pairCount, (sending, drained, index) => pair(system, sending, drained, index));
}

function pair(system: ActorSystem, sending: Sending, drained: (delivered: number) => void, index: number): StartPair {
  const sender = system.grain(PairSender, `${index}`);
  const receiver = system.grain(PairCounter, `${index}`);
  runs.set(`${index}`, { sending, receiver, drained });
  return () => {
    receiver.tell.begin(sender, sending.batchMessages);
    sender.tell.start();
  };
}

function sendBatch(run: Run | undefined): void {
  if (run === undefined || !run.sending.nextBatch()) return;
  const { sending, receiver } = run;
  for (let id = sending.sent - sending.batchMessages; id < sending.sent; id++) receiver.tell.pay(paymentOf(id));
}

async function adder(workers: number): Promise<AskToAdd> {
  const counter = (await systemOf(workers)).grain(Counter, "adder");
  await counter.ask.reset();
  return (amount) => counter.ask.add(amount);
}

/** Sends batches by `tell`; an ask behind each batch says when it has been counted. A refused message is sent again. */
async function flood(task: Task, counter: CounterRef, tell: (id: number) => boolean): Promise<Outcome> {
  const payloadBytes = payloadBytesIn(task.scenario);
  const sending = new Sending(task, 1, payloadBytes);
  await counter.ask.reset();
  let delivered = 0;
  const startedAt = secondsNow();
  async function sendBatches(): Promise<void> {
    while (sending.nextBatch()) {
      for (let id = sending.sent - sending.batchMessages, end = sending.sent; id < end; id++) {
        while (!tell(id)) await setImmediate();
      }
      delivered = Math.max(delivered, await countedBy(counter));
      sending.counted();
    }
  }
  await Promise.all(Array.from({ length: BATCHES_IN_FLIGHT }, sendBatches));
  const seconds = secondsNow() - startedAt;
  return {
    sent: sending.sent,
    delivered,
    seconds,
    extra: { megabytesPerSecond: delivered * payloadBytes / seconds / 1e6 },
  };
}

/** What the counter has counted: asked again while the lane is full of what it has not read yet. */
async function countedBy(counter: CounterRef): Promise<number> {
  for (;;) {
    try {
      return await counter.with({ timeoutMs: 60_000 }).ask.add(0);
    } catch (error) {
      if (!(error instanceof ActorError && error.code === "lane-full")) throw error;
      await setImmediate();
    }
  }
}

/** Names are chosen so that the flooder runs on one worker and the counter on the other. */
async function fromWorkerToWorker(task: Task): Promise<Outcome> {
  const system = await systemOf(2);
  const counter = system.grain(Counter, "counter");
  const side = system.partitionOf(counter) % 2;
  const flooders = Array.from({ length: 64 }, (_, index) => system.grain(Flooder, `flooder-${index}`));
  const flooder = flooders.find((ref) => system.partitionOf(ref) % 2 !== side);
  if (flooder === undefined) throw new Error("Cannot measure: no name falls to the other worker");
  return await flooder.with({ timeoutMs: 600_000 }).ask.flood(task, counter);
}

async function sweep(task: Task): Promise<Outcome> {
  const counter = (await systemOf(1)).grain(Counter, "counter");
  const payload = new Uint8Array(payloadBytesIn(task.scenario)).fill(7);
  return await flood(task, counter, () => counter.tell.bytes(payload));
}

/** Actors of a warm-up are gone before the measurement: their names are taken again. */
async function spawnIdle(task: Task): Promise<Outcome> {
  await using system = await ActorSystem.start({ name: "spawn", kinds: [Counter], workers: 0 });
  const before = footprint();
  const startedAt = secondsNow();
  let sent = 0;
  while (sent < task.countMax && secondsNow() - startedAt < task.seconds) {
    const names = Array.from({ length: SPAWN_BATCH }, (_, index) => `actor-${sent + index}`);
    await system.spawnMany(names, Counter);
    sent += SPAWN_BATCH;
  }
  const seconds = secondsNow() - startedAt;
  const extra = bytesEach(before, footprint(), sent);
  const { actors } = await system.stats();
  return { sent, delivered: actors["counter"] ?? 0, seconds, extra };
}

async function activateIdle(task: Task): Promise<Outcome> {
  await using system = await ActorSystem.start({ name: "grains", kinds: [Counter], workers: 0 });
  const before = footprint();
  const startedAt = secondsNow();
  let sent = 0;
  while (sent < task.countMax && secondsNow() - startedAt < task.seconds) {
    for (let index = 0; index < SPAWN_BATCH; index++) system.grain(Counter, `grain-${sent + index}`).tell.reset();
    await system.grain(Counter, `grain-${sent + SPAWN_BATCH - 1}`).ask.add(0);
    sent += SPAWN_BATCH;
  }
  const seconds = secondsNow() - startedAt;
  const extra = bytesEach(before, footprint(), sent);
  const { actors } = await system.stats();
  return { sent, delivered: actors["counter"] ?? 0, seconds, extra };
}

// In a worker this file is only here for its kinds: the first `start` turns the thread into the worker.
if (isMainThread) await takePart(({ scenario }) => CONTESTS[scenario]);
else await systemOf(1);
