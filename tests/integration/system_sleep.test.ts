/**
 * A handler that sleeps, on the real clock of its thread: the same with and without workers.
 *
 * @module
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { HOOK_GRACE_MS } from "../../core/limits.ts";
import type { ActorSystem } from "../../mod.ts";
import { eventually, failureOf, settles } from "../fixtures/conditions.ts";
import { freshName } from "../fixtures/plan.ts";
import { Echo, startTheatre } from "../fixtures/theatre.ts";

for (const workers of [0, 2]) {
  describe(`a sleep with ${workers} workers`, () => {
    let system: ActorSystem;
    before(async () => {
      system = await startTheatre({ name: freshName("sleep"), workers });
    });
    after(async () => await system.stop({ timeoutMs: 2_000 }));

    it("takes its time and no other actor's", async () => {
      const beganMs = performance.now();
      const late = system.grain(Echo, "a").ask.echoAfter("late", 200);
      const order: unknown[] = [];
      late.then((value) => order.push(value));
      order.push(await system.grain(Echo, "b").ask.echoAfter("soon", 1));
      assert.equal(await late, "late");
      assert.ok(performance.now() - beganMs >= 199);
      assert.deepEqual(order, ["soon", "late"]);
    });

    it("ends when its caller's time is over", async () => {
      const echo = system.grain(Echo, "c");
      assert.equal((await failureOf(echo.with({ timeoutMs: 30 }).ask.echoAfter("never", 60_000))).code, "ask-timeout");
      assert.equal(await settles("the next message", echo.ask.echo("next")), "next");
    });

    it("ends when its actor is stopped", async () => {
      const echo = await system.spawn("sleeper", Echo);
      echo.tell.echoAfter("never", 60_000);
      const beganMs = performance.now();
      assert.equal(await settles("the stop", system.stop("sleeper")), true);
      assert.ok(performance.now() - beganMs < HOOK_GRACE_MS, "it did not wait for a handler that hears nothing");
      await eventually("its name is free", async () => !await system.actorExists("sleeper"));
    });
  });
}
