/**
 * The trace of a message, live: it goes with everything that follows from it, on one thread and across threads.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { nameOn } from "../fixtures/conditions.ts";
import { freshName } from "../fixtures/plan.ts";
import { startTheatre, Tracer } from "../fixtures/theatre.ts";

const TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const OTHER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b8-00";

for (const workers of [0, 2]) {
  describe(`traces with ${workers} workers`, () => {
    it("go with asks and tells, through awaits and on to other actors, and end with them", async () => {
      await using system = await startTheatre({ name: freshName("traces"), workers });
      const other = nameOn(system, workers, Math.min(workers, 2), (name) => system.grain(Tracer, name), "other");
      const one = system.grain(
        Tracer,
        nameOn(system, workers, Math.min(workers, 1), (name) => system.grain(Tracer, name), "one"),
      );
      assert.equal(await one.ask.see(), undefined);
      const traced = one.with({ trace: TRACE });
      assert.equal(await traced.ask.see(), TRACE);
      assert.equal(await traced.ask.relay(other), TRACE);
      traced.tell.note();
      assert.equal(traced.with({ timeoutMs: 1_000 }).tell.note(), true);
      traced.with({ trace: OTHER }).tell.note();
      one.tell.note();
      assert.deepEqual(await one.ask.told(), [TRACE, TRACE, OTHER, undefined]);
      assert.deepEqual(await system.grain(Tracer, other).ask.told(), [TRACE]);
    });

    it("are named by a traceparent or not at all", async () => {
      await using system = await startTheatre({ name: freshName("traces"), workers });
      const one = system.grain(Tracer, "one");
      for (const trace of ["", "00-x", `${TRACE}\n`, TRACE.toUpperCase(), `01${TRACE.slice(2)}`]) {
        assert.equal(await one.with({ trace }).ask.see(), undefined);
      }
    });
  });
}
