/**
 * comedy, a peer: actors in threads of their own. A threaded actor's class is sent to its thread as source
 * text, so it may use nothing from outside itself. Each message passes several promises on both sides and
 * `postMessage` between.
 *
 * @module
 */
import { type Actor, type ActorRef, createSystem, type ParentActorRef } from "comedy";
import { type Contests, type Outcome, secondsNow, takePart, type Task } from "../contestant.ts";
import { BATCHES_IN_FLIGHT, type Payment, paymentOf, Sending } from "../flow.ts";

const CONTESTS: Contests = { "S3.main-to-worker": mainToWorker };

/** Runs in the worker, as source text. */
class Counter {
  total = 0;
  batchMessages = 0;
  producer: ParentActorRef | undefined = undefined;

  initialize(self: Actor): void {
    this.producer = self.getParent();
  }

  begin(batchMessages: number): void {
    this.batchMessages = batchMessages;
    this.total = 0;
  }

  pay(payment: Payment): void {
    this.total += payment.amount;
    if (this.total % this.batchMessages === 0) this.producer?.send("counted", this.total);
  }

  destroy(): void {}
}

interface Pair {
  readonly producer: ActorRef;
  readonly counter: ActorRef;
  /** What the producer does with each of the counter's totals; another one for each measurement. */
  onCounted: (total: number) => void;
}

let pair: Promise<Pair> | undefined;

/** Kept from the warm-up to the measurement, and never destroyed: on Deno a worker's port has no `removeAllListeners`, which comedy calls then. */
async function startPair(): Promise<Pair> {
  const system = createSystem({ loggerConfig: { categories: { Default: "Error" } } });
  const root = await system.rootActor();
  const spawned = Promise.withResolvers<ActorRef>();
  // In memory, so this one may use what is around it. It is the counter's parent: a threaded actor can send to no other.
  const producer = await root.createChild({
    async initialize(self: Actor): Promise<void> {
      spawned.resolve(await self.createChild(Counter, { mode: "threaded" }));
    },
    start: (begin: () => void) => begin(),
    counted: (total: number) => started.onCounted(total),
  });
  const started: Pair = { producer, counter: await spawned.promise, onCounted: () => {} };
  return started;
}

async function mainToWorker(task: Task): Promise<Outcome> {
  pair ??= startPair();
  const started = await pair;
  const { producer, counter } = started;
  const sending = new Sending(task);
  const drained = Promise.withResolvers<number>();
  await counter.sendAndReceive("begin", sending.batchMessages);
  function sendBatch(): void {
    if (!sending.nextBatch()) return;
    const { sent, batchMessages } = sending;
    for (let id = sent - batchMessages; id < sent; id++) counter.send("pay", paymentOf(id));
  }
  started.onCounted = (total) => {
    sending.counted();
    sendBatch();
    if (sending.isDrained) drained.resolve(total);
  };
  const startedAt = secondsNow();
  producer.send("start", () => {
    for (let batch = 0; batch < BATCHES_IN_FLIGHT; batch++) sendBatch();
  });
  const delivered = await drained.promise;
  return { sent: sending.sent, delivered, seconds: secondsNow() - startedAt };
}

await takePart(({ scenario }) => CONTESTS[scenario]);
