/**
 * What one child's failure does to the others and to its parent.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { kind } from "../../core/kind.ts";
import type { SupervisionOptions } from "../../core/supervision.ts";
import { AT_ONCE, family as world } from "../rig/family.ts";
import { Gates } from "../rig/gates.ts";
import { asked } from "../rig/outcome.ts";
import { Rig } from "../rig/rig.ts";

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
