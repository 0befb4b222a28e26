/**
 * How a partition comes to a new configuration: what it needs of the old one, and what becomes of it when that is lost.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { epoch, type NodeId, nodeId } from "../../core/ids.ts";
import { serving } from "../../cluster/owner.ts";
import { type RuleName, without } from "../../cluster/rules.ts";
import type { View } from "../../cluster/view.ts";
import { active, moving } from "./planned.ts";
import { claim, get, type NetOptions, P, PartitionNet } from "./partition_net.ts";
import { entry, following, founded, SETTINGS } from "./view_values.ts";

const NAMES = ["a", "b", "c", "d", "e"];

describe("a move", () => {
  it("seals, fetches, installs, reports, and serves when the view says so", () => {
    const net = withEntries(5);
    const kinds: string[] = [];
    net.install(movingTo(net.view, "d b c", "move"));
    net.pass(100, ({ message }) => kinds.push(message.kind) > 0);
    assert.deepEqual([...new Set(kinds)], ["seal", "sealed", "fetch", "fetched", "install", "stored", "ready"]);
    assert.ok(net.reported("recovered").length > 0);
    assert.equal(serving(net.at("d"), P), "moving");
    assert.equal(serving(net.at("a"), P), "moving", "the old owner is sealed");
    net.install(activated(net.view));
    net.request("a", "d", 9, [get("k1"), get("k5")]);
    assert.equal(net.answer(9), "k1@1.1, k5@1.5");
  });

  it("waits for the old owner while that is a member", () => {
    const net = withEntries(1);
    net.install(movingTo(net.view, "d b c", "move"));
    net.pass(3_000, ({ to }) => to !== "a");
    assert.equal(net.reported("recovered").length, 0);
    assert.deepEqual(accused(net), ["a"]);
    const loose = withEntries(1, { rules: without("sealOwner") });
    loose.install(movingTo(loose.view, "d b c", "move"));
    loose.pass(3_000, ({ to }) => to !== "a");
    assert.notEqual(loose.reported("recovered").length, 0, "without sealOwner two would serve");
  });

  it("takes the copy that is furthest", () => {
    const net = new PartitionNet(founded("a b c d"));
    net.request("b", "a", 1, [claim("k")]);
    net.deliver(({ to }) => to !== "b");
    net.crash("a");
    net.install(movingTo(lossOf(net.view, "a"), "b c d", "loss"));
    net.pass(500);
    assert.ok(net.copy("b").entries.has("k"));
    assert.equal(net.copy("b").est, 2);
  });

  it("that another takes the place of ends, and the newer one takes over", () => {
    const net = withEntries(3);
    net.install(movingTo(net.view, "d b c", "move"));
    net.deliver(({ message }) => message.kind === "seal");
    net.install(movingTo(net.view, "b d c", "move"));
    net.pass(500);
    net.install(activated(net.view));
    net.request("c", "b", 9, [get("k3")]);
    assert.equal(net.answer(9), "k3@1.3");
    assert.equal(net.at("d").incoming.size, 0);
  });

  it("goes on when members of the new group are silent, as long as a quorum of it is there", () => {
    const net = withEntries(3);
    net.install(movingTo(net.view, "d b c", "move"));
    net.pass(500, ({ to, message }) => !(to === "c" && message.kind === "install"));
    assert.ok(net.reported("recovered").length > 0);
    net.install(activated(net.view));
    net.pass(1_000);
    assert.equal(net.copy("c").digest, net.copy("d").digest, "who missed it is brought up later");
  });

  it("away from a node frees what it kept, and leaves its seal", () => {
    const net = withEntries(3);
    net.install(movingTo(net.view, "d b c", "move"));
    net.pass(500);
    net.install(activated(net.view));
    assert.deepEqual([net.copy("a").entries.size, net.copy("a").sealed], [0, 2]);
  });

  it("without activateThroughView serves before anybody knows", () => {
    const net = withEntries(1, { rules: without("activateThroughView") });
    net.install(movingTo(net.view, "d b c", "move"));
    net.pass(500);
    net.request("b", "d", 9, [get("k1")]);
    assert.equal(net.answer(9), "k1@1.1");
  });

  it("hears only the members of its group, and only of its own configuration", () => {
    const net = withEntries(1);
    net.install(movingTo(net.view, "d b c", "move"));
    net.deliver(() => false);
    const { seals } = net.at("d").incoming.get(P) ?? assert.fail();
    net.hear("a", "d", { kind: "sealed", partition: P, cfg: epoch(7), est: epoch(1), seq: 1 });
    net.hear("z", "d", { kind: "sealed", partition: P, cfg: epoch(2), est: epoch(1), seq: 1 });
    assert.equal(seals.size, 0);
  });
});

/** For a group of each size: which losses at once leave every acknowledged write, and which are announced as a loss. */
describe("of a group of", () => {
  const table: readonly (readonly [number, string])[] = [
    [1, "a"],
    [2, "ab"],
    [3, "ab ac abc"],
    [5, "abc abd abe acd ace ade abcd abce abde acde abcde"],
  ];
  for (const [size, rebuilt] of table) {
    it(`${size}, the losses that need a rebuild are ${rebuilt}, and all others keep every acknowledged write`, () => {
      const found: string[] = [];
      for (let bits = 1; bits < 1 << size; bits++) {
        const lost = NAMES.slice(0, size).filter((_, index) => (bits >> index) & 1).join("");
        if (isRebuilt(size, lost)) found.push(lost);
      }
      assert.deepEqual(found.sort(), rebuilt.split(" ").sort());
    });
  }

  it("3, without sealCoverage one copy is believed, and an acknowledged write is gone", () => {
    assert.throws(() => isRebuilt(3, "ab", without("sealCoverage")), /has the write/);
  });
});

