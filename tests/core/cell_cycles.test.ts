/**
 * Asks that would wait for themselves are answered at once and say how; those that cannot be seen end by deadline.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { ActorError } from "../../core/failure.ts";
import { kind } from "../../core/kind.ts";
import { CALL_CHAIN_HOPS_MAX } from "../../core/limits.ts";
import type { ActorRef } from "../../core/ref.ts";
import { asked } from "../rig/outcome.ts";
import { Gates } from "../rig/gates.ts";
import { Rig } from "../rig/rig.ts";

/** A step is a handler and a name; the last one of a route does not ask on. */
type Step = readonly [handler: "go" | "peek" | "tellThenPeek", name: string];

const Node = kind("node", {
  reentrant: ["peek"],
  handlers: {
    go: (ctx, route: readonly Step[]): Promise<string> =>
      onward(ctx.grain(Self, route[0]?.[1] ?? "x"), ctx.name, route),
    peek: (ctx, route: readonly Step[]): Promise<string> =>
      onward(ctx.grain(Self, route[0]?.[1] ?? "x"), ctx.name, route),
    /** Tells the next one something it cannot take yet, and asks its reentrant handler behind it. */
    async tellThenPeek(ctx, route: readonly Step[]): Promise<string> {
      const next = ctx.grain(Self, route[0]?.[1] ?? "x");
      next.tell.go([]);
      return `${ctx.name} ${await next.ask.peek([])}`;
    },
  },
});
interface NodeProtocol {
  readonly go: (route: readonly Step[]) => Promise<string>;
  readonly peek: (route: readonly Step[]) => Promise<string>;
  readonly tellThenPeek: (route: readonly Step[]) => Promise<string>;
}
const Self: typeof Node = Node;

async function onward(next: ActorRef<NodeProtocol>, name: string, [step, ...rest]: readonly Step[]): Promise<string> {
  return step === undefined ? name : `${name} ${await next.ask[step[0]](rest)}`;
}

