/**
 * Founding: attempts that open, die, or are given up, message by message.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { mayInstall } from "../../cluster/bootstrap.ts";
import { ALL_RULES, without } from "../../cluster/rules.ts";
import type { View } from "../../cluster/view.ts";
import { founding, hello, Node, type Options, SEED_SETTINGS } from "./bootstrap_node.ts";
import { member } from "./planned.ts";
import { following, founded } from "./view_values.ts";

describe("an attempt to found", () => {
  it("opens when all have accepted and have been quiet for as long as a promise lasts", () => {
    const a = founding();
    a.accepts("b", 0);
    a.accepts("c", 5_000);
    a.pass(6_250);
    assert.equal(a.did("opened").length, 0);
    a.pass(50);
    const [opened] = a.did("opened");
    assert.ok(opened?.kind === "opened" && opened.founders.epoch === 1 && opened.view.epoch === 2);
  });

  it("does not open without the last of them", () => {
    const a = founding();
    a.accepts("b", 10_000);
    a.pass(2_950);
    assert.equal(a.did("opened").length, 0);
    const loose = founding({ rules: without("openNeedsAll") });
    loose.accepts("b", 10_000);
    loose.nowMs = 6_400;
    loose.tick();
    assert.equal(
      loose.did("opened").length,
      1,
      "without openNeedsAll a quorum opens it, and the other may open another",
    );
  });

  it("counts quiet from the beginning of this identity, not of the process", () => {
    const bornMs = 100_000;
    for (const [rules, isQuiet] of [[ALL_RULES, false], [without("quietSinceIdentity"), true]] as const) {
      const b = new Node("b", { rules, bornMs });
      b.nowMs = bornMs + 10;
      b.hear({ kind: "found", view: founded("a b c") }, "a");
      const [sent] = b.messages("founderAccepts");
      assert.equal(sent?.kind === "founderAccepts" && sent.quietMs > 6_300, isQuiet);
    }
  });

  it("is withdrawn after three seconds without all, and everybody may forget it", () => {
    const a = founding();
    a.accepts("b", 0);
    a.pass(3_100);
    assert.deepEqual([...new Set(a.sentTo("founderRefuses"))], ["b", "c"]);
    assert.notEqual(a.state.attempt?.view.clusterId, "test-a-1");
  });

  it("is dead for its coordinator when one founder refuses", () => {
    const a = founding();
    a.hear({ kind: "founderRefuses", clusterId: "test-a-1" }, "b");
    assert.deepEqual(a.sentTo("founderRefuses"), ["b", "c"]);
    assert.equal(a.state.attempt, undefined);
  });

  it("hears nobody but its founders", () => {
    const a = founding();
    a.hear({ kind: "founderRefuses", clusterId: "test-a-1" }, "z");
    a.accepts("z", 9_999);
    assert.equal(a.state.attempt?.quietFrom.size, 1, "its own");
  });
});

describe("a founder that is asked", () => {
  const first = founded("a b c", { cluster: "test-a-1" });
  const accepted = (more: Options = {}) => {
    const b = new Node("b", more);
    b.hear({ kind: "found", view: first }, "a");
    return b;
  };

  it("accepts one attempt, as often as it is asked, and refuses every other", () => {
    const b = accepted();
    b.hear({ kind: "found", view: first }, "a");
    b.hear({ kind: "found", view: { ...first, clusterId: "test-x-1" } }, "x");
    assert.deepEqual([b.sentTo("founderAccepts"), b.sentTo("founderRefuses")], [["a", "a"], ["x"]]);
  });

  it("never accepts what it has refused, also when it is free again", () => {
    const b = accepted();
    const other: View = { ...first, clusterId: "test-x-1" };
    b.hear({ kind: "found", view: other }, "x");
    b.hear({ kind: "founderRefuses", clusterId: "test-a-1" }, "a");
    assert.equal(b.state.attempt, undefined);
    b.hear({ kind: "found", view: other }, "x");
    assert.equal(b.state.attempt, undefined);
  });

  it("reports a first view that is broken, or without itself", () => {
    const b = new Node("b");
    b.hear({ kind: "found", view: founded("a c") }, "a");
    b.hear({ kind: "found", view: { ...first, partitions: [] } }, "a");
    assert.equal(b.did("odd").length, 2);
    assert.equal(b.state.attempt, undefined);
  });

  it("takes the opening view of its attempt only", () => {
    const b = accepted();
    assert.ok(mayInstall(b.state, following(first, {})));
    assert.ok(!mayInstall(b.state, founded("a b c", { cluster: "other" })));
  });

  it("after it asked to join comes back under a new id first", () => {
    const b = new Node("b");
    b.state.hasAskedToJoin = true;
    b.hear({ kind: "found", view: first }, "a");
    assert.deepEqual(b.retired, ["asked-to-join"]);
    const loose = new Node("b", { rules: without("joinerBootstrapsAnew") });
    loose.state.hasAskedToJoin = true;
    loose.hear({ kind: "found", view: first }, "a");
    assert.deepEqual(loose.sentTo("founderAccepts"), ["a"]);
  });

  it("was in a cluster before: with dynamic voters it may only join, with seeds it may found", () => {
    assert.deepEqual(accepted({ wasMember: true }).sentTo("founderRefuses"), ["a"]);
    assert.deepEqual(accepted({ wasMember: true, settings: SEED_SETTINGS }).sentTo("founderAccepts"), ["a"]);
    assert.deepEqual(accepted({ wasMember: true, rules: without("noSecondBootstrap") }).sentTo("founderAccepts"), [
      "a",
    ]);
  });

  it("waits, once it has accepted, for as long as the others may open", () => {
    const b = accepted();
    b.discover("d e");
    b.meet("d e");
    b.pass(9_900);
    assert.deepEqual([b.retired, b.sentTo("founderRefuses")], [[], []]);
    const loose = accepted({ rules: without("noFreeDefection") });
    loose.pass(10_050);
    assert.equal(loose.state.attempt, undefined, "without noFreeDefection it walks away from what may still open");
  });

  it("gives up together with so many that the rest has no quorum", () => {
    const b = accepted();
    b.pass(10_050);
    assert.deepEqual([...new Set(b.sentTo("founderGivesUp"))], ["a", "c"]);
    assert.deepEqual(b.retired, []);
    assert.ok(!mayInstall(b.state, following(first, {})), "it has taken its word back");
    b.hear({ kind: "founderGivesUp", clusterId: "test-a-1" }, "c");
    b.tick(50);
    assert.deepEqual(b.retired, ["attempt-abandoned"]);
  });

  it("counts a founder as having given up when another process answers at its address", () => {
    const b = accepted();
    b.pass(10_050);
    b.hear({ ...hello("c2"), member: member("c2", { address: "c:4000" }) }, "c2");
    b.tick(50);
    assert.deepEqual(b.retired, ["attempt-abandoned"]);
  });

  it("does not count one whose process has been in a cluster since: it may be this very one, and go on", () => {
    const b = accepted();
    b.pass(10_050);
    b.hear({ ...hello("c2"), member: member("c2", { address: "c:4000" }), standing: "joining" }, "c2");
    b.tick(50);
    assert.deepEqual(b.retired, []);
  });

  it("of seeds gives up alone: its attempt dies with it", () => {
    const b = accepted({ settings: SEED_SETTINGS });
    b.pass(10_000);
    assert.deepEqual(b.retired, ["attempt-abandoned"]);
  });

  it("hears of one that has not accepted and never will, and is free", () => {
    const c = new Node("c");
    c.hear({ kind: "founderGivesUp", clusterId: "test-a-1" }, "b");
    assert.deepEqual(c.sentTo("founderRefuses"), ["b"]);
    const b = accepted();
    b.hear({ kind: "founderRefuses", clusterId: "test-a-1" }, "c");
    assert.equal(b.state.attempt, undefined);
  });
});
