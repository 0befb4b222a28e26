/**
 * What a handler can do with its context, typed: refs by name, children, timers, topics, resources.
 *
 * @module
 */
import {
  type ActorRef,
  type AnyProtocol,
  type FencingToken,
  kind,
  type ProtocolOfKind,
  resource,
  topic,
} from "../../mod.ts";
import { claim, type Same } from "./same.ts";

interface Database {
  query(sql: string): number;
}
const Db = resource<Database>("db");
const Prices = topic<{ readonly symbol: string; readonly price: number }>("prices");

const Leaf = kind("leaf", { state: (init: number) => ({ size: init }), handlers: { size: (ctx) => ctx.state.size } });
const Plain = kind("plain", { handlers: { ping: () => "pong" } });
const Choice = kind("choice", {
  state: (init: "a" | "b" | boolean) => ({ init }),
  handlers: { get: (ctx) => ctx.state.init },
});
declare const either: "a" | "b" | boolean;

const All = kind("all", {
  state: () => ({ count: 0 }),
  handlers: {
    refs(ctx) {
      claim<
        Same<ReturnType<typeof ctx.grain<ProtocolOfKind<typeof Leaf>, number>>, ActorRef<ProtocolOfKind<typeof Leaf>>>
      >();
      const leaf = ctx.grain(Leaf, "a");
      claim<Same<typeof leaf, ActorRef<ProtocolOfKind<typeof Leaf>>>>();
      const actor = ctx.actor(Leaf, "a");
      claim<Same<typeof actor, typeof leaf>>();
      claim<Same<typeof ctx.self, ActorRef<AnyProtocol>>>();
      claim<Same<typeof ctx.sender, ActorRef<AnyProtocol> | undefined>>();
      claim<Same<typeof ctx.fence, FencingToken | undefined>>();
      // @ts-expect-error there is no handler `bark`
      leaf.tell.bark();
    },
    async time(ctx) {
      claim<Same<ReturnType<typeof ctx.sleep>, Promise<void>>>();
      await ctx.sleep(5);
      // @ts-expect-error milliseconds are a number
      await ctx.sleep("5s");
    },
    children(ctx) {
      const child = ctx.spawn(Leaf, "one", 5);
      claim<Same<typeof child, ActorRef<ProtocolOfKind<typeof Leaf>>>>();
      ctx.spawn(Plain, "two");
      ctx.spawn(Choice, "three", either);
      // @ts-expect-error the child's state is made from a number
      ctx.spawn(Leaf, "four");
      // @ts-expect-error the child's state is made from a number
      ctx.spawn(Leaf, "five", "5");
      // @ts-expect-error the child's state is made from nothing
      ctx.spawn(Plain, "six", 6);
      ctx.stop(child);
      ctx.watch(child);
    },
    state(ctx) {
      ctx.state = { count: 1 };
      // @ts-expect-error another state
      ctx.state = { total: 1 };
      // @ts-expect-error a count is a number
      ctx.state.count = "1";
    },
    topics(ctx) {
      ctx.publish(Prices, { symbol: "ACME", price: 12 });
      ctx.subscribe(Prices, "priced");
      ctx.unsubscribe(Prices);
      // @ts-expect-error a price is a number
      ctx.publish(Prices, { symbol: "ACME", price: "12" });
    },
    priced(ctx, at: { readonly symbol: string; readonly price: number }) {
      ctx.state.count += at.price;
    },
    resources(ctx) {
      const db = ctx.use(Db);
      claim<Same<typeof db, Database>>();
      return db.query("select 1");
    },
    timers(ctx) {
      ctx.timers.once("a", 10, "state");
      ctx.timers.every("b", 10, "priced", { symbol: "ACME", price: 1 });
      claim<Same<ReturnType<typeof ctx.timers.cancel>, boolean>>();
      // @ts-expect-error a delay is a number
      ctx.timers.once("a", "10", "state");
    },
  },
});

Db.provide(() => ({ query: () => 1 }), (db) => void db.query("close"));
Db.provide(async () => await Promise.resolve({ query: () => 1 }));
// @ts-expect-error the thing made is a database
Db.provide(() => ({ ask: () => 1 }));
// @ts-expect-error a topic of prices is not a topic of texts
const texts: ReturnType<typeof topic<string>> = Prices;

export { All, texts };
