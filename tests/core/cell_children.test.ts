/**
 * Families: children live on their parent's thread, under its name, and end with it; what one child's failure does to
 * the others.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { kind } from "../../core/kind.ts";
import type { ActorRef, AnyRef } from "../../core/ref.ts";
import type { SupervisionOptions } from "../../core/supervision.ts";
import { asked } from "../rig/outcome.ts";
import { Gates } from "../rig/gates.ts";
import { Rig } from "../rig/rig.ts";

const AT_ONCE = { minMs: 0, maxMs: 0 };

function world(policy: { child?: SupervisionOptions; parent?: SupervisionOptions } = {}) {
  const journal: string[] = [];
  const gates = new Gates();
  const Child = kind("child", {
    state: () => ({ count: 0 }),
    supervision: { backoff: AT_ONCE, ...policy.child },
    onStart(ctx, reason) {
      journal.push(`${ctx.key} onStart ${reason}`);
      if (ctx.name.startsWith("sick") && gates.waiting.includes("sick")) throw new Error("sick");
    },
    onStop(ctx, reason) {
      const said = () => void journal.push(`${ctx.key} onStop ${reason}`);
      return ctx.name.startsWith("slow") ? gates.wait("stop").then(said) : said();
    },
    handlers: {
      count: (ctx): number => ++ctx.state.count,
      fail(): void {
        throw new Error("broken");
      },
      raise(ctx, name: string): void {
        ctx.spawn(ChildSelf, name);
      },
    },
  });
  const ChildSelf: typeof Child = Child;
  const Parent = kind("parent", {
    supervision: { backoff: AT_ONCE, ...policy.parent },
    onStart: (ctx, reason) => void journal.push(`${ctx.key} onStart ${reason}`),
    onStop(ctx, reason) {
      journal.push(`${ctx.key} onStop ${reason} ${codeOf(() => ctx.spawn(Child, "late"))}`);
    },
    onRestart(ctx) {
      journal.push(`${ctx.key} onRestart ${codeOf(() => ctx.spawn(Child, "late"))}`);
    },
    handlers: {
      raise(ctx, ...names: string[]): readonly string[] {
        return names.map((name) => ctx.spawn(Child, name).key);
      },
      children: (ctx): readonly string[] => ctx.children.map(({ key }) => key),
      end: (ctx, child: AnyRef): void => ctx.stop(child),
      leave: (ctx): void => ctx.stop(),
      fail(): void {
        throw new Error("broken");
      },
      spawnTwice: (ctx, name: string): string => codeOf(() => ctx.spawn(Child, name)),
      async holdThenRaise(ctx): Promise<string> {
        await gates.wait("hold");
        return codeOf(() => ctx.spawn(Child, "late"));
      },
    },
  });
  const rig = new Rig({ kinds: [Child, Parent], workers: 2 });
  const family = rig.spawn(Parent, "p");
  const child = (name: string): ActorRef<{ count: () => number; fail: () => void; raise: (name: string) => void }> =>
    rig.actor(Child, `p/${name}`);
  return { journal, gates, rig, Child, family, child };
}

function codeOf(act: () => unknown): string {
  try {
    act();
    return "ok";
  } catch (thrown) {
    return (thrown as { code?: string }).code ?? String(thrown);
  }
}

describe("a child", () => {
  it("is named after its parent, lives on its thread, and is reached by its key from anywhere", async () => {
    const { rig, family, child } = world();
    const keys = asked(family.ask.raise("x", "y"));
    await rig.run();
    assert.deepEqual(keys.value, ["p/x", "p/y"]);
    const home = rig.thread(rig.threadOf(family.key)).host;
    assert.deepEqual([...home.cells.keys()], ["p", "p/x", "p/y"]);
    const count = asked(child("x").ask.count());
    await rig.run();
    assert.equal(count.value, 1);
  });

  it("may have children of its own, and its name only once at a time", async () => {
    const { rig, family, child } = world();
    family.tell.raise("x");
    await rig.run();
    child("x").tell.raise("z");
    await rig.run();
    const twice = asked(family.ask.spawnTwice("x"));
    const bad = asked(family.ask.spawnTwice("a b"));
    await rig.run();
    assert.deepEqual([twice.value, bad.value, rig.statusOf("p/x/z")], ["name-taken", "invalid-name", "running"]);
  });

  it("is ended by its parent, and its name is free when it is gone, not before", async () => {
    const { gates, rig, family, child } = world();
    family.tell.raise("slow");
    await rig.run();
    family.tell.end(child("slow"));
    const during = asked(family.ask.spawnTwice("slow"));
    await rig.run();
    assert.equal(during.value, "name-taken");
    gates.open("stop");
    await rig.run();
    const after = asked(family.ask.spawnTwice("slow"));
    await rig.run();
    assert.equal(after.value, "ok");
  });

  it("that is somebody else's is not ended", async () => {
    const { rig, family, child } = world();
    family.tell.raise("x");
    await rig.run();
    child("x").tell.raise("z");
    await rig.run();
    family.tell.end(child("x/z"));
    family.tell.end(family);
    await rig.run();
    assert.deepEqual([rig.statusOf("p/x/z"), rig.statusOf("p")], ["running", "running"]);
  });

  it("ends before its parent does, and its own children before it", async () => {
    const { journal, gates, rig, family, child } = world();
    family.tell.raise("slow", "x");
    await rig.run();
    child("slow").tell.raise("z");
    await rig.run();
    journal.length = 0;
    family.tell.leave();
    await rig.run();
    assert.deepEqual([rig.statusOf("p"), rig.statusOf("p/slow")], ["stopping", "stopping"]);
    gates.open("stop");
    await rig.run();
    assert.deepEqual(journal, [
      "p/slow/z onStop parent-stopped",
      "p/x onStop parent-stopped",
      "p/slow onStop parent-stopped",
      "p onStop stop actor-stopped",
    ]);
    assert.equal(rig.thread(rig.threadOf(family.key)).host.cells.size, 0);
  });

  it("ends before its parent begins again, and is gone in the new life", async () => {
    const { journal, gates, rig, family } = world();
    family.tell.raise("slow", "x");
    await rig.run();
    journal.length = 0;
    family.tell.fail();
    const children = asked(family.ask.children());
    await rig.run();
    assert.equal(rig.statusOf("p"), "restarting");
    gates.open("stop");
    await rig.run();
    assert.deepEqual(journal, [
      "p/x onStop parent-stopped",
      "p onRestart actor-stopped",
      "p/slow onStop parent-stopped",
      "p onStart restart",
    ]);
    assert.deepEqual(children.value, []);
  });

  it("cannot be spawned by a handler whose actor is ending", async () => {
    const { gates, rig, family } = world();
    const raised = asked(family.ask.holdThenRaise());
    await rig.run();
    rig.operate("p", { op: "stop", key: family.key, isDraining: false });
    await rig.run();
    gates.open("hold");
    await rig.run();
    assert.deepEqual([raised.value, rig.statusOf("p")], ["actor-stopped", "absent"]);
  });

  it("that ends lets its parent go on: a parent that waits for no child is not touched", async () => {
    const { rig, family, child } = world();
    family.tell.raise("x");
    await rig.run();
    family.tell.end(child("x"));
    const children = asked(family.ask.children());
    await rig.run();
    assert.deepEqual([children.value, rig.statusOf("p")], [[], "running"]);
  });

  it("that cannot start is tried again by its own supervision", async () => {
    const { gates, rig, family, journal } = world({ child: { maxRestarts: 2 } });
    gates.wait("sick");
    family.tell.raise("sick");
    await rig.run();
    assert.equal(journal.filter((line) => line.startsWith("p/sick onStart")).length, 3);
    assert.deepEqual(rig.history("actorStopped"), ["actorStopped p/sick restart-budget-spent"]);
    assert.equal(rig.statusOf("p"), "running");
  });
});

describe("one-for-one", () => {
  it("restarts the child that failed and leaves its siblings alone", async () => {
    const { rig, family, child } = world();
    family.tell.raise("x", "y");
    await rig.run();
    child("y").tell.count();
    child("x").tell.fail();
    await rig.run();
    const counts = [asked(child("x").ask.count()), asked(child("y").ask.count())];
    await rig.run();
    assert.deepEqual(counts.map(({ value }) => value), [1, 2]);
  });
});

describe("all-for-one", () => {
  const child: SupervisionOptions = { strategy: "all-for-one", maxRestarts: 2 };

  it("restarts all children when one fails", async () => {
    const { rig, family, child: at } = world({ child });
    family.tell.raise("x", "y", "z");
    await rig.run();
    for (const name of ["x", "y", "z"]) at(name).tell.count();
    await rig.run();
    at("y").tell.fail();
    await rig.run();
    const counts = ["x", "y", "z"].map((name) => asked(at(name).ask.count()));
    await rig.run();
    assert.deepEqual(counts.map(({ value }) => value), [1, 1, 1]);
    assert.deepEqual(rig.history("actorRestarting"), [
      "actorRestarting p/y 0",
      "actorRestarting p/x 0",
      "actorRestarting p/z 0",
    ]);
  });

  it("stops all children when one is stopped for failing", async () => {
    const { rig, family, child: at } = world({ child: { ...child, on: { "*": "stop" } } });
    family.tell.raise("x", "y");
    await rig.run();
    at("x").tell.fail();
    await rig.run();
    assert.deepEqual(rig.history("actorStopped"), ["actorStopped p/x failed", "actorStopped p/y failed"]);
  });

  it("counts a restart for every child, so that taking turns spends the budget all the same", async () => {
    const { rig, family, child: at } = world({ child });
    family.tell.raise("x", "y");
    await rig.run();
    for (const name of ["x", "y", "x"]) {
      at(name).tell.fail();
      await rig.run();
    }
    assert.deepEqual(rig.history("actorStopped"), [
      "actorStopped p/x restart-budget-spent",
      "actorStopped p/y restart-budget-spent",
    ]);
  });

  it("does not hurt a sibling of another kind with a smaller budget than the restarts it is dragged through", async () => {
    const frail = kind("frail", {
      supervision: { maxRestarts: 1, backoff: AT_ONCE },
      handlers: {
        fail(): void {
          throw new Error("x");
        },
      },
    });
    const strong = kind("strong", {
      supervision: { strategy: "all-for-one", maxRestarts: 10, backoff: AT_ONCE },
      handlers: {
        fail(): void {
          throw new Error("x");
        },
      },
    });
    const Parent = kind("parent", {
      handlers: {},
      onStart(ctx) {
        ctx.spawn(frail, "frail");
        ctx.spawn(strong, "strong");
      },
    });
    const rig = new Rig({ kinds: [frail, strong, Parent] });
    rig.spawn(Parent, "p");
    await rig.run();
    for (let count = 0; count < 5; count++) {
      rig.actor(strong, "p/strong").tell.fail();
      await rig.run();
    }
    assert.deepEqual([rig.statusOf("p/frail"), rig.statusOf("p/strong")], ["running", "running"]);
    rig.actor(frail, "p/frail").tell.fail();
    await rig.run();
    assert.deepEqual([rig.statusOf("p/frail"), rig.statusOf("p/strong")], ["absent", "running"]);
  });

  it("begins a sibling only once that is just being loaded or made", async () => {
    const { rig, family, child: at, journal } = world({ child });
    family.tell.raise("x");
    at("x").tell.fail();
    family.tell.raise("y");
    await rig.run();
    assert.equal(journal.filter((line) => line === "p/y onStart spawn").length, 1);
  });
});

describe("escalate", () => {
  const child: SupervisionOptions = { on: { "*": "escalate" } };

  it("makes the parent fail with the child's error: restarted, it ends its children first", async () => {
    const { journal, rig, family, child: at } = world({ child });
    family.tell.raise("x", "y");
    await rig.run();
    journal.length = 0;
    at("x").tell.fail();
    await rig.run();
    assert.deepEqual(journal, [
      "p/x onStop parent-stopped",
      "p/y onStop parent-stopped",
      "p onRestart actor-stopped",
      "p onStart restart",
    ]);
    assert.deepEqual(rig.history("actorFailed"), [
      "actorFailed p/x fail handler-failed",
      "actorFailed p child p/x handler-failed",
    ]);
  });

  it("lets a parent that resumes keep its state, and begins the child again within its own budget", async () => {
    const { rig, family, child: at } = world({
      child: { ...child, maxRestarts: 1 },
      parent: { on: { "*": "resume" } },
    });
    family.tell.raise("x", "y");
    await rig.run();
    at("x").tell.fail();
    await rig.run();
    assert.deepEqual([rig.statusOf("p"), rig.statusOf("p/x")], ["running", "running"]);
    at("x").tell.fail();
    await rig.run();
    assert.deepEqual([rig.statusOf("p"), rig.statusOf("p/x"), rig.statusOf("p/y")], ["running", "absent", "running"]);
    assert.deepEqual(rig.history("actorStopped"), ["actorStopped p/x restart-budget-spent"]);
  });

  it("ends a child that can never start, instead of trying it in an endless loop", async () => {
    const { gates, rig, family, journal } = world({
      child: { ...child, maxRestarts: 3 },
      parent: { on: { "*": "resume" } },
    });
    gates.wait("sick");
    family.tell.raise("sick");
    await rig.run();
    assert.equal(journal.filter((line) => line.startsWith("p/sick onStart")).length, 4);
    assert.deepEqual([rig.statusOf("p"), rig.statusOf("p/sick")], ["running", "absent"]);
  });

  it("stops a parent whose policy says so, with the whole family", async () => {
    const { rig, family, child: at } = world({ child, parent: { on: { "*": "stop" } } });
    family.tell.raise("x", "y");
    await rig.run();
    at("x").tell.fail();
    await rig.run();
    assert.deepEqual(rig.history("actorStopped"), [
      "actorStopped p/x parent-stopped",
      "actorStopped p/y parent-stopped",
      "actorStopped p failed",
    ]);
  });

  it("climbs to the grandparent, and at the top it stops", async () => {
    const { rig, family, child: at } = world({ child, parent: { on: { "*": "escalate" } } });
    family.tell.raise("x");
    await rig.run();
    at("x").tell.raise("z");
    await rig.run();
    at("x/z").tell.fail();
    await rig.run();
    assert.deepEqual(rig.history("actorFailed").map((line) => line.split(" ").slice(1, 4).join(" ")), [
      "p/x/z fail handler-failed",
      "p/x child p/x/z",
      "p child p/x",
    ]);
    assert.equal(rig.statusOf("p"), "absent");
  });

  it("to a parent that is still starting and would resume does not end it", async () => {
    const gates = new Gates();
    const Leaf = kind("leaf", {
      supervision: { on: { "*": "escalate" }, backoff: AT_ONCE },
      handlers: {
        fail(): void {
          throw new Error("x");
        },
      },
    });
    const Parent = kind("parent", {
      supervision: { on: { "*": "resume" } },
      handlers: {},
      async onStart(ctx) {
        ctx.spawn(Leaf, "leaf").tell.fail();
        await gates.wait("g");
      },
    });
    const rig = new Rig({ kinds: [Leaf, Parent] });
    rig.spawn(Parent, "p");
    await rig.run();
    gates.open("g");
    await rig.run();
    assert.deepEqual([rig.statusOf("p"), rig.statusOf("p/leaf")], ["running", "running"]);
  });
});
