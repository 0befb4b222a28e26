/**
 * Starting a system: what is refused, what fails, and that nothing is left behind then.
 *
 * @module
 */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { ActorError, ActorSystem, kind } from "../../mod.ts";
import { eventually, failureOf } from "../fixtures/conditions.ts";
import { type BootPlan, startBoot } from "../fixtures/entry_boot.ts";
import { startPair } from "../fixtures/entry_pair.ts";
import { freshName } from "../fixtures/plan.ts";
import { quietLog } from "../fixtures/quiet_log.ts";
import { Counter, startTheatre } from "../fixtures/theatre.ts";

const Plain = kind("plain", { handlers: { ping: (): string => "pong" } });

describe("start of a system", () => {
  let folder = "";
  before(() => folder = mkdtempSync(join(tmpdir(), "troupe-start-")));
  after(() => rmSync(folder, { recursive: true }));

  const fixture = (name: string) => new URL(`../fixtures/${name}.ts`, import.meta.url);
  const startWith = (entry: URL | string, more: { readonly workers?: number; readonly startTimeoutMs?: number } = {}) =>
    ActorSystem.start({ name: freshName("entry"), entry, kinds: [Plain], log: quietLog, workers: 2, ...more });
  const bootPlan = (fault: BootPlan["fault"], workers: number): BootPlan => {
    const name = freshName("boot");
    return { name, workers, fault, diaryPath: join(folder, name) };
  };
  const diaryOf = ({ diaryPath }: BootPlan) =>
    existsSync(diaryPath) ? readFileSync(diaryPath, "utf8").trim().split("\n") : [];

  it("an entry that starts nothing is start-failed, and says what to look at", async () => {
    const failure = await failureOf(startWith(fixture("entry_empty")));
    assert.equal(failure.code, "start-failed");
    assert.match(failure.message, /^Cannot start worker [12]: its entry file ended without calling ActorSystem\.start/);
  });

  it("an entry that never reaches start is start-failed when its time is over", async () => {
    const failure = await failureOf(startWith(fixture("entry_stuck"), { startTimeoutMs: 300 }));
    assert.equal(failure.code, "start-failed");
    assert.match(failure.message, /does its entry file reach ActorSystem\.start\?/);
  });

  it("an entry that throws is start-failed with what it threw", async () => {
    const failure = await failureOf(startWith(fixture("entry_throwing")));
    assert.equal(failure.code, "start-failed");
    assert.match(failure.message, /: broken above start; a worker runs its entry file too, with all that stands above/);
  });

  it("an entry that does not exist, or is no file at all, is start-failed", async () => {
    for (
      const entry of [fixture("no_such_entry"), "http://127.0.0.1:9/entry.ts", "data:text/plain,hello", "nonsense:x"]
    ) {
      assert.equal((await failureOf(startWith(entry))).code, "start-failed", String(entry));
    }
  });

  it("an entry that starts another system in its worker is start-failed, and no system runs inside a worker", async () => {
    const failure = await failureOf(startPair());
    assert.equal(failure.code, "start-failed");
    assert.match(failure.message + String(failure.cause), /pair-first/);
  });

  for (const workers of [0, 2]) {
    it(`a resource that cannot be made is start-failed with its name and cause, with ${workers} workers`, async () => {
      const plan = bootPlan("resource", workers);
      const failure = await failureOf(startBoot(plan));
      assert.equal(failure.code, "start-failed");
      assert.match(causes(failure), /resource second.*no second one/s);
      const diary = diaryOf(plan);
      const made = diary.filter((line) => line === "make first").length;
      if (workers === 0) assert.deepEqual(diary, ["make first", "dispose first"]);
      else assert.ok(made >= 1);
    });

    it(`a store that cannot be opened is start-failed with its cause, with ${workers} workers`, async () => {
      const plan = bootPlan("store", workers);
      const failure = await failureOf(startBoot(plan));
      assert.equal(failure.code, "start-failed");
      assert.match(causes(failure), /on holiday/);
      if (workers === 0) assert.deepEqual(diaryOf(plan), []);
      const withText = await failureOf(startBoot(bootPlan("store-text", workers)));
      assert.equal(withText.code, "start-failed");
      assert.match(causes(withText), /a text/);
    });
  }

  it("one worker of three that cannot boot, or dies while it boots, fails the start", async () => {
    for (const fault of ["resource", "exit", "late-exit"] as const) {
      const failure = await failureOf(startBoot({ ...bootPlan(fault, 3), onlyThread: 2 }));
      assert.equal(failure.code, "start-failed", fault);
      assert.equal(failure.details.thread, 2, fault);
    }
  });

  it("a worker that dies when it is ready and others are not is replaced, and the start succeeds", async () => {
    await using system = await startBoot({ ...bootPlan("dies-once", 2), onlyThread: 1 });
    await eventually(
      "both answer",
      () => system.stats({ timeoutMs: 1_000 }).then(({ threads }) => threads.length === 3, () => false),
    );
  });

  it("after a start that failed, the same name starts", async () => {
    const plan = bootPlan("resource", 1);
    await failureOf(startBoot(plan));
    await using system = await startBoot({ ...plan, fault: "none" });
    assert.equal(system.isRunning, true);
  });

  it("a resource or store that fails to close does not keep stop from ending", async () => {
    for (const workers of [0, 1]) {
      for (const fault of ["dispose", "close"] as const) {
        const plan = bootPlan(fault, workers);
        const system = await startBoot(plan);
        await system.stop();
        assert.equal(system.state, "stopped");
        assert.deepEqual(diaryOf(plan), ["make first", "make second", "dispose first", "dispose second"]);
      }
    }
  });

  it("two systems run in one process without seeing each other", async () => {
    await using one = await startTheatre({ name: freshName("twin"), workers: 1 });
    await using two = await startTheatre({ name: freshName("twin"), workers: 2 });
    await one.spawn("a", Counter, { init: { from: 1 } });
    await two.spawn("a", Counter, { init: { from: 2 } });
    assert.equal(await one.actor(Counter, "a").ask.total(), 1);
    assert.equal(await two.actor(Counter, "a").ask.total(), 2);
    assert.deepEqual((await one.stats()).actors, { counter: 1 });
    await one.stop();
    assert.equal(await two.actor(Counter, "a").ask.total(), 2);
  });

  it("two systems of the same name run in one process", async () => {
    const name = freshName("namesake");
    await using one = await startTheatre({ name, workers: 1 });
    await using two = await startTheatre({ name, workers: 1 });
    one.grain(Counter, "a").tell.add(1);
    assert.deepEqual([await one.grain(Counter, "a").ask.total(), await two.grain(Counter, "a").ask.total()], [1, 0]);
  });

  it("a name starts again after its system has stopped, and knows nothing of its earlier life", async () => {
    const name = freshName("again");
    for (let round = 0; round < 3; round++) {
      await using system = await startTheatre({ name, workers: 1 });
      const counter = await system.spawn("a", Counter);
      counter.tell.add(1);
      assert.equal(await counter.ask.total(), 1);
    }
  });
});

/** The messages of an error and all its causes. */
function causes(error: ActorError): string {
  const { cause } = error;
  return cause instanceof ActorError ? `${error.message}\n${causes(cause)}` : `${error.message}\n${String(cause)}`;
}
