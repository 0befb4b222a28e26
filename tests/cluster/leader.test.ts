/**
 * What a leader drafts, and when it is its turn.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { epoch, nodeId } from "../../core/ids.ts";
import { seededRandom } from "../../core/random.ts";
import {
  createLeader,
  isLeading,
  type Leader,
  type LeaderInput,
  type Proposing,
  stepLeader,
} from "../../cluster/leader.ts";
import type { Placed, View } from "../../cluster/view.ts";
import { P } from "./partition_net.ts";
import { active, member, moving } from "./planned.ts";
import { at, following, founded, lacking, SETTINGS, TIMES } from "./view_values.ts";

const view = founded("a b c");

describe("a leader drafts", () => {
  it("nothing while there is nothing to do", () => {
    assert.deepEqual(new Desk("a", view).pass(3_000), []);
  });

  it("a view with a node that asks to join", () => {
    const desk = new Desk("a", view);
    desk.tell({ kind: "joinWanted", member: member("d") });
    assert.deepEqual(desk.pass(50), ["a b c d:new"]);
  });

  it("one view for all who ask", () => {
    const desk = new Desk("a", view);
    for (const name of ["d", "e"]) desk.tell({ kind: "joinWanted", member: member(name) });
    assert.deepEqual(desk.pass(50), ["a b c d:new e:new"]);
  });

  it("no node that asked long ago, is in, or was removed", () => {
    const desk = new Desk("a", { ...lacking(view, "c"), partitions: [active(1, "a", "b")] });
    desk.tell({ kind: "joinWanted", member: member("c") });
    desk.tell({ kind: "joinWanted", member: member("b") });
    assert.deepEqual(desk.pass(50), []);
    const late = new Desk("a", view);
    late.tell({ kind: "engineLease", status: "frozen" });
    late.tell({ kind: "joinWanted", member: member("d") });
    late.nowMs += 5_050;
    late.tell({ kind: "engineLease", status: "held" });
    assert.deepEqual(late.pass(50), []);
  });

  it("two nodes of one address never into one view", () => {
    const desk = new Desk("a", view);
    for (const name of ["d", "d2"]) desk.tell({ kind: "joinWanted", member: member(name, { address: "d:4000" }) });
    assert.deepEqual(desk.pass(50), ["a b c d:new"]);
  });

  it("a member out whose address another process has, and that one in", () => {
    const desk = new Desk("a", view);
    desk.tell({ kind: "joinWanted", member: member("c2", { address: "c:4000" }) });
    assert.deepEqual(desk.pass(500), ["a b c2:new"]);
  });

  it("a member as leaving that wants to, and out when it has given its lease back", () => {
    const desk = new Desk("a", view);
    desk.tell({ kind: "leaveWanted", id: nodeId("c") });
    assert.deepEqual(desk.pass(50), ["a b c:leaving"]);
    desk.tell({ kind: "proposed", result: { kind: "committed", epoch: epoch(2) } });
    desk.install({
      ...view,
      epoch: epoch(2),
      members: view.members.map((one) => one.id === "c" ? { ...one, status: "leaving" } : one),
    });
    desk.tell({ kind: "leaseReleased", id: nodeId("c") });
    assert.deepEqual(desk.pass(50), ["a b"]);
  });

  it("no member out that gave its lease back and was not leaving", () => {
    const desk = new Desk("a", view);
    desk.tell({ kind: "leaseReleased", id: nodeId("c") });
    assert.deepEqual(desk.pass(500), []);
  });

  it("a member out that is condemned, whatever the detectors say", () => {
    const desk = new Desk("a", view);
    desk.tell({ kind: "condemn", id: nodeId("c") });
    assert.deepEqual(desk.pass(50), ["a b"]);
  });

  it("a member out that enough of its observers have missed", () => {
    const desk = new Desk("a", view);
    for (const by of ["a", "b"]) {
      desk.tell({ kind: "alert", subject: nodeId("c"), by: nodeId(by), alert: "down", epoch: view.epoch });
    }
    assert.deepEqual(desk.pass(200), []);
    assert.deepEqual(desk.pass(100), ["a b"]);
  });

  it("the activation of a configuration that is ready", () => {
    const places = [moving(1, ["a", "b", "c"], { cfg: 2, group: ["b", "a", "c"], why: "move" })];
    const desk = new Desk("a", following(view, { partitions: places }));
    desk.tell({ kind: "recovered", partition: P, cfg: epoch(7) });
    assert.deepEqual(desk.pass(500), [], "not of another configuration");
    desk.tell({ kind: "recovered", partition: P, cfg: epoch(2) });
    assert.deepEqual(desk.pass(50), ["a b c"]);
    assert.deepEqual(desk.drafted[0]?.request.draft.partitions, [active(2, "b", "a", "c")]);
  });

  it("a view of its own for members that could vote by now", () => {
    const desk = new Desk("a", view);
    desk.tell({ kind: "votersProven" });
    assert.deepEqual(desk.pass(50), ["a b c"]);
    desk.tell({ kind: "proposed", result: { kind: "committed", epoch: epoch(2) } });
    desk.install(following(view, {}));
    assert.deepEqual(desk.pass(900), [], "and not again");
  });

  it("one proposal at a time, for the view it has", () => {
    const desk = new Desk("a", view);
    desk.tell({ kind: "joinWanted", member: member("d") });
    desk.pass(50);
    desk.tell({ kind: "joinWanted", member: member("e") });
    assert.deepEqual(desk.pass(1_000), []);
    assert.equal(desk.drafted[0]?.request.base, 1);
  });

  it("again after a proposal came to nothing, a little later", () => {
    const desk = new Desk("a", view);
    desk.tell({ kind: "condemn", id: nodeId("c") });
    desk.pass(50);
    desk.tell({ kind: "proposed", result: { kind: "conflict", epoch: epoch(2) } });
    assert.deepEqual(desk.pass(150), []);
    assert.deepEqual(desk.pass(300), ["a b"]);
  });
});

describe("after a draft that no voter may accept", () => {
  it("a leader removes no voter for five seconds, and lets others in meanwhile", () => {
    const desk = new Desk("a", view);
    desk.tell({ kind: "alert", subject: nodeId("c"), by: nodeId("a"), alert: "down", epoch: view.epoch });
    desk.tell({ kind: "alert", subject: nodeId("c"), by: nodeId("b"), alert: "down", epoch: view.epoch });
    assert.deepEqual(desk.pass(400), ["a b"]);
    desk.tell({ kind: "proposed", result: { kind: "refused", reason: "its voters could not decide" } });
    assert.deepEqual(desk.pass(1_000), []);
    desk.tell({ kind: "joinWanted", member: member("d") });
    assert.deepEqual(desk.pass(500), ["a b c d:new"]);
  });
});

describe("whose turn it is:", () => {
  const waits: readonly (readonly [string, number])[] = [["a", 0], ["b", 1_000], ["c", 1_500]];
  for (const [name, ms] of waits) {
    it(`${name} speaks ${ms} ms after there was something to say`, () => {
      const desk = new Desk(name, view);
      desk.tell({ kind: "joinWanted", member: member("d") });
      const drafts: number[] = [];
      for (let waited = 0; waited <= 3_000 && drafts.length === 0; waited += 50) {
        if (desk.pass(50).length > 0) drafts.push(waited);
        desk.tell({ kind: "joinWanted", member: member("d") });
      }
      assert.deepEqual(drafts, [ms]);
    });
  }

  it("nobody without a vote, nobody without a lease, nobody without a view", () => {
    const six = founded("a b c d e f");
    const silent = [new Desk("f", six), new Desk("a", view), new Desk("a", undefined)];
    silent[1]?.tell({ kind: "engineLease", status: "frozen" });
    for (const desk of silent) {
      for (let count = 0; count < 5; count++) {
        desk.tell({ kind: "joinWanted", member: member("z") });
        assert.deepEqual(desk.pass(1_000), []);
      }
    }
  });

  it("the leader's, while it holds its lease", () => {
    const desk = new Desk("a", view);
    assert.ok(isLeading(desk.leader));
    desk.tell({ kind: "engineLease", status: "soft" });
    assert.ok(isLeading(desk.leader));
    desk.tell({ kind: "engineLease", status: "frozen" });
    assert.ok(!isLeading(desk.leader));
    assert.ok(!isLeading(new Desk("b", view).leader));
  });
});

describe("a leader moves partitions", () => {
  const lopsided: readonly Placed[] = Array.from({ length: 6 }, () => active(1, "a"));
  const settings = { ...SETTINGS, partitionCount: 6, replicaCount: 1 };

  it("for balance when five seconds have passed since the last join", () => {
    const desk = new Desk("a", { ...view, partitions: lopsided }, settings);
    assert.deepEqual(desk.pass(4_900), []);
    assert.deepEqual(desk.pass(1_200), ["a b c"]);
    assert.ok(desk.drafted[0]?.request.draft.partitions.some(({ next }) => next?.why === "move"));
  });

  it("and a voter in its place does not", () => {
    const desk = new Desk("b", { ...view, partitions: lopsided }, settings);
    assert.deepEqual(desk.pass(9_000), []);
  });
});

/** A leader's machine, with its drafts as text: `a b c:leaving d:new`. */
class Desk {
  readonly leader: Leader;
  readonly drafted: Proposing[] = [];
  nowMs = 0;

  constructor(name: string, first: View | undefined, settings = SETTINGS) {
    this.leader = createLeader({ self: nodeId(name), settings, timings: TIMES, random: seededRandom(1) }, at(0));
    if (first !== undefined) this.install(first);
    this.tell({ kind: "engineLease", status: "held" });
  }

  install(next: View): void {
    this.tell({ kind: "engineView", view: next, previous: this.leader.view });
  }

  tell(input: LeaderInput): void {
    const proposing = stepLeader(this.leader, input, at(this.nowMs));
    if (proposing !== undefined) this.drafted.push(proposing);
  }

  /** Lets time pass in ticks of 50 ms; what was drafted in it. */
  pass(ms: number): readonly string[] {
    const { length } = this.drafted;
    for (const end = this.nowMs + ms; this.nowMs < end;) {
      this.tell({ kind: "tick" });
      this.nowMs += 50;
    }
    return this.drafted.slice(length).map(({ request }) => {
      return request.draft.members.map(({ id, status, joinEpoch }) => {
        return status === "leaving" ? `${id}:leaving` : joinEpoch === 0 ? `${id}:new` : id;
      }).join(" ");
    });
  }
}
