/**
 * Stored state over several lives of a system, and between several systems on one file: whoever began later wins, and
 * nobody writes over what a later one has written.
 *
 * @module
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, it } from "node:test";
import { type ActorError, type ActorSystem, commandFor } from "../../mod.ts";
import { failureOf, settles } from "../fixtures/conditions.ts";
import { freshName } from "../fixtures/plan.ts";
import { startTheatre, Vault } from "../fixtures/theatre.ts";
import type { VaultAnswer } from "../fixtures/vault_process.ts";

describe("stored state", () => {
  let folder = "";
  before(() => folder = mkdtempSync(join(tmpdir(), "troupe-stored-")));
  after(() => rmSync(folder, { recursive: true }));
  const start = (storePath: string, workers: number) => startTheatre({ name: freshName("stored"), workers, storePath });

  for (const workers of [0, 2]) {
    it(`is there again in the next life of the system, under a higher generation and token, with ${workers} workers`, async () => {
      const path = join(folder, `lives_${workers}.db`);
      const fences: string[] = [];
      for (let life = 0; life < 3; life++) {
        await using system = await start(path, workers);
        const vaults = ["a", "b", "c"].map((name) => system.grain(Vault, name));
        for (const vault of vaults) assert.equal(await vault.ask.put(1), life + 1);
        await vaults[0]?.ask.putUnsaved(1000);
        const spawned = await system.spawn("a", Vault);
        assert.equal(await spawned.ask.put(10), 10 * (life + 1));
        fences.push(await system.grain(Vault, "a").ask.fence());
      }
      const generations = fences.map((fence) => Number.parseInt(fence.split(".")[0] ?? "", 16));
      assert.deepEqual(generations, [1, 2, 3]);
      assert.deepEqual(fences, fences.toSorted());
    });

    it(`survives a passivation by stop, with ${workers} workers`, async () => {
      await using system = await start(join(folder, `passivated_${workers}.db`), workers);
      const vault = system.grain(Vault, "a");
      await vault.ask.put(5);
      const before = await vault.ask.fence();
      assert.equal(await system.stop(vault), true);
      assert.equal(await vault.ask.gold(), 5);
      assert.ok(await vault.ask.fence() > before);
    });

    it(`of a zombie is refused: fenced-write to the caller, and the activation ends, with ${workers} workers`, async () => {
      const path = join(folder, `zombie_${workers}.db`);
      await using older = await start(path, workers);
      assert.equal(await older.grain(Vault, "shared").ask.put(5), 5);
      await using newer = await start(path, workers);
      assert.equal(await newer.grain(Vault, "shared").ask.put(10), 15);
      await using events = older.events({ types: ["actorStopped"] });
      const zombie = await failureOf(older.grain(Vault, "shared").ask.put(100));
      assert.deepEqual([zombie.code, zombie.fate], ["fenced-write", "delivered"]);
      assert.deepEqual([
        zombie.details.ownGeneration ?? causeOf(zombie)?.details.ownGeneration,
        zombie.details.storedGeneration,
      ], [1, 2]);
      const stopped = (await settles("actorStopped", events.next())).value;
      assert.ok(stopped?.type === "actorStopped" && stopped.reason === "fenced");
      // It cannot come back here: this system's generation is the lower one.
      assert.equal((await failureOf(older.grain(Vault, "shared").ask.gold())).code, "fenced-write");
      assert.equal(await newer.grain(Vault, "shared").ask.gold(), 15);
      assert.equal(await newer.grain(Vault, "shared").ask.put(1), 16);
      // Other names are not touched by any of this.
      assert.equal(await older.grain(Vault, "other").ask.put(1), 1);
    });
  }

  it("of two processes on one file: the later one takes over, the earlier one is fenced", async () => {
    const path = join(folder, "processes.db");
    const one = startProcess(path, 0);
    assert.equal(await one.next(), "ready");
    assert.equal((await one.put(5)).gold, 5);
    const two = startProcess(path, 2);
    assert.equal(await two.next(), "ready");
    const first = await two.put(10);
    assert.equal(first.gold, 15);
    assert.equal((await one.put(100)).code, "fenced-write");
    assert.equal((await one.put(100)).code, "fenced-write");
    const second = await two.put(1);
    assert.equal(second.gold, 16);
    assert.equal(second.fence, first.fence);
    for (const process of [one, two]) assert.deepEqual(await process.end(), { code: 0, errors: "" });
    await using system: ActorSystem = await start(path, 1);
    assert.equal(await system.grain(Vault, "shared").ask.gold(), 16);
    assert.ok(await system.grain(Vault, "shared").ask.fence() > (second.fence ?? ""));
  });

  it("of a process that is killed is what it was told is saved", async () => {
    const path = join(folder, "killed.db");
    const victim = startProcess(path, 2);
    assert.equal(await victim.next(), "ready");
    let gold = 0;
    for (let index = 0; index < 20; index++) gold = (await victim.put(1)).gold ?? -1;
    assert.equal(gold, 20);
    victim.kill();
    await using system = await start(path, 1);
    assert.equal(await system.grain(Vault, "shared").ask.put(1), 21);
  });
});

function causeOf({ cause }: ActorError): ActorError | undefined {
  return cause as ActorError | undefined;
}

function startProcess(storePath: string, workers: number) {
  const { command, args } = commandFor(new URL("../fixtures/vault_process.ts", import.meta.url), [
    storePath,
    `${workers}`,
  ]);
  const child = spawn(command, args);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let errors = "";
  child.stderr.on("data", (chunk) => errors += String(chunk));
  const closed = new Promise<number | null>((resolve) => child.once("close", resolve));
  const next = async () => String((await settles("a line of the process", lines.next())).value);
  return {
    next,
    async put(amount: number): Promise<VaultAnswer> {
      child.stdin.write(`${amount}\n`);
      return JSON.parse(await next()) as VaultAnswer;
    },
    async end() {
      child.stdin.end();
      return { code: await settles("the end of the process", closed), errors };
    },
    kill: () => void child.kill("SIGKILL"),
  };
}
