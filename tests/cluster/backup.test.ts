/**
 * Backups: how they follow their owner, and what they confirm.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { epoch } from "../../core/ids.ts";
import { without } from "../../cluster/rules.ts";
import { claim, get, P, PartitionNet, type Sent, wrote } from "./partition_net.ts";
import { active } from "./planned.ts";
import { entry, following, founded, ids, SETTINGS } from "./view_values.ts";

const view = founded("a b c");

describe("a backup that is behind", () => {
  it("is sent what it lacks until it has it", () => {
    const net = new PartitionNet(view);
    for (let number = 1; number <= 5; number++) net.request("b", "a", number, [claim(`k${number}`)]);
    net.deliver(({ to }) => to !== "c");
    assert.deepEqual([net.copy("b").seq, net.copy("c").seq], [5, 0]);
    net.pass(500);
    assert.deepEqual([net.copy("c").seq, net.copy("c").digest], [5, net.copy("a").digest]);
  });

  it("is sent a whole copy when the changes it lacks are no longer kept", () => {
    const net = new PartitionNet(view, { changesKept: 4 });
    const toC: string[] = [];
    for (let number = 1; number <= 20; number++) {
      net.request("b", "a", number, [claim(`k${number}`)]);
      net.deliver(({ to }) => to !== "c");
    }
    net.pass(2_000, (sent) => note(sent, toC));
    assert.deepEqual([net.copy("c").seq, net.copy("c").digest], [20, net.copy("a").digest]);
    assert.ok(toC.filter((kind) => kind === "sync").length >= 10, "in chunks of two entries");
  });

  it("says nothing about its changes while a whole copy is on its way", () => {
    for (const [rules, answers] of [[undefined, 0], [without("syncIsQuiet"), 1]] as const) {
      const net = new PartitionNet(view, rules === undefined ? {} : { rules });
      const entries = [entry("k", [1, 1])];
      net.hear("a", "c", { kind: "sync", partition: P, cfg: epoch(1), snapshot: 9, index: 0, count: 2, entries });
      net.queue = [];
      net.hear("a", "c", { kind: "replicate", partition: P, cfg: epoch(1), first: 10, changes: [] });
      assert.equal(net.queue.length, answers);
    }
  });

  it("whose copy differs at the same place is reported, and gets a whole one", () => {
    const net = wrote("k");
    net.deliver();
    net.copy("c").digest++;
    net.pass(61_000);
    assert.match(JSON.stringify(net.reported("odd")), /differs from ours at 1\.1/);
    assert.equal(net.copy("c").digest, net.copy("a").digest);
  });

  it("goes on after a chunk of a copy that it has already", () => {
    const net = new PartitionNet(view);
    for (let number = 1; number <= 4; number++) net.request("b", "a", number, [claim(`k${number}`)]);
    net.deliver();
    const entries = [...net.copy("a").entries.values()].slice(0, 2);
    net.hear("a", "c", { kind: "sync", partition: P, cfg: epoch(1), snapshot: 4, index: 0, count: 2, entries });
    net.request("b", "a", 5, [claim("k5")]);
    net.pass(1_000);
    assert.equal(net.copy("c").seq, 5);
  });

  it("is not taken back behind what it has acknowledged by a copy that comes late, whatever is on its way", () => {
    const net = new PartitionNet(view);
    for (let number = 1; number <= 4; number++) net.request("b", "a", number, [claim(`k${number}`)]);
    net.deliver();
    const all = [...net.copy("a").entries.values()];
    const chunk = (snapshot: number, index: number, count: number) => {
      const entries = all.slice(2 * index, 2 * index + 2);
      net.hear("a", "c", { kind: "sync", partition: P, cfg: epoch(1), snapshot, index, count, entries });
    };
    chunk(4, 0, 2);
    net.request("b", "a", 5, [claim("k5")]);
    net.deliver(({ to }) => to !== "b");
    assert.equal(net.answer(5), "ok 1.5", "with the copies of a and c");
    chunk(4, 1, 2);
    assert.equal(net.copy("c").seq, 5);
    chunk(9, 0, 3);
    chunk(2, 0, 1);
    assert.equal(net.copy("c").seq, 5);
  });

  it("is not compared with the state of the next configuration, which its owner has already", () => {
    const net = new PartitionNet(founded("a b c", { partitions: [active(1, ...ids("a b"))] }));
    net.request("b", "a", 1, [claim("k")]);
    net.deliver(({ message }) => message.kind !== "replicate");
    const next = { cfg: epoch(2), group: ids("a c"), why: "move" } as const;
    net.install(following(net.view, { partitions: [{ ...active(1, ...ids("a b")), next }] }));
    net.pass(61_000, ({ message }) => message.kind !== "replicate" && message.kind !== "seal");
    assert.deepEqual([net.copy("a").est, net.copy("b").est], [2, 1]);
    assert.deepEqual(net.reported("odd"), []);
  });

  it("and sealed takes nothing of the old configuration", () => {
    const net = new PartitionNet(view);
    for (const name of ["b", "c"]) net.hear("a", name, { kind: "seal", partition: P, cfg: epoch(2) });
    net.queue = [];
    net.request("b", "a", 1, [claim("k")]);
    net.pass(1_100);
    assert.equal(net.answer(1), "no-quorum?");
  });
});

describe("with a read quorum of 2", () => {
  const settings = { ...SETTINGS, readQuorum: 2 };

  it("a read is answered when a backup confirms that its owner is still the owner", () => {
    const net = wrote("k", { settings });
    net.request("c", "a", 2, [get("k")]);
    assert.equal(net.answer(2), "");
    net.deliver(({ to }) => to !== "c");
    assert.equal(net.answer(2), "k@1.1");
  });

  it("an owner whose backups were sealed answers no read, lease or not", () => {
    const net = wrote("k", { settings });
    for (const name of ["b", "c"]) net.hear("a", name, { kind: "seal", partition: P, cfg: epoch(2) });
    net.request("c", "a", 2, [get("k")]);
    net.pass(1_000);
    assert.equal(net.answer(2), "no-quorum");
  });
});

function note({ to, message }: Sent, kinds: string[]): boolean {
  if (to === "c") kinds.push(message.kind);
  return true;
}