describe("a chain of asks", () => {
  it("that comes back to its beginning is refused at once, with its path", async () => {
    const rig = new Rig({ kinds: [Node] });
    const cycle = asked(rig.grain(Node, "a").ask.go([["go", "b"], ["go", "a"]]));
    await rig.run();
    assert.equal(cycle.outcome, "call-cycle/delivered"); // delivered to a, whose handler failed with it
    const cause = rootOf(cycle.error);
    assert.equal(cause?.fate, "not-delivered");
    assert.deepEqual(cause?.details.path, ["node:a.go", "node:b.go", "node:a.go"]);
    assert.equal(
      cause?.message,
      "Cannot deliver node:a.go: it would wait for itself through node:a.go → node:b.go → node:a.go",
    );
  });

  it("to the asking actor itself is refused at once", async () => {
    const rig = new Rig({ kinds: [Node] });
    const cycle = asked(rig.grain(Node, "a").ask.go([["go", "a"]]));
    await rig.run();
    assert.deepEqual(rootOf(cycle.error)?.details.path, ["node:a.go", "node:a.go"]);
  });

  it("that comes back into its middle is refused at once", async () => {
    const rig = new Rig({ kinds: [Node] });
    const cycle = asked(rig.grain(Node, "a").ask.go([["go", "b"], ["go", "c"], ["go", "d"], ["go", "b"]]));
    await rig.run();
    assert.deepEqual(rootOf(cycle.error)?.details.path, [
      "node:a.go",
      "node:b.go",
      "node:c.go",
      "node:d.go",
      "node:b.go",
    ]);
  });

  it("may come back to a reentrant handler", async () => {
    const rig = new Rig({ kinds: [Node] });
    const ok = asked(rig.grain(Node, "a").ask.go([["go", "b"], ["peek", "a"]]));
    await rig.run();
    assert.equal(ok.value, "a b a");
  });

  it("is refused when the reentrant handler stands behind an earlier message of its own sender", async () => {
    const rig = new Rig({ kinds: [Node] });
    const cycle = asked(rig.grain(Node, "a").ask.go([["tellThenPeek", "b"], ["go", "a"]]));
    await rig.run();
    assert.deepEqual(rootOf(cycle.error)?.details.path, ["node:a.go", "node:b.tellThenPeek", "node:a.peek"]);
  });

  it("is refused across threads too, with the same path", async () => {
    const rig = new Rig({ kinds: [Node], workers: 2 });
    const [a, b] = [rig.nameOn(1, "a", Node), rig.nameOn(2, "b", Node)];
    const cycle = asked(rig.grain(Node, a).ask.go([["go", b], ["go", a]]));
    const ok = asked(rig.grain(Node, b).ask.go([["go", rig.nameOn(1, "c", Node)], ["peek", b]]));
    await rig.run();
    assert.deepEqual(rootOf(cycle.error)?.details.path, [`node:${a}.go`, `node:${b}.go`, `node:${a}.go`]);
    assert.equal(cycle.outcome, "call-cycle/delivered");
    assert.equal(ok.state, "ok");
  });

  it("has a limit of hops", async () => {
    const rig = new Rig({ kinds: [Node] });
    const route = (hops: number) => Array.from({ length: hops }, (_, hop): Step => ["go", `n${hop}`]);
    const most = asked(rig.grain(Node, "start").ask.go(route(CALL_CHAIN_HOPS_MAX)));
    const over = asked(rig.grain(Node, "begin").ask.go(route(CALL_CHAIN_HOPS_MAX + 1)));
    await rig.run();
    assert.equal(most.state, "ok");
    assert.equal(over.state, "call-chain-too-long");
  });

  it("back to a grain that is ending waits for no next activation, which would wait for the chain", async () => {
    const gates = new Gates();
    const Leaver = kind("leaver", {
      handlers: {
        go: (ctx): Promise<string> => ctx.grain(Friend, "f").ask.bounce(),
        peek: (): string => "peek",
      },
    });
    const Friend = kind("friend", {
      handlers: {
        async bounce(ctx): Promise<string> {
          await gates.wait("g");
          return await ctx.grain(LeaverSelf, "a").ask.peek();
        },
      },
    });
    const LeaverSelf: typeof Leaver = Leaver;
    const rig = new Rig({ kinds: [Leaver, Friend] });
    const gone = asked(rig.grain(Leaver, "a").ask.go());
    await rig.run();
    rig.operate("leaver:a", { op: "stop", key: rig.grain(Leaver, "a").key, isDraining: false });
    await rig.run();
    gates.open("g");
    await rig.run();
    assert.deepEqual(rootOf(gone.error)?.details.path, ["leaver:a.go", "friend:f.bounce", "leaver:a.peek"]);
    assert.equal(rig.statusOf("leaver:a"), "absent");
  });

  it("that waits for a slot of a reentrant handler it holds itself is refused at once", async () => {
    const One = kind("one", {
      reentrant: ["peek"],
      reentrantMax: 1,
      handlers: {
        go: (ctx, on: boolean): Promise<string> => ctx.grain(OneSelf, "a").ask.peek(on),
        peek: async (ctx, on: boolean): Promise<string> => on ? await ctx.grain(OneSelf, "b").ask.go(false) : "end",
      },
    });
    const OneSelf: typeof One = One;
    const rig = new Rig({ kinds: [One] });
    const cycle = asked(rig.grain(One, "a").ask.peek(true));
    await rig.run();
    assert.deepEqual(rootOf(cycle.error)?.details.path, ["one:a.peek", "one:b.go", "one:a.peek"]);
  });

  for (const hook of ["onStart", "onStop", "onRestart"] as const) {
    it(`from ${hook} back to a reentrant handler is refused at once: none begins meanwhile`, async () => {
      const failures: string[] = [];
      const back = async (
        ctx: { grain: (kind: typeof Helper, name: string) => ActorRef<{ bounce: () => Promise<void> }> },
      ) => {
        try {
          await ctx.grain(Helper, "h").ask.bounce();
        } catch (thrown) {
          failures.push(thrown instanceof ActorError ? thrown.code : String(thrown));
        }
      };
      const Hooked = kind("hooked", {
        reentrant: ["peek"],
        handlers: {
          peek: (): void => {},
          leave: (ctx): void => ctx.stop(),
          fail(): void {
            throw new Error("x");
          },
        },
        [hook]: back,
      });
      const Helper = kind("helper", {
        handlers: {
          bounce: (ctx): Promise<void> => ctx.actor(HookedSelf, "x").ask.peek(),
        },
      });
      const HookedSelf: typeof Hooked = Hooked;
      const rig = new Rig({ kinds: [Hooked, Helper] });
      const x = rig.spawn(Hooked, "x");
      await rig.run();
      if (hook === "onStop") x.tell.leave();
      if (hook === "onRestart") x.tell.fail();
      await rig.run();
      assert.deepEqual(failures, [hook === "onStop" ? "actor-stopped" : "call-cycle"]);
    });
  }
});

describe("two handlers that wait for each other through different callers", () => {
  it("end by deadline, and each error names the handler it waited in", async () => {
    const errors: ActorError[] = [];
    const Side = kind("side", {
      handlers: {
        async call(ctx, other: string): Promise<void> {
          await Promise.resolve(); // both have begun before either asks
          await ctx.grain(SideSelf, other).with({ timeoutMs: 1_000 }).ask.take().catch((error: ActorError) => {
            errors.push(error);
            throw error;
          });
        },
        take: (): void => {},
      },
    });
    const SideSelf: typeof Side = Side;
    const rig = new Rig({ kinds: [Side] });
    const [a, b] = [asked(rig.grain(Side, "a").ask.call("b")), asked(rig.grain(Side, "b").ask.call("a"))];
    await rig.advance(999);
    assert.deepEqual([a.state, b.state], ["pending", "pending"]);
    await rig.advance(1);
    assert.deepEqual(errors.map(({ code, details }) => [code, details.to, details.handler, details.waitingIn]), [
      ["ask-timeout", "side:b", "take", "side:a.call"],
      ["ask-timeout", "side:a", "take", "side:b.call"],
    ]);
    assert.equal(
      errors[0]?.message,
      "Cannot wait any longer for side:b.take: no reply in 1000 ms, waiting in side:a.call",
    );
    assert.deepEqual([a.outcome, b.outcome], ["ask-timeout/delivered", "ask-timeout/delivered"]);
  });
});

function rootOf(error: unknown): ActorError | undefined {
  if (!(error instanceof ActorError)) return undefined;
  return error.cause instanceof ActorError ? rootOf(error.cause) : error;
}
