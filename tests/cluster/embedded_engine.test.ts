/**
 * The engine as a whole, where its machines meet: what a view means to a node that knows none.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { epoch, nodeId } from "../../core/ids.ts";
import { seededRandom } from "../../core/random.ts";
import { createEmbeddedEngine, type EngineEffect, engineMessage } from "../../cluster/embedded_engine.ts";
import { ALL_RULES } from "../../cluster/rules.ts";
import { active, member } from "./planned.ts";
import { at, founded, lacking, SETTINGS, TIMES } from "./view_values.ts";

describe("a founder that missed the opening", () => {
  it("and hears that it was removed was a member: with dynamic votes its process founds no other cluster", () => {
    const first = founded("a b c");
    const engine = createEmbeddedEngine({
      self: member("b", { joinEpoch: epoch(0) }),
      settings: SETTINGS,
      timings: TIMES,
      rules: ALL_RULES,
      random: seededRandom(1),
      bornAt: at(0),
      processStartedAt: at(0),
      wasMember: false,
      chunkEntries: 4,
      changesKept: 16,
      tableBytes: 1 << 20,
      initialPlaces: (founders) => [active(1, ...founders.map(({ id }) => id))],
    });
    const out: EngineEffect[] = [];
    engineMessage(engine, nodeId("a"), { kind: "found", view: first }, at(0), out);
    assert.ok(out.some((effect) => effect.kind === "send" && effect.message.kind === "founderAccepts"));
    engineMessage(engine, nodeId("a"), { kind: "commit", view: lacking(first, "b") }, at(9_000), out);
    const retired = out.find((effect) => effect.kind === "retire");
    assert.deepEqual(retired, { kind: "retire", reason: "join-refused", wasMember: true });
  });
});
