/**
 * The way into a cluster and out of one that is dead, message by message.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { mayInstall } from "../../cluster/bootstrap.ts";
import { DISCOVERED_MS, settingsTextOf } from "../../cluster/bootstrap_state.ts";
import { without } from "../../cluster/rules.ts";
import { type Hello, hello, Node, type Options, SEED_SETTINGS, SEEDS } from "./bootstrap_node.ts";
import { member } from "./planned.ts";
import { founded, ids, lacking, SETTINGS } from "./view_values.ts";

describe("a node without a cluster", () => {
  it("greets whom discovery names, and whoever has greeted it", () => {
    const a = new Node("a");
    a.discover("b c");
    a.hear(hello("z"));
    a.tick(50);
    assert.deepEqual(a.greeted, ["b:4000", "c:4000", "z:4000"]);
  });

  it("counts on what discovery named before, for a minute", () => {
    const a = new Node("a");
    a.discover("b c");
    a.nowMs = DISCOVERED_MS;
    a.discover("b");
    assert.equal(a.state.discovered.size, 2);
    a.nowMs++;
    a.discover("b");
    assert.equal(a.state.discovered.size, 1);
  });

  it("founds with those that see each other and itself, when they are more than half of what it discovered", () => {
    const a = new Node("a");
    a.discover("b c d e");
    a.meet("b c");
    a.pass(1_100);
    assert.deepEqual(a.found(), ["a b c"]);
    const few = new Node("a");
    few.discover("b c d e f");
    few.meet("b c");
    few.pass(1_900);
    assert.deepEqual(few.found(), [], "three of six are not more than half");
  });

  it("founds at once when everybody it discovered is there", () => {
    const a = new Node("a");
    a.discover("b c");
    a.meet("b c");
    a.tick(50);
    assert.deepEqual(a.found(), ["a b c"]);
  });

  const notFounders: readonly (readonly [string, Partial<Hello>])[] = [
    ["does not hear it", { sees: ids("c") }],
    ["has other settings", { settings: "other" }],
    ["takes part in another attempt", { attempt: "test-z-1" }],
    ["may only join", { standing: "joining" }],
  ];
  for (const [what, more] of notFounders) {
    it(`does not found with a node that ${what}`, () => {
      const a = new Node("a");
      a.discover("b c");
      a.hear(hello("b", { sees: ids("a b c"), ...more }));
      a.hear(hello("c", { sees: ids("a b c") }));
      a.pass(1_900);
      assert.deepEqual(a.found().filter((founders) => founders.includes("b")), []);
    });
  }

  it("leaves the asking to the lowest id", () => {
    const b = new Node("b");
    b.discover("a c");
    b.meet("a c");
    b.pass(1_900);
    assert.deepEqual(b.found(), []);
  });

  it("waits for as many as it must see", () => {
    const a = new Node("a", { settings: { ...SETTINGS, minimumPeersQuorum: 3 } });
    a.discover("b");
    a.meet("b");
    a.pass(1_900);
    assert.deepEqual(a.found(), []);
  });

  it("says after ten seconds whom it sees", () => {
    const a = new Node("a");
    a.discover("b c");
    a.pass(10_050);
    assert.deepEqual(a.did("timedOut").map((effect) => effect.kind === "timedOut" && effect.reason), [
      "this node sees no other",
    ]);
  });

  it("joins in place of founding when somebody is in a cluster, and whoever serves is asked first", () => {
    const a = new Node("a");
    a.discover("b c d");
    a.hear(hello("b", { clusterId: "old", standing: "frozen" }));
    a.hear(hello("c", { clusterId: "live", standing: "member", isServing: true }));
    a.tick(50);
    assert.deepEqual(a.sentTo("joinRequest"), ["c"]);
    assert.equal(a.state.attempt, undefined);
    assert.ok(mayInstall(a.state, founded("a b c")));
  });

  it("takes no view it did not ask for", () => {
    assert.ok(!mayInstall(new Node("a").state, founded("a b c")));
  });
});

describe("a member", () => {
  const view = founded("a b c", { rule: SEEDS });

  it("passes on who wants to come in, to voters and leader, once", () => {
    const a = new Node("a", { view });
    a.hear({ kind: "joinRequest", member: member("d"), settings: settingsTextOf(SETTINGS) }, "d");
    a.hear({ kind: "joinRequest", member: member("d"), settings: settingsTextOf(SETTINGS) }, "b");
    assert.deepEqual(a.sentTo("joinRequest"), ["b", "c"]);
    assert.equal(a.did("joinWanted").length, 2);
  });

  it("refuses a node with other settings and says which", () => {
    const a = new Node("a", { view });
    a.hear({ kind: "joinRequest", member: member("d"), settings: "other" }, "d");
    const [refused] = a.messages("joinRefused");
    assert.ok(
      refused?.kind === "joinRefused" && /its settings are other, the cluster's are test\|1\|3/.test(refused.reason),
    );
  });

  it("sends its view to whoever is in it, or was removed by it, and does not know", () => {
    const a = new Node("a", { view: lacking(view, "c") });
    for (const name of ["b", "c"]) {
      a.hear({ kind: "joinRequest", member: member(name), settings: settingsTextOf(SETTINGS) }, name);
    }
    assert.deepEqual(a.did("tellView").map((effect) => effect.kind === "tellView" && effect.to), ["b", "c"]);
    assert.equal(a.did("joinWanted").length, 0);
  });

  it("refuses to found another cluster", () => {
    const a = new Node("a", { view });
    a.hear({ kind: "found", view: founded("a z", { cluster: "test-z-1" }) }, "z");
    assert.deepEqual(a.sentTo("founderRefuses"), ["z"]);
  });
});

describe("a member of a cluster of seeds", () => {
  const view = founded("a b c", { rule: SEEDS });
  const frozen = (more: Options = {}) => new Node("a", { view, hasLease: false, settings: SEED_SETTINGS, ...more });
  const another = (name: string, more: Partial<Hello> = {}) =>
    ({ ...hello(`${name}2`, more), member: member(`${name}2`, { address: `${name}:4000` }) }) as const;

  it("gives up at once when other processes at the voters' addresses prove that they cannot come back", () => {
    const a = frozen();
    a.hear(another("b"), "b2");
    a.tick(50);
    assert.deepEqual(a.retired, [], "one of three is not enough");
    a.hear(another("c"), "c2");
    a.tick(50);
    assert.deepEqual(a.retired, ["quorum-lost"]);
  });

  it("never gives up because of silence", () => {
    const a = frozen();
    a.pass(60_000);
    assert.deepEqual(a.retired, []);
  });

  it("never gives up while it holds a lease", () => {
    const a = frozen({ hasLease: true });
    a.hear(another("b"), "b2");
    a.hear(another("c"), "c2");
    a.tick(50);
    assert.deepEqual(a.retired, []);
  });

  it("without provableLoss waits for ever", () => {
    const a = frozen({ rules: without("provableLoss") });
    for (const name of ["b", "c"]) a.hear(another(name), `${name}2`);
    a.pass(1_000);
    assert.deepEqual(a.retired, []);
  });

  it("goes to another cluster of its seeds only when that serves and it has long been frozen", () => {
    const a = frozen();
    const foreign = another("b", { clusterId: "other", isServing: true });
    for (let count = 0; count < 6; count++) {
      a.hear(foreign, "b2");
      a.pass(1_000);
    }
    assert.deepEqual(a.retired, []);
    assert.ok(a.did("foreign").length > 0);
    a.hear(foreign, "b2");
    a.pass(1_000);
    assert.deepEqual([...new Set(a.retired)], ["foreign-cluster"]);
  });

  it("with dynamic voters reports the other cluster and stays", () => {
    const a = new Node("a", { view: founded("a b c"), hasLease: false });
    for (let count = 0; count < 20; count++) {
      a.hear(another("b", { clusterId: "other", isServing: true }), "b2");
      a.pass(1_000);
    }
    assert.deepEqual(a.retired, []);
  });
});
