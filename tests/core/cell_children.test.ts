/**
 * Children live on their parent's thread, under its name, and end with it.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { family as world } from "../rig/family.ts";
import { asked } from "../rig/outcome.ts";

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