describe("P1: a copy that was promised and never fetched", () => {
  /** The write is with a and b only; a is lost, then b, before c has its copy. */
  const run = (rule: RuleName | undefined) => {
    const net = new PartitionNet(founded("a b c d"), rule === undefined ? {} : { rules: without(rule) });
    net.request("d", "a", 1, [claim("k", "d")]);
    net.deliver(({ to }) => to !== "c");
    assert.equal(net.answer(1), "ok 1.1");
    net.held.set(nodeId("d"), [{ entry: entry("k", [1, 1], "d") }]);
    net.crash("a");
    net.install(movingTo(lossOf(net.view, "a"), "c d", "loss"));
    net.deliver(({ message }) => message.kind === "seal" || message.kind === "sealed");
    assert.equal(net.at("c").incoming.get(P)?.phase, "fetch");
    net.crash("b");
    net.install({ ...lossOf(net.view, "b"), partitions: net.view.partitions });
    net.pass(1_000);
    net.install(activated(net.view));
    return net;
  };

  it("does not count once its node is gone: the partition is built anew from what holders hold, and that is announced", () => {
    const net = run(undefined);
    assert.equal(net.reported("dataLoss").length, 1);
    net.request("d", "c", 9, [get("k")]);
    assert.equal(net.answer(9), "k@1.1");
  });

  it("without refetchAfterLoss is replaced by the next best, and an acknowledged write is gone without a word", () => {
    const net = run("refetchAfterLoss");
    assert.equal(net.reported("dataLoss").length, 0);
    net.request("d", "c", 9, [get("k")]);
    assert.equal(net.answer(9), "none");
  });
});

