/**
 * The owner of a partition: when it answers, what, and how its backups follow.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { epoch, nodeId, type Partition } from "../../core/ids.ts";
import { OPERATIONS_MAX } from "../../cluster/owner.ts";
import { writeQuorumOf } from "../../cluster/partition_state.ts";
import { without } from "../../cluster/rules.ts";
import { following, founded, SETTINGS } from "./view_values.ts";
import { active, moving } from "./planned.ts";
import { claim, get, type NetOptions, P, PartitionNet, remove, wrote } from "./partition_net.ts";

const view = founded("a b c");
const nobody = () => false;

describe("a write", () => {
  it("is answered when a quorum of copies has it, the owner's included", () => {
    const net = new PartitionNet(view);
    net.request("b", "a", 1, [claim("k")]);
    assert.equal(net.answer(1), "");
    net.deliver(({ to }) => to !== "c");
    assert.equal(net.answer(1), "ok 1.1");
    assert.deepEqual([net.copy("b").seq, net.copy("c").seq], [1, 0]);
  });

  it("without enough copies ends indeterminate after the time for it, and stays", () => {
    const net = new PartitionNet(view);
    net.request("b", "a", 1, [claim("k")]);
    net.pass(950, nobody);
    assert.equal(net.answer(1), "");
    net.pass(50, nobody);
    assert.equal(net.answer(1), "no-quorum?");
    net.pass(300);
    net.request("c", "a", 2, [get("k")]);
    assert.equal(net.answer(2), "k@1.1");
  });

  it("is announced to those above when it counts, not before", () => {
    const net = new PartitionNet(view);
    net.request("b", "a", 1, [claim("k")]);
    assert.deepEqual(net.reported("entry"), []);
    net.deliver();
    assert.equal(net.reported("entry").length, 1);
  });

  it("of several operations is one change each and one answer for all, when the last may be answered", () => {
    const net = new PartitionNet(view);
    net.request("b", "a", 1, [claim("k"), claim("l"), claim("k", "c")]);
    net.deliver();
    assert.equal(net.answer(1), "ok 1.1, ok 1.2, conflict k@1.1");
  });

  it("needs a majority of its group, whatever the settings say", () => {
    const needs = [1, 2, 3, 4, 5].map((count) => writeQuorumOf(count, SETTINGS));
    assert.deepEqual(needs, [1, 2, 2, 3, 3]);
    assert.equal(writeQuorumOf(3, { ...SETTINGS, writeQuorum: 1 }), 2);
    assert.equal(writeQuorumOf(3, { ...SETTINGS, writeQuorum: 3 }), 3);
  });

  it("that is sent again by its holder is recognised, also when it came as another request", () => {
    const net = wrote("k");
    net.request("b", "a", 7, [claim("k")]);
    assert.equal(net.answer(7), "ok 1.1");
  });

  it("under somebody else's operation id is a conflict", () => {
    const net = wrote("k");
    net.request("c", "a", 1, [claim("k", "c", "b claims k")]);
    assert.equal(net.answer(1), "conflict k@1.1");
    const loose = wrote("k", { rules: without("holderCheck") });
    loose.request("c", "a", 1, [claim("k", "c", "b claims k")]);
    assert.equal(loose.answer(1), "ok 1.1", "without holderCheck it is mistaken for its own");
  });

  it("is refused as full when the table is", () => {
    const net = new PartitionNet(view, { tableBytes: 600 });
    const filled = ["k", "l", "m", "n"].map((key) => claim(key));
    net.request("b", "a", 1, filled);
    net.deliver();
    assert.match(net.answer(1), /^ok 1\.1, .*full$/);
    net.request("b", "a", 2, [remove("k", [1, 1])]);
    net.deliver();
    assert.match(net.answer(2), /^ok /, "what frees memory is taken");
  });
});

describe("an answer waits for the write it depends on:", () => {
  const uncommitted = (options: NetOptions = {}) => {
    const net = wrote("k", options);
    net.request("b", "a", 2, [remove("k", [1, 1]), claim("l")]);
    return net;
  };
  const waits: readonly (readonly [string, Parameters<PartitionNet["request"]>[3], string])[] = [
    ["a read of an entry that is not stored yet", [get("l")], "l@1.3"],
    ["a read of a name whose deletion is not", [get("k")], "none"],
    ["a conflict with an entry that is not", [claim("l", "c")], "conflict l@1.3"],
    ["a conflict with a deletion that is not", [remove("k", [1, 1])], "conflict none"],
    [
      "the deletion of what is deleted already, but not for good",
      [{ kind: "cas", key: "k", expect: "absent", record: null, opId: "o" }],
      "ok 1.3",
    ],
    ["a read of a name nobody has, for its deletion may be among those", [get("z")], "none"],
  ];
  for (const [what, operations, text] of waits) {
    it(what, () => {
      const net = uncommitted();
      net.request("c", "a", 9, operations);
      assert.equal(net.answer(9), "");
      net.deliver();
      assert.equal(net.answer(9), text);
    });
  }

  it("a read of anything else is answered at once", () => {
    const net = wrote("k");
    net.request("b", "a", 2, [claim("l")]);
    net.request("c", "a", 9, [get("k")]);
    assert.equal(net.answer(9), "k@1.1");
  });

  it("without replyAfterCommit it does not, and shows what may be lost", () => {
    const net = new PartitionNet(view, { rules: without("replyAfterCommit") });
    net.request("b", "a", 1, [claim("k")]);
    assert.equal(net.answer(1), "ok 1.1");
  });

  it("without quorumWrite the owner's copy is enough", () => {
    const net = new PartitionNet(view, { rules: without("quorumWrite") });
    net.request("b", "a", 1, [claim("k")]);
    assert.equal(net.answer(1), "ok 1.1");
    assert.equal(net.copy("b").seq, 0);
  });
});

describe("a request that comes again", () => {
  it("while it waits is one request, answered under the epoch of its last copy", () => {
    const net = new PartitionNet(view);
    for (let count = 0; count < 3; count++) net.request("b", "a", 1, [claim("k")]);
    net.deliver();
    assert.equal(net.answers.length, 1);
    assert.equal(net.copy("a").seq, 1);
  });

  it("after its answer gets the same answer and is not run, whatever has happened since", () => {
    const net = wrote("k");
    net.request("c", "a", 2, [remove("k", [1, 1])]);
    net.deliver();
    net.request("b", "a", 1, [claim("k")]);
    assert.equal(net.answer(1), "ok 1.1");
    net.request("c", "a", 3, [get("k")]);
    assert.equal(net.answer(3), "none");
  });

  it("without the rule is run again: a claim that was released comes back", () => {
    const net = wrote("k", { rules: without("requestsOnce") });
    net.request("c", "a", 2, [remove("k", [1, 1])]);
    net.deliver();
    net.request("b", "a", 1, [claim("k")]);
    net.deliver();
    assert.equal(net.answer(1), "ok 1.3");
  });

  it("from before the oldest its sender waits for is not run", () => {
    const net = wrote("k");
    net.request("b", "a", 5, [get("k")], { oldest: 5 });
    const { length } = net.answers;
    net.request("b", "a", 1, [claim("k")], { oldest: 1 });
    assert.equal(net.answers.length, length);
  });

  it("and was sent under a view older than the configuration is refused", () => {
    const net = wrote("k");
    net.install(
      following(view, { partitions: [moving(1, ["a", "b", "c"], { cfg: 2, group: ["b", "a", "c"], why: "move" })] }),
    );
    net.pass(500);
    net.install(following(net.view, { partitions: [active(2, "b", "a", "c")] }));
    net.request("c", "b", 1, [get("k")], { epoch: 2 });
    assert.equal(net.answer(1), "moving");
    net.request("c", "b", 1, [get("k")], { epoch: 3 });
    assert.equal(net.answer(1), "k@1.1");
  });

  it("is not run again by its owner under the next configuration, however new its sender's view was", () => {
    const net = wrote("k");
    const grown = { cfg: 2, group: ["a", "b", "c"], why: "grow" } as const;
    const second = following(view, { partitions: [moving(1, ["a", "b", "c"], grown)] });
    // Its client has the second view already, the owner has not.
    net.request("b", "a", 2, [claim("other")], { epoch: 2 });
    net.request("b", "a", 3, [remove("other", [1, 2])], { epoch: 2 });
    net.deliver();
    assert.deepEqual([net.answer(2), net.answer(3)], ["ok 1.2", "ok 1.3"]);
    net.install(second);
    net.pass(500);
    net.install(following(net.view, { partitions: [active(2, "a", "b", "c")] }));
    net.request("b", "a", 2, [claim("other")], { epoch: 2, oldest: 2 });
    net.request("c", "a", 4, [get("other")]);
    net.deliver();
    assert.deepEqual([net.answer(2), net.answer(4)], ["moving", "none"]);
  });

  it("is run again by the owner of a later configuration, which remembers none of the earlier: a known limit", () => {
    const net = wrote("k");
    const place = moving(1, ["a", "b", "c"], { cfg: 2, group: ["b", "a", "c"], why: "move" });
    net.install(following(view, { partitions: [place] }));
    net.pass(500);
    net.install(following(net.view, { partitions: [active(2, "b", "a", "c")] }));
    net.request("b", "b", 1, [claim("k")]);
    assert.equal(net.answer(1), "ok 1.1", "while the entry is there it is recognised");
    net.request("c", "b", 2, [remove("k", [1, 1])]);
    net.deliver();
    net.request("a", "b", 1, [claim("k")]);
    net.deliver();
    assert.equal(net.answer(1), "ok 2.2");
  });

  it("after it was turned away as busy is run", () => {
    const net = new PartitionNet(view);
    for (let batch = 0; batch < 4; batch++) {
      net.request("c", "a", batch, Array.from({ length: 256 }, (_, index) => claim(`x${batch}.${index}`, "c")), {
        oldest: 0,
      });
    }
    net.request("b", "a", 1, [claim("k")]);
    assert.equal(net.answer(1), "busy");
    net.pass(200);
    net.request("b", "a", 1, [claim("k")]);
    net.deliver();
    assert.equal(net.answer(1), "ok 1.1025");
  });

  it("after it was answered as indeterminate is not run a second time", () => {
    const net = new PartitionNet(view);
    net.request("b", "a", 1, [claim("k")]);
    net.pass(1_000, nobody);
    assert.equal(net.answer(1), "no-quorum?");
    net.pass(500); // The copies arrive after all, and the write counts.
    net.request("c", "a", 1, [get("k")]);
    assert.equal(net.answer(1), "k@1.1", "somebody has seen it");
    net.request("c", "a", 2, [remove("k", [1, 1])]);
    net.deliver();
    net.request("b", "a", 1, [claim("k")]);
    net.deliver();
    net.request("c", "a", 3, [get("k")]);
    assert.equal(net.answer(3), "none", "so it must not happen again");
  });
});

describe("an owner refuses", () => {
  it("without a lease", () => {
    const net = new PartitionNet(view);
    net.lease("a", false);
    net.request("b", "a", 1, [get("k")]);
    assert.equal(net.answer(1), "lease");
    const loose = new PartitionNet(view, { rules: without("ownerLease") });
    loose.lease("a", false);
    loose.request("b", "a", 1, [get("k")]);
    assert.equal(loose.answer(1), "none", "without ownerLease it answers");
  });

  it("when it is not the owner", () => {
    const net = new PartitionNet(view);
    net.request("c", "b", 1, [get("k")]);
    assert.equal(net.answer(1), "moving");
  });

  it("once its own copy is sealed for another configuration", () => {
    const net = new PartitionNet(view);
    net.hear("b", "a", { kind: "seal", partition: P, cfg: epoch(2) });
    net.request("c", "a", 1, [get("k")]);
    assert.equal(net.answer(1), "moving");
  });

  it("requests of nothing and of too much", () => {
    const net = new PartitionNet(view);
    net.request("c", "a", 1, []);
    net.request("c", "a", 2, Array.from({ length: OPERATIONS_MAX + 1 }, (_, index) => get(`x${index}`)));
    assert.equal(net.answer(2).split(", ")[0], "busy");
    assert.equal(net.copy("a").seq, 0);
  });

  it("to hear strangers, and reports partitions that do not exist", () => {
    const net = new PartitionNet(view);
    net.request("z", "a", 1, [get("k")]);
    assert.deepEqual(net.answers, []);
    const partition = 7 as Partition;
    net.hear("b", "a", { kind: "seal", partition, cfg: epoch(2) });
    assert.deepEqual(net.done.at(-1)?.[1], { kind: "odd", from: nodeId("b"), reason: "there is no partition 7" });
  });

  it("to go on when the view names another: those who wait hear that nobody knows", () => {
    const net = new PartitionNet(view);
    net.request("b", "a", 1, [claim("k")]);
    net.request("c", "a", 2, [get("k")]);
    net.queue = [];
    net.install(following(view, { partitions: [active(2, "b", "c", "a")] }));
    assert.deepEqual([net.answer(1), net.answer(2)], ["moving?", "moving"]);
    assert.deepEqual(net.reported("duty").map((effect) => effect.kind === "duty" && effect.isOn), [false]);
  });
});
