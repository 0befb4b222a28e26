/**
 * S5 and S6, on the node that sends: floods another node with tells, asks an actor of it, or pushes without waiting. Runs
 * on the main thread.
 *
 * @module
 */
import type { ActorSystem } from "../../mod.ts";
import { askConcurrently, askOneByOne } from "../asking.ts";
import { type Outcome, secondsNow, type Task } from "../contestant.ts";
import { Adder, type Pushed, Receiver, receiverName, Sender, senderName } from "./kinds.ts";
import { PATIENCE } from "./patience.ts";

/** Spawns, or asks, under way at once. */
const AT_ONCE = 500;
/** Seconds more than the sending that a flood may take. */
const DRAIN_SECONDS = 60;

/** What {@link flood} is told. */
export interface FloodOrder {
  readonly task: Task;
  readonly senders: number;
  readonly receivers: number;
}

/** What {@link push} is told. */
export interface PushOrder {
  readonly seconds: number;
  readonly payloadBytes: number;
  readonly senders: number;
  readonly receivers: number;
}

/** What {@link askAdder} is told. */
export interface AskOrder {
  readonly task: Task;
  readonly callers: number;
}

/** Spawns actors here. */
export async function spawnMany(system: ActorSystem, what: "receiver" | "sender", count: number): Promise<void> {
  for (const indexes of batches(count)) {
    if (what === "sender") await system.spawnMany(indexes.map(senderName), Sender);
    else await system.spawnMany(indexes.map(receiverName), Receiver);
  }
}

/** Asks every receiver once, so that this node knows the way to each. */
export async function touch(system: ActorSystem, count: number): Promise<void> {
  for (const indexes of batches(count)) {
    const refs = indexes.map((index) => system.actor(Receiver, receiverName(index)).with(PATIENCE));
    await Promise.all(refs.map((ref) => ref.ask.touch()));
  }
}

/** Runs all senders until the receivers have counted everything. */
export async function flood(system: ActorSystem, { task, senders, receivers }: FloodOrder): Promise<Outcome> {
  const home = system.actor(Receiver, receiverName(0)).with(PATIENCE);
  await home.ask.reset();
  const wait = { timeoutMs: (task.seconds + DRAIN_SECONDS) * 1_000 };
  const refs = Array.from({ length: senders }, (_, index) => system.actor(Sender, senderName(index)).with(wait));
  const startedAt = secondsNow();
  const floods = await Promise.all(refs.map((ref, index) => ref.ask.flood(task, 1 / senders, index, receivers)));
  const seconds = secondsNow() - startedAt;
  const sent = floods.reduce((sum, each) => sum + each.sent, 0);
  return { sent, delivered: await home.ask.received(), seconds };
}

/** Runs senders that wait for nobody. */
export async function push(system: ActorSystem, order: PushOrder): Promise<Pushed> {
  const { seconds, payloadBytes, senders, receivers } = order;
  const wait = { timeoutMs: (seconds + DRAIN_SECONDS) * 1_000 };
  const pushes = await Promise.all(
    Array.from(
      { length: senders },
      (_, index) => system.actor(Sender, senderName(index)).with(wait).ask.push(seconds, payloadBytes, receivers),
    ),
  );
  return pushes.reduce((sum, { taken, refused }) => ({ taken: sum.taken + taken, refused: sum.refused + refused }));
}

/** Asks the adder of another node, from outside of all actors. */
export async function askAdder(system: ActorSystem, { task, callers }: AskOrder): Promise<Outcome> {
  const adder = system.actor(Adder, "adder").with(PATIENCE);
  await adder.ask.reset();
  const ask = (amount: number) => adder.ask.add(amount);
  return callers === 1 ? await askOneByOne(task, ask, 1) : await askConcurrently(task, ask, callers, true);
}

function batches(count: number): readonly (readonly number[])[] {
  return Array.from({ length: Math.ceil(count / AT_ONCE) }, (_, batch) => {
    const from = batch * AT_ONCE;
    return Array.from({ length: Math.min(AT_ONCE, count - from) }, (_, index) => from + index);
  });
}