describe("a partition that is built anew", () => {
  const rebuilt = (held: readonly (readonly [string, ReturnType<typeof entry>])[], silent = "") => {
    const net = new PartitionNet(founded("a b c d e"));
    net.request("d", "a", 1, [claim("k", "d"), claim("dead", "a"), claim("given_up", "e")]);
    net.deliver();
    for (const [name, one] of held) net.held.set(nodeId(name), [...net.held.get(nodeId(name)) ?? [], { entry: one }]);
    for (const name of ["a", "b"]) net.crash(name);
    net.install(movingTo(lossOf(net.view, "ab"), "c d e", "loss"));
    net.pass(3_000, ({ to }) => to !== silent);
    return net;
  };

  it("has what live holders report, and what the best copy remembers of dead ones", () => {
    const net = rebuilt([["d", entry("k", [1, 1], "d")], ["e", entry("late", [1, 7], "e")]]);
    net.install(activated(net.view));
    net.request("d", "c", 9, ["k", "dead", "given_up", "late"].map(get));
    assert.equal(net.answer(9), "k@1.1, dead@1.2, none, late@1.7");
    assert.deepEqual(net.reported("dataLoss").map((one) => one.kind === "dataLoss" && one.recovered), [2]);
  });

  it("takes the newer of two reports of one name", () => {
    for (const [first, second] of [[3, 8], [8, 3]] as const) {
      const net = rebuilt([["d", entry("k", [1, first], "d")], ["e", entry("k", [1, second], "e")]]);
      net.install(activated(net.view));
      net.request("d", "c", 9, [get("k")]);
      assert.equal(net.answer(9), "k@1.8");
    }
  });

  it("waits for the report of every member, and accuses whoever is silent", () => {
    const net = rebuilt([], "e");
    assert.equal(net.reported("dataLoss").length, 0);
    assert.ok(accused(net).includes(nodeId("e")));
  });

  it("is asked for only by whom the view lets take it over", () => {
    const net = new PartitionNet(founded("a b c d"));
    net.hear("d", "b", { kind: "holdingsRequest", partition: P, cfg: epoch(2) });
    assert.equal(net.reported("holdingsWanted").length, 0);
  });
});

/** Loses nodes of a group at once, after a write with as few copies as are needed; whether that was a rebuild. */
function isRebuilt(size: number, lost: string, rules = without()): boolean {
  const group = NAMES.slice(0, size);
  const settings = { ...SETTINGS, replicaCount: size, writeQuorum: Math.floor(size / 2) + 1 };
  const view = founded([...group, "x", "y"].join(" "), { partitions: [active(1, ...group)] });
  const net = new PartitionNet(view, { settings, rules });
  const stored = new Set(group.slice(0, settings.writeQuorum));
  net.request("x", "a", 1, [claim("k", "x")]);
  net.deliver(({ to }) => stored.has(to) || to === "x");
  assert.equal(net.answer(1), "ok 1.1");
  for (const name of lost) net.crash(name);
  const left = group.filter((name) => !lost.includes(name)).reverse();
  net.install(movingTo(lossOf(net.view, lost), [...left, "x", "y"].slice(0, Math.max(1, size)).join(" "), "loss"));
  net.pass(1_000);
  assert.notEqual(net.reported("recovered").length, 0, `${lost} lost: it goes on`);
  const isLoss = net.reported("dataLoss").length > 0;
  const owner = net.view.partitions[0]?.next?.group[0] ?? "";
  if (!isLoss) assert.ok(net.copy(owner).entries.has("k"), `${lost} lost: ${owner} has the write`);
  return isLoss;
}

/** Five entries and so on, `k1` first, in a partition of a, b, c; d has nothing. */
function withEntries(count: number, options: NetOptions = {}): PartitionNet {
  const net = new PartitionNet(founded("a b c d"), options);
  for (let number = 1; number <= count; number++) net.request("b", "a", number, [claim(`k${number}`)]);
  net.deliver();
  return net;
}

function lossOf(view: View, lost: string): View {
  return following(view, { members: view.members.filter(({ id }) => !lost.includes(id)) }, { name: `without ${lost}` });
}

/** The partition begins a transition with this very view, or (when it only lost members) with the next. */
function movingTo(view: View, group: string, why: "loss" | "move"): View {
  const [place] = view.partitions;
  assert.ok(place !== undefined);
  const next = why === "loss" ? view : following(view, {});
  const begun = moving(place.cfg, place.group, { cfg: next.epoch, group: group.split(" "), why });
  return { ...next, partitions: [begun] };
}

function activated(view: View): View {
  const next = view.partitions[0]?.next;
  assert.ok(next !== undefined);
  return following(view, { partitions: [active(next.cfg, ...next.group)] });
}

function accused(net: PartitionNet): readonly NodeId[] {
  const all = net.reported("accused").map((one) => one.kind === "accused" ? one.subject : nodeId(""));
  return [...new Set(all)];
}
