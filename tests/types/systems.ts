/**
 * What a system takes and gives, typed: options, spawns with and without `init`, routers, streams, topics.
 *
 * @module
 */
import {
  type ActorRef,
  ActorSystem,
  type DeadLetter,
  type EventType,
  kind,
  memoryStore,
  type ProtocolOfKind,
  resource,
  type Subscription,
  topic,
  type TroupeEvent,
} from "../../mod.ts";
import { claim, type Same } from "./same.ts";

declare const system: ActorSystem;
declare const either: "a" | "b" | boolean;

const Plain = kind("plain", { state: () => ({ count: 0 }), handlers: { count: (ctx) => ctx.state.count } });
const Sized = kind("sized", { state: (init: { size: number }) => init, handlers: { size: (ctx) => ctx.state.size } });
const Choice = kind("choice", {
  state: (init: "a" | "b" | boolean) => ({ init }),
  handlers: { get: (ctx) => ctx.state.init },
});
const Maybe = kind("maybe", {
  state: (init?: number) => ({ init: init ?? 0 }),
  handlers: { get: (ctx) => ctx.state.init },
});
type PlainRef = ActorRef<ProtocolOfKind<typeof Plain>>;
type SizedRef = ActorRef<ProtocolOfKind<typeof Sized>>;

// By whichever way a ref is had, it is the same type.
claim<Same<typeof grain, PlainRef>>();
claim<Same<typeof actor, PlainRef>>();
claim<Same<typeof spawned, PlainRef>>();
claim<Same<typeof found, PlainRef | undefined>>();
claim<Same<typeof many, PlainRef[]>>();
claim<Same<typeof router, PlainRef>>();
const grain = system.grain(Plain, "one");
const actor = system.actor(Plain, "one");
const spawned = await system.spawn("one", Plain);
const found = await system.actorOf("one", Plain);
const many = await system.spawnMany(["a", "b"], Plain);
const router = await system.router("pool", Plain, { strategy: "consistent-hash", size: 4 });

// `init` is required exactly when the kind's state takes one, and it is of its type.
await system.spawn("two", Plain, { timeoutMs: 100 });
const sized: SizedRef = await system.spawn("two", Sized, { init: { size: 1 }, timeoutMs: 100 });
await system.spawnMany(new Set(["a"]), Sized, { init: { size: 1 } });
await system.router("pool", Sized, { strategy: "random", size: 2 }, { init: { size: 1 } });
await system.spawn("three", Choice, { init: either });
await system.spawn("four", Maybe);
await system.spawn("four", Maybe, { init: 4 });
// @ts-expect-error `init` is needed
await system.spawn("two", Sized);
// @ts-expect-error `init` is needed
await system.spawn("two", Sized, { timeoutMs: 100 });
// @ts-expect-error a size is a number
await system.spawn("two", Sized, { init: { size: "1" } });
// @ts-expect-error `init` is needed
await system.spawnMany(["a"], Sized);
// @ts-expect-error `init` is needed
await system.router("pool", Sized, { strategy: "random", size: 2 });
// @ts-expect-error neither of the two
await system.spawn("three", Choice, { init: "c" });
// @ts-expect-error a number or nothing
await system.spawn("four", Maybe, { init: "4" });

// Routers: four strategies.
// @ts-expect-error there is no strategy `least-busy`
await system.router("pool", Plain, { strategy: "least-busy", size: 4 });
// @ts-expect-error a router has a size
await system.router("pool", Plain, { strategy: "random" });

// Streams.
const events = system.events({ types: ["actorStarted", "workerLost"], buffer: 10 });
claim<Same<typeof events, Subscription<TroupeEvent>>>();
claim<Same<Awaited<ReturnType<typeof events.next>>, IteratorResult<TroupeEvent, undefined>>>();
for await (const event of events) {
  if (event.type === "workerLost") claim<Same<typeof event.asksLost, number>>();
  // @ts-expect-error not every event has an actor
  void event.actor;
}
for await (const letter of system.deadLetters()) claim<Same<typeof letter, DeadLetter>>();
// @ts-expect-error there is no such event
system.events({ types: ["actorBorn"] });
claim<Same<EventType, TroupeEvent["type"]>>();

// Topics.
const Prices = topic<number>("prices");
system.publish(Prices, 5);
// @ts-expect-error a price is a number
system.publish(Prices, "5");
const prices = system.subscribe(Prices);
claim<Same<typeof prices, Subscription<number>>>();

// Stopping: of an actor it says whether there was one, of the system nothing.
claim<Same<typeof stopped, boolean>>();
const stopped = await system.stop("one", { drain: true, timeoutMs: 100 });
claim<Same<ReturnType<typeof stopByRef>, Promise<boolean>>>();
const stopByRef = () => system.stop(grain);
const stopAll: Promise<void> = system.stop({ timeoutMs: 100 });

// Options of start.
const Db = resource<{ id: number }>("db");
const options = { name: "bank", kinds: [Plain, Sized, Choice], entry: import.meta.url };
await ActorSystem.start({ ...options, workers: 2, store: memoryStore(), resources: [Db.provide(() => ({ id: 1 }))] });
// @ts-expect-error kinds are needed
await ActorSystem.start({ name: "bank", entry: import.meta.url });
// @ts-expect-error there is no option `worker`
await ActorSystem.start({ ...options, worker: 2 });
// @ts-expect-error a kind is made by kind()
await ActorSystem.start({ ...options, kinds: [{ name: "plain" }] });
await using disposable = await ActorSystem.start(options);

export { disposable, sized, stopAll };
