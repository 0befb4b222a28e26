/**
 * The way into a cluster and out of one that is dead, message by message.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { epoch, nodeId } from "../../core/ids.ts";
import { seededRandom } from "../../core/random.ts";
import { bootstrapMessage, createBootstrap, discovered, mayInstall, tickBootstrap } from "../../cluster/bootstrap.ts";
import {
  type Bootstrap,
  type BootstrapEffect,
  DISCOVERED_MS,
  type Membership,
  settingsTextOf,
} from "../../cluster/bootstrap_state.ts";
import { ALL_RULES, type Rules, without } from "../../cluster/rules.ts";
import type { ClusterSettings } from "../../cluster/settings.ts";
import type { Member, QuorumRule, View } from "../../cluster/view.ts";
import type { BootstrapMessage } from "../../cluster/view_protocol.ts";
import { active, member } from "./planned.ts";
import { at, following, founded, ids, lacking, SETTINGS, TIMES } from "./view_values.ts";

const SEEDS: QuorumRule = { kind: "seeds", seeds: ["a:4000", "b:4000", "c:4000"] };
const seeds: ClusterSettings = { ...SETTINGS, rule: SEEDS };

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
      "1 nodes see each other",
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
    assert.deepEqual(accepted({ wasMember: true, settings: seeds }).sentTo("founderAccepts"), ["a"]);
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

  it("of seeds gives up alone: its attempt dies with it", () => {
    const b = accepted({ settings: seeds });
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
  const frozen = (more: Options = {}) => new Node("a", { view, hasLease: false, settings: seeds, ...more });
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

type Hello = BootstrapMessage & { readonly kind: "hello" };

interface Options {
  readonly settings?: ClusterSettings;
  readonly rules?: Rules;
  readonly wasMember?: boolean;
  readonly bornMs?: number;
  readonly view?: View;
  readonly hasLease?: boolean;
}

/** One bootstrap machine, with what it did. */
class Node {
  readonly state: Bootstrap;
  readonly effects: BootstrapEffect[] = [];
  nowMs = 0;
  readonly #membership: Membership;

  constructor(name: string, options: Options = {}) {
    const { settings = SETTINGS, rules = ALL_RULES, wasMember = false, bornMs = 0, view, hasLease = true } = options;
    this.#membership = { view, hasLease: view !== undefined && hasLease };
    this.state = createBootstrap({
      self: { ...member(name), joinEpoch: epoch(0) },
      settings,
      timings: TIMES,
      rules,
      random: seededRandom(1),
      bornAt: at(bornMs),
      processStartedAt: at(0),
      wasMember,
      initialPlaces: (founders: readonly Member[]) => [active(1, ...founders.map(({ id }) => id))],
    });
  }

  discover(names: string): void {
    discovered(this.state, names.split(" ").map((name) => `${name}:4000`), at(this.nowMs));
  }

  /** These and this node all see each other, and go on doing so while time passes. */
  meet(names: string): void {
    const all = [...ids(names), this.state.options.self.id];
    this.#keep = () => ids(names).forEach((id) => this.hear(hello(id, { sees: all })));
    this.#keep();
  }

  #keep: () => void = () => {};

  hear(message: BootstrapMessage, from = message.kind === "hello" ? message.member.id : ""): void {
    bootstrapMessage(this.state, nodeId(from), message, this.#membership, at(this.nowMs), this.effects);
  }

  accepts(from: string, quietMs: number): void {
    this.hear({ kind: "founderAccepts", clusterId: "test-a-1", quietMs }, from);
  }

  tick(ms = 0): void {
    this.nowMs += ms;
    tickBootstrap(this.state, this.#membership, at(this.nowMs), this.effects);
  }

  pass(ms: number): void {
    for (const end = this.nowMs + ms; this.nowMs < end;) {
      if (this.nowMs % 500 === 0) this.#keep();
      this.tick(50);
    }
  }

  did(kind: BootstrapEffect["kind"]): readonly BootstrapEffect[] {
    return this.effects.filter((effect) => effect.kind === kind);
  }

  messages(kind: BootstrapMessage["kind"]): readonly BootstrapMessage[] {
    return this.effects.flatMap((effect) =>
      effect.kind === "send" && effect.message.kind === kind ? [effect.message] : []
    );
  }

  sentTo(kind: BootstrapMessage["kind"]): readonly string[] {
    return this.effects.flatMap((effect) => effect.kind === "send" && effect.message.kind === kind ? [effect.to] : []);
  }

  get greeted(): readonly string[] {
    return this.effects.flatMap((effect) => effect.kind === "greet" ? [effect.address] : []);
  }

  get retired(): readonly string[] {
    return this.effects.flatMap((effect) => effect.kind === "retire" ? [effect.reason] : []);
  }

  /** The founders it has asked, each set once. */
  found(): readonly string[] {
    const asked = this.messages("found").map((message) => {
      return message.kind === "found" ? message.view.members.map(({ id }) => id).join(" ") : "";
    });
    return [...new Set(asked)];
  }
}

/** `a` has just asked `b` and `c`. */
function founding(more: Options = {}): Node {
  const a = new Node("a", more);
  a.discover("b c");
  a.meet("b c");
  a.tick(50);
  assert.equal(a.state.attempt?.view.clusterId, "test-a-1");
  return a;
}

function hello(name: string, more: Partial<Hello> = {}): Hello {
  return {
    kind: "hello",
    member: { ...member(name), joinEpoch: epoch(0) },
    standing: "founding",
    clusterId: "",
    attempt: "",
    sees: [],
    settings: settingsTextOf(SETTINGS),
    isServing: false,
    wantsAnswer: false,
    ...more,
  };
}
