/**
 * What `kind` infers from a declaration, and what it refuses.
 *
 * @module
 */
import { type ActorRef, type ActorSystem, type Context, kind, type ProtocolOfKind } from "../../mod.ts";
import { claim, type Same } from "./same.ts";

declare const system: ActorSystem;

// The state is inferred from `state`, wherever it stands, and is what every handler and hook sees.
const Before = kind("before", {
  state: () => ({ count: 0, names: [] as string[] }),
  handlers: {
    state: (ctx) => claim<Same<typeof ctx.state, { count: number; names: string[] }>>(),
    // @ts-expect-error the state has no `total`
    wrong: (ctx) => ctx.state.total,
  },
  onStart: (ctx, reason) => {
    claim<Same<typeof ctx.state, { count: number; names: string[] }>>();
    claim<Same<typeof reason, "spawn" | "activation" | "restart" | "worker-lost">>();
  },
  onStop: (ctx) => void ctx.state.names.length,
  onRestart: (ctx, error) => void (ctx.state.count + error.code.length),
  onTerminated: (ctx, ref, reason) => void (ctx.state.count + ref.key.length + reason.length),
});
const After = kind("after", {
  handlers: { count: (ctx) => ctx.state.count },
  state: () => ({ count: 0 }),
});
claim<Same<ReturnType<Protocol<typeof After>["count"]>, number>>();

// Without `state` there is none to work with.
const Stateless = kind("stateless", {
  handlers: {
    ping: (ctx) => ctx.name,
    // @ts-expect-error the state is unknown
    wrong: (ctx) => ctx.state.count,
  },
});

// Methods, arrow functions and async functions; optional, rest and union arguments; any reply.
const Shapes = kind("shapes", {
  state: (init: { readonly from: number }) => ({ value: init.from }),
  handlers: {
    method(ctx, by: number) {
      return ctx.state.value + by;
    },
    arrow: (ctx, by: number) => ctx.state.value + by,
    async later(ctx, by: number) {
      return await Promise.resolve(ctx.state.value + by);
    },
    async nested(_ctx) {
      return await Promise.resolve({ list: [1, 2], at: new Date(0), map: new Map([["a", 1n]]) });
    },
    sometimes: (ctx, isLate: boolean): number | Promise<number> => isLate ? Promise.resolve(1) : ctx.state.value,
    optional: (_ctx, first: string, second?: number, ...rest: boolean[]) => [first, second, rest] as const,
    either: (_ctx, value: "left" | "right" | null) => value,
    nothing() {},
  },
});
const shapes = system.grain(Shapes, "one");
claim<Same<typeof shapes.ask.method, (by: number) => Promise<number>>>();
claim<Same<typeof shapes.ask.arrow, (by: number) => Promise<number>>>();
claim<Same<typeof shapes.ask.later, (by: number) => Promise<number>>>();
claim<Same<typeof shapes.ask.sometimes, (isLate: boolean) => Promise<number>>>();
claim<Same<typeof shapes.ask.either, (value: "left" | "right" | null) => Promise<"left" | "right" | null>>>();
claim<Same<typeof shapes.ask.nothing, () => Promise<void>>>();
claim<
  Same<
    typeof shapes.ask.nested,
    () => Promise<{ list: number[]; at: Date; map: Map<string, bigint> }>
  >
>();
claim<
  Same<
    typeof shapes.ask.optional,
    (first: string, second?: number, ...rest: boolean[]) => Promise<
      readonly [string, number | undefined, boolean[]]
    >
  >
>();

// A kind may name itself: a reply that comes from its own ref is the one thing that has to be annotated.
const Tree = kind("tree", {
  handlers: {
    async depth(ctx, level: number): Promise<number> {
      return level === 0 ? 0 : 1 + await ctx.grain(Tree, `${ctx.name}-${level}`).ask.depth(level - 1);
    },
    spread(ctx, level: number) {
      ctx.grain(Tree, `${ctx.name}-${level}`).tell.spread(level - 1);
    },
  },
});
// And two kinds may name each other.
const Ping = kind("ping", {
  handlers: { hit: async (ctx): Promise<number> => await ctx.grain(Pong, "pong").ask.hit() },
});
const Pong = kind("pong", {
  handlers: { hit: async (ctx): Promise<number> => await ctx.grain(Ping, "ping").ask.hit() },
});

// A behavior replaces handlers of the kind, with their arguments and their reply.
const Door = kind("door", {
  state: () => ({ openings: 0 }),
  handlers: {
    open(ctx, by: string): boolean {
      ctx.state.openings++;
      return by !== "";
    },
    count: (ctx) => ctx.state.openings,
  },
  behaviors: {
    locked: { open: (ctx, by) => by === "smith" && ctx.state.openings > 0 },
    // @ts-expect-error there is no handler `opem` to replace
    misspelt: { opem: () => true },
    // @ts-expect-error the handler takes a text
    wrongArgument: { open: (_ctx, by: number) => by > 0 },
    // @ts-expect-error the handler takes one argument
    moreArguments: { count: (_ctx, more: number) => more },
    // @ts-expect-error the handler answers with a boolean
    wrongReply: { open: (_ctx, _by: string) => "yes" },
    // @ts-expect-error the state has no `closings`
    wrongState: { count: (ctx) => ctx.state.closings },
  },
  reentrant: ["count"],
});
const Misnamed = kind("misnamed", {
  handlers: { get: () => 1, set: (_ctx, _value: number) => {} },
  // @ts-expect-error only names of handlers
  reentrant: ["get", "gte"],
});

// Options are those of the table and of their types.
const Options = kind("options", {
  handlers: { get: () => 1 },
  mailbox: 10,
  stash: 0,
  idleMs: Infinity,
  reentrantMax: 2,
  supervision: { strategy: "all-for-one", on: { "handler-failed": "stop", "my-code": "resume", "*": "restart" } },
  hashKey: (handler, args) => `${handler}${args.length}`,
});
// @ts-expect-error there is no option `mailBox`
const Misspelt = kind("misspelt", { handlers: { get: () => 1 }, mailBox: 10 });
// @ts-expect-error a directive is one of four words
const WrongDirective = kind("directive", { handlers: {}, supervision: { on: { "*": "retry" } } });
// @ts-expect-error handlers are required
const NoHandlers = kind("none", {});
// @ts-expect-error a handler is a function
const NotAFunction = kind("not-a-function", { handlers: { get: 5 } });

// A handler may annotate its context; what callers see of a generic one is its bound.
const Annotated = kind("annotated", {
  state: () => ({ count: 0 }),
  handlers: {
    read: (ctx: Context<{ count: number }>) => ctx.state.count,
    same: <T>(_ctx: Context<unknown>, value: T) => value,
  },
});
claim<Same<ReturnType<ActorRef<Protocol<typeof Annotated>>["ask"]["read"]>, Promise<number>>>();
claim<Same<ReturnType<ActorRef<Protocol<typeof Annotated>>["ask"]["same"]>, Promise<unknown>>>();

type Protocol<K> = ProtocolOfKind<K>;

export { After, Annotated, Before, Door, Misnamed, Misspelt, NoHandlers, NotAFunction, Options, Ping, Stateless, Tree };
export { WrongDirective };
