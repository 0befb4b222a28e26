/**
 * Resources: every thread that runs actors has its own, and lets go of it at the end.
 *
 * @module
 */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { failureOf, nameOn } from "../fixtures/conditions.ts";
import { freshName } from "../fixtures/plan.ts";
import { Player, startTheatre } from "../fixtures/theatre.ts";

describe("resources", () => {
  let folder = "";
  before(() => folder = mkdtempSync(join(tmpdir(), "troupe-resources-")));
  after(() => rmSync(folder, { recursive: true }));

  for (const workers of [0, 1, 2]) {
    it(`are made once in each thread that runs actors, used by name, and disposed of by stop, with ${workers} workers`, async () => {
      const name = freshName("lutes");
      const diaryPath = join(folder, name);
      const system = await startTheatre({ name, workers, diaryPath });
      const places = new Set<number>();
      for (let thread = Math.min(1, workers); thread <= workers; thread++) {
        const first = system.grain(
          Player,
          nameOn(system, workers, thread, (one) => system.grain(Player, one), "first"),
        );
        const second = system.grain(
          Player,
          nameOn(system, workers, thread, (one) => system.grain(Player, one), "second"),
        );
        const [place, plays] = await first.ask.play();
        assert.equal(plays, 1);
        assert.deepEqual(await second.ask.play(), [place, 2]);
        places.add(place);
      }
      assert.equal(places.size, Math.max(1, workers));
      await system.stop();
      assert.ok(existsSync(diaryPath));
      const lines = readFileSync(diaryPath, "utf8").trim().split("\n");
      const expected = [...places].flatMap((place) => [`make lute of ${place}`, `dispose lute of ${place} after 2`]);
      assert.deepEqual(lines.toSorted(), expected.toSorted());
    });

    it(`that nobody provides are resource-unknown to the caller, with ${workers} workers`, async () => {
      await using system = await startTheatre({ name: freshName("harps"), workers });
      const failure = await failureOf(system.grain(Player, "player").ask.playHarp());
      assert.equal(failure.code, "resource-unknown");
      assert.match(failure.message, /harp/);
      assert.equal((await system.grain(Player, "player").ask.play())[1], 1);
    });
  }
});
