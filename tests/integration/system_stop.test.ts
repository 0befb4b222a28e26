/**
 * Stopping a system: what is queued runs, hooks run, everything is closed, in time or by force; and after it nothing
 * hangs.
 *
 * @module
 */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { eventually, failureOf, settles, thrownBy } from "../fixtures/conditions.ts";
import { freshName } from "../fixtures/plan.ts";
import { Counter, Dawdler, Diarist, Echo, Fragile, Gate, Player, startTheatre, Vault } from "../fixtures/theatre.ts";

describe("stop of a system", () => {
  let folder = "";
  before(() => folder = mkdtempSync(join(tmpdir(), "troupe-stop-")));
  after(() => rmSync(folder, { recursive: true }));

  for (const workers of [0, 1, 2]) {
    const start = (options: { readonly shutdownTimeoutMs?: number; readonly askTimeoutMs?: number } = {}) => {
      const name = freshName("stop");
      return startTheatre({
        name,
        workers,
        diaryPath: join(folder, name),
        storePath: join(folder, "stop.db"),
        options,
      });
    };
    const diaryOf = (name: string) => {
      const path = join(folder, name);
      return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [];
    };

    describe(`with ${workers} workers`, () => {
      it("does not wait for all of its time for a handler that waits for ever", async () => {
        const system = await start({ shutdownTimeoutMs: 600_000, askTimeoutMs: 600_000 });
        const passing = system.grain(Gate, "never-opened").ask.pass();
        await system.grain(Counter, "busy").ask.add(1);
        await settles("the stop", system.stop());
        await settles("the ask", passing.catch(() => {}));
      });

      it("lets run what is queued and what waits, then every onStop, children first", async () => {
        const system = await start();
        const names = Array.from({ length: 10 }, (_, index) => `diarist-${index}`);
        const diarists = await system.spawnMany(names, Diarist);
        await diarists[0]?.ask.spawnChild("child");
        const answers: Promise<number>[] = [];
        for (const diarist of diarists) {
          answers.push(diarist.ask.writeLater(20));
          for (let index = 0; index < 50; index++) diarist.tell.write();
        }
        await system.stop();
        assert.ok((await Promise.all(answers)).every((lines) => lines === 1));
        const stops = diaryOf(system.name).filter((line) => line.startsWith("stop "));
        assert.deepEqual(
          stops.toSorted(),
          [
            ...names.map((name) => `stop ${name} system-stopping after 51`),
            "stop diarist-0/child system-stopping after 0",
          ].toSorted(),
        );
        assert.ok(
          stops.findIndex((line) => line.includes("/child")) <
            stops.findIndex((line) => line.startsWith("stop diarist-0 ")),
        );
      });

      it("lets messages run that wait for an actor which restarts or loads", async () => {
        const system = await start();
        const fragile = await system.spawn("fragile", Fragile);
        const failure = failureOf(fragile.ask.fail());
        const answers = Array.from({ length: 5 }, () => fragile.ask.ping());
        const vaults = Array.from({ length: 20 }, (_, index) => system.grain(Vault, `vault-${index}`).ask.put(1));
        await system.stop();
        assert.equal((await failure).code, "handler-failed");
        assert.deepEqual(await Promise.all(answers), ["alive", "alive", "alive", "alive", "alive"]);
        assert.ok((await Promise.all(vaults)).every((gold) => gold > 0));
      });

      it("refuses what comes while it drains, and answers what was accepted before", async () => {
        const system = await start();
        const gate = await system.spawn("gate", Gate);
        const passing = gate.ask.pass();
        await eventually("the gate holds", () => gate.ask.waiting());
        const stopped = system.stop({ timeoutMs: 500 });
        assert.equal(system.state, "draining");
        assert.equal(system.isRunning, false);
        for (
          const refused of [
            failureOf(system.spawn("late", Counter)),
            failureOf(system.spawnMany(["late"], Counter)),
            failureOf(system.grain(Echo, "echo").ask.echo(1)),
            failureOf(system.router("pool", Counter, { strategy: "random", size: 2 })),
          ]
        ) {
          const { code, fate } = await refused;
          assert.deepEqual([code, fate], ["system-stopping", "not-delivered"]);
        }
        assert.equal(system.grain(Counter, "late").tell.add(1), false);
        // Nobody outside can open the gate any more; its actor has to end, and tells it so.
        await settles("stop", stopped);
        assert.equal(await settles("who had been accepted", passing), -1);
      });

      it("answers everything after it with system-stopping, and never hangs", async () => {
        const system = await start();
        const counter = await system.spawn("counter", Counter);
        const grain = system.grain(Counter, "grain");
        await system.stop();
        assert.equal(system.state, "stopped");
        const after = [
          counter.ask.total(),
          grain.ask.total(),
          grain.with({ timeoutMs: 60_000 }).ask.total(),
          system.spawn("late", Counter),
          system.actorOf("counter", Counter),
          system.actorExists("counter"),
          system.stats(),
          system.stop("counter"),
          system.stop(counter),
          system.actors().next(),
        ];
        for (const [index, promise] of after.entries()) {
          const failure = await failureOf(promise);
          assert.deepEqual([failure.code, failure.fate], ["system-stopping", "not-delivered"], `promise ${index}`);
        }
        assert.equal(counter.tell.add(1), false);
        assert.equal(thrownBy(() => system.publish({ name: "topic" }, 1)).code, "system-stopping");
        assert.equal(counter.key, "counter");
        await system.stop();
      });

      it("twice, or at once from several places, is once", async () => {
        const system = await start();
        await system.spawn("diarist", Diarist);
        await Promise.all([system.stop(), system.stop(), system[Symbol.asyncDispose]()]);
        await system.stop();
        assert.equal(diaryOf(system.name).filter((line) => line.startsWith("stop ")).length, 1);
      });

      it("by await using ends it as well", async () => {
        let name = "";
        {
          await using system = await start();
          name = system.name;
          await system.spawn("diarist", Diarist);
          await system.grain(Player, "player").ask.play();
        }
        const lines = diaryOf(name);
        assert.ok(lines.includes("stop diarist system-stopping after 0"));
        assert.equal(lines.filter((line) => line.startsWith("dispose lute")).length, Math.max(1, workers));
      });

      it("does not wait longer than its time for a handler that never ends; its neighbours end in order", async () => {
        const system = await start();
        const diarist = await system.spawn("diarist", Diarist);
        await system.spawn("dawdler", Dawdler);
        const gate = await system.spawn("gate", Gate);
        const stuck = gate.with({ timeoutMs: 60_000 }).ask.forever();
        const behind = gate.with({ timeoutMs: 60_000 }).ask.pass();
        await diarist.ask.write();
        const failures = Promise.all([failureOf(stuck), failureOf(behind)]);
        await settles("stop", system.stop({ timeoutMs: 2_000 }));
        for (const { code } of await settles("whoever waited", failures)) {
          assert.ok(["system-stopping", "actor-stopped"].includes(code), code);
        }
        assert.ok(diaryOf(system.name).includes("stop diarist system-stopping after 1"));
        assert.ok(diaryOf(system.name).includes("left dawdler"));
      });

      it("does not wait at all for a handler that a restart has abandoned", async () => {
        const system = await start();
        const fragile = await system.spawn("fragile", Fragile);
        const stuck = failureOf(fragile.with({ timeoutMs: 60_000 }).ask.forever());
        await failureOf(fragile.ask.fail());
        assert.deepEqual([(await stuck).code, (await stuck).fate], ["actor-restarted", "delivered"]);
        assert.equal(await fragile.ask.ping(), "alive");
        await settles("stop", system.stop({ timeoutMs: 300_000 }));
      });

      if (workers > 0) {
        it("ends a worker that spins by force; the others end in order", async () => {
          const system = await start();
          const diarists = await system.spawnMany(Array.from({ length: 8 }, (_, index) => `d-${index}`), Diarist);
          const gate = await system.spawn("gate", Gate);
          const spinning = failureOf(gate.with({ timeoutMs: 60_000 }).ask.spin());
          await settles("stop", system.stop({ timeoutMs: 1_000 }));
          assert.equal((await settles("whoever waited", spinning)).code, "system-stopping");
          const neighbours = diarists.filter((one) =>
            Number(system.partitionOf(one)) % workers !== Number(system.partitionOf(gate)) % workers
          );
          const stops = diaryOf(system.name).filter((line) => line.startsWith("stop "));
          assert.deepEqual(
            stops.toSorted(),
            neighbours.map(({ name }) => `stop ${name} system-stopping after 0`).toSorted(),
          );
        });
      }
    });
  }
});
