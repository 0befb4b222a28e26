/**
 * The parts that links are made of: queue, credit, pulse, rate, the table of who wins, the plan of dials, addresses.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type NodeId, nodeId } from "../../core/ids.ts";
import { seededRandom } from "../../core/random.ts";
import { addressOf, isEveryHost, isHost, isLoopback, parseAddress, plainHost } from "../../remoting/address.ts";
import { costOf, ReceiveCredit, SendCredit } from "../../remoting/credit.ts";
import { DialPlan } from "../../remoting/dial_plan.ts";
import { BATCH_BYTES_MAX, FRAME_COST_MIN, GENERATIONS_KEPT_MAX } from "../../remoting/link_limits.ts";
import { HostCounts } from "../../remoting/host_counts.ts";
import { LinkTable } from "../../remoting/link_table.ts";
import { Pulse } from "../../remoting/pulse.ts";
import { RateLimit } from "../../remoting/rate_limit.ts";
import { SendQueue } from "../../remoting/send_queue.ts";

describe("a send queue", () => {
  it("property: gives what it took, in order, and nothing else; is never above its limit and one long frame", () => {
    const limit = 10_000;
    const action = fc.oneof(
      fc.nat(3_000).map((length) => ({ kind: "offer", length }) as const),
      fc.integer({ min: 9, max: 90_000 }).map((length) => ({ kind: "offer", length }) as const),
      fc.constant({ kind: "take" } as const),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 100 }), (actions) => {
        const queue = new SendQueue(limit);
        const taken: number[] = [];
        const given: number[] = [];
        const expected: Uint8Array[] = [];
        let refused = 0;
        for (const [index, one] of actions.entries()) {
          if (one.kind === "take") {
            for (let piece = queue.next(BATCH_BYTES_MAX); piece !== undefined; piece = queue.next(0)) {
              if (piece.end === piece.bytes.length) given.push(piece.bytes[0] ?? -1);
            }
          } else {
            const frame = new Uint8Array(Math.max(1, one.length)).fill(index % 256);
            const isRoom = queue.bytes + costOf(frame.length) <= limit || queue.bytes * 2 <= limit;
            assert.equal(queue.offer(frame), isRoom);
            if (isRoom) taken.push(index % 256);
            if (isRoom) expected.push(frame);
            else refused++;
          }
          assert.ok(queue.bytes <= limit / 2 + 90_000);
        }
        assert.equal(queue.refusedFrames, refused);
        assert.deepEqual(given, taken.slice(0, given.length));
        assert.equal(queue.clear(), taken.length - given.length);
        assert.equal(queue.bytes, 0);
      }),
      { numRuns: 300 },
    );
  });

  it("announces room once, when somebody was refused and half of it is free; then any frame is taken", () => {
    const queue = new SendQueue(1_000);
    for (let index = 0; index < 10; index++) assert.ok(queue.offer(new Uint8Array(100)));
    assert.ok(!queue.takeRoom(), "nobody was refused");
    assert.ok(!queue.offer(new Uint8Array(100)));
    for (let index = 0; index < 4; index++) queue.next(BATCH_BYTES_MAX);
    assert.ok(!queue.takeRoom(), "600 of 1,000 are left");
    queue.next(BATCH_BYTES_MAX);
    assert.ok(queue.takeRoom());
    assert.ok(!queue.takeRoom());
    assert.ok(queue.offer(new Uint8Array(1 << 20)));
    assert.ok(!queue.offer(new Uint8Array(1)));
  });

  it("has as much room again for what is owed, and no more", () => {
    const queue = new SendQueue(1_000);
    for (let index = 0; index < 10; index++) assert.ok(queue.offer(new Uint8Array(100)));
    assert.ok(!queue.offer(new Uint8Array(100)));
    for (let index = 0; index < 10; index++) assert.ok(queue.offer(new Uint8Array(100), true));
    assert.ok(!queue.offer(new Uint8Array(100), true));
    assert.equal(queue.bytes, 2_000);
  });

  it("counts short frames by what keeping them costs", () => {
    const queue = new SendQueue(FRAME_COST_MIN * 10);
    let count = 0;
    while (queue.offer(new Uint8Array(1))) count++;
    assert.equal(count, 10);
  });
});

describe("credit", () => {
  it("property: both accounts agree, nobody is stuck, and nobody keeps more than a window and a frame", () => {
    const windowBytes = 5_000;
    fc.assert(
      fc.property(fc.array(fc.nat(12_000), { maxLength: 60 }), fc.array(fc.nat(4_000)), (frames, bites) => {
        const [sender, receiver] = [new SendCredit(), new ReceiveCredit(windowBytes)];
        sender.grant(receiver.takeGrant());
        let kept = 0;
        let bite = 0;
        for (const length of frames) {
          for (let rounds = 0; !sender.mayBegin(length); rounds++) {
            assert.ok(rounds < 10_000, "stuck");
            const eaten = rounds > 100 ? kept : Math.min(kept, bites[bite++ % Math.max(1, bites.length)] ?? kept);
            receiver.consume(eaten);
            kept -= eaten;
            sender.grant(receiver.takeGrant());
          }
          sender.spend(length);
          assert.ok(receiver.begin(length), "a lawful frame");
          receiver.passOn(length);
          kept += length;
          assert.equal(receiver.outBytes, kept);
          assert.ok(kept <= windowBytes + 12_000);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("a frame without credit is found out; an empty one needs none", () => {
    const receiver = new ReceiveCredit(1_000);
    assert.ok(!receiver.begin(1), "nothing was granted yet");
    assert.equal(receiver.takeGrant(), 1_000);
    assert.ok(receiver.begin(5_000), "a frame may begin while there is any credit");
    assert.ok(!receiver.begin(1));
    assert.ok(receiver.begin(0));
    assert.ok(!new SendCredit().mayBegin(1));
    assert.ok(new SendCredit().mayBegin(0));
  });

  it("grants a quarter of the window at a time, and gives back all in the end", () => {
    const receiver = new ReceiveCredit(1_000);
    assert.equal(receiver.takeGrant(), 1_000);
    for (let index = 0; index < 5; index++) {
      assert.ok(receiver.begin(1));
      receiver.passOn(1);
    }
    receiver.consume(2);
    assert.equal(receiver.takeGrant(), 0);
    receiver.consume(3);
    assert.equal(receiver.takeGrant(), 5 * FRAME_COST_MIN);
    receiver.consume(1_000_000);
    assert.equal(receiver.takeGrant(), 0, "what was never there is not given back");
  });
});

describe("a rate limit", () => {
  it("lets the rate pass for ever, and twice the rate at once", () => {
    const limit = new RateLimit(100, 0);
    for (let ms = 0; ms < 60_000; ms += 10) assert.ok(limit.pass(1, ms));
    assert.ok(limit.pass(199, 60_000));
    assert.ok(!limit.pass(2, 60_000));
  });

  it("property: in no stretch of time pass more than its share", () => {
    const steps = fc.array(fc.tuple(fc.nat(500), fc.nat(150)), { maxLength: 50 });
    fc.assert(fc.property(steps, (passing) => {
      const limit = new RateLimit(100, 0);
      let [nowMs, passed] = [0, 0];
      for (const [ms, count] of passing) {
        nowMs += ms;
        if (!limit.pass(count, nowMs)) return;
        passed += count;
        assert.ok(passed <= 200 + nowMs / 10 + 1e-6);
      }
    }));
  });
});

describe("counts by host", () => {
  it("are full for one host, or for all, and free again when what was counted is gone, once", () => {
    const counts = new HostCounts({ ofOne: 2, ofAll: 3 });
    const gone = counts.add("a");
    counts.add("a");
    assert.ok(counts.isFull("a") && !counts.isFull("b"));
    counts.add("b");
    assert.ok(counts.isFull("b") && counts.isFull("c"));
    gone();
    gone();
    assert.ok(!counts.isFull("a") && !counts.isFull("c"));
    counts.add("a");
    assert.ok(counts.isFull("c"));
  });
});

describe("a pulse", () => {
  const times = { pingAfterMs: 5_000, silenceMs: 15_000, idleMs: 60_000 };

  it("asks after 5 s of silence and every 5 s, and gives up after 15", () => {
    const pulse = new Pulse(times, 0);
    const due = [4_999, 5_000, 5_001, 9_999, 10_000, 14_999, 15_000].map((nowMs) => pulse.due(nowMs, true));
    assert.deepEqual(due, ["nothing", "ping", "nothing", "nothing", "ping", "nothing", "silent"]);
  });

  it("begins anew with each sign", () => {
    const pulse = new Pulse(times, 0);
    pulse.heard(14_000);
    assert.deepEqual([18_999, 19_000, 28_999].map((nowMs) => pulse.due(nowMs, true)), ["nothing", "ping", "ping"]);
    assert.equal(pulse.due(29_000, true), "silent");
  });

  it("in doubt asks at once, and gives up when nothing comes within the time", () => {
    const pulse = new Pulse(times, 0);
    pulse.doubt(1_000, 3_000);
    assert.deepEqual([1_000, 3_999, 4_000].map((nowMs) => pulse.due(nowMs, true)), ["ping", "nothing", "silent"]);
    const other = new Pulse(times, 0);
    other.doubt(1_000, 3_000);
    other.heard(2_000);
    assert.equal(other.due(4_000, true), "nothing");
  });

  it("calls only the link of a stranger idle, and only when no frames passed", () => {
    const pulse = new Pulse(times, 0);
    pulse.used(10_000);
    pulse.heard(69_999);
    assert.equal(pulse.due(69_999, false), "nothing");
    assert.equal(pulse.due(70_000, true), "nothing");
    assert.equal(pulse.due(70_000, false), "idle");
  });

  it("does not count the time in which nobody listened", () => {
    const pulse = new Pulse(times, 0);
    pulse.missed(20_000, 20_000);
    assert.equal(pulse.due(20_000, true), "nothing");
    assert.equal(pulse.due(35_000, true), "silent");
    const other = new Pulse(times, 0);
    other.heard(20_000);
    other.missed(20_000, 20_000);
    assert.equal(other.silentForMs(20_000), 0, "what was heard in between is not moved into the future");
    assert.equal(other.due(35_000, true), "silent");
  });
});

describe("a table of links", () => {
  const [a, b] = [nodeId("a"), nodeId("b")];

  it("a newer socket of the same dialer takes the place of an older; an older that comes late does not", () => {
    const table = new LinkTable<string>(b);
    const dialed = (dialNumber: number) => ({ peer: a, lane: "control" as const, dialer: a, dialNumber });
    assert.equal(table.install(dialed(2), "second").kind, "wins");
    assert.equal(table.install(dialed(1), "first").kind, "loses");
    const third = table.install(dialed(3), "third");
    assert.ok(third.kind === "wins");
    assert.deepEqual([third.row.generation, third.replaced?.link], [2, "second"]);
    assert.ok(third.replaced !== undefined && !table.remove(third.replaced), "whose place it has");
    assert.equal(table.get(a, "control")?.link, "third");
  });

  it("of two that crossed the one of the lower id wins on both sides, in either order", () => {
    for (const self of [a, b]) {
      for (const order of [[a, b], [b, a]]) {
        const table = new LinkTable<NodeId>(self);
        const peer = self === a ? b : a;
        for (const dialer of order) table.install({ peer, lane: "data", dialer, dialNumber: 1 }, dialer);
        assert.equal(table.get(peer, "data")?.link, a, `${self}: ${order.join()}`);
      }
    }
  });

  it("while a dial of ours is coming no second one goes on, and a higher id's is refused", () => {
    const table = new LinkTable<string>(a);
    const ours = { peer: b, lane: "control" as const, dialer: a, dialNumber: 1 };
    const theirs = { ...ours, dialer: b };
    assert.equal(table.admits(ours, "one"), "wins");
    assert.equal(table.admits({ ...ours, dialNumber: 2 }, "two"), "loses");
    assert.equal(table.admits(theirs, "three"), "loses");
    table.unclaim(b, "control", "two");
    assert.equal(table.admits(theirs, "three"), "loses", "only who claimed can give the claim back");
    table.unclaim(b, "control", "one");
    assert.equal(table.admits(theirs, "three"), "wins");
    const higher = new LinkTable<string>(nodeId("c"));
    const fromHigher = { peer: b, lane: "control" as const, dialer: nodeId("c"), dialNumber: 1 };
    assert.equal(higher.admits(fromHigher, "one"), "wins");
    assert.equal(higher.admits({ ...fromHigher, dialer: b }, "two"), "wins", "a lower id's comes first in any case");
  });

  it("generations grow even of pairs that were forgotten", () => {
    const table = new LinkTable<number>(a);
    const live = (peer: NodeId, dialNumber: number): number => {
      const verdict = table.install({ peer, lane: "data", dialer: peer, dialNumber }, dialNumber);
      assert.ok(verdict.kind === "wins");
      table.remove(verdict.row);
      return verdict.row.generation;
    };
    let last = 0;
    for (let count = 1; count <= 5; count++) last = live(b, count);
    assert.equal(last, 5);
    for (let count = 0; count < GENERATIONS_KEPT_MAX + 5; count++) live(nodeId(`n${count}`), 1);
    assert.ok(live(b, 6) > last);
  });
});

describe("a plan of dials", () => {
  const times = { redialMsMin: 50, redialMsMax: 2_000, otherDialsAfterMs: 3_000 };
  const [a, b, c] = [nodeId("a"), nodeId("b"), nodeId("c")];
  const peers = new Map([[a, "a:1"], [b, "b:1"], [c, "c:1"]]);
  const isLinked = () => false;

  it("dials higher ids at once and lower ones after a while; itself never", () => {
    const plan = new DialPlan(b, times, seededRandom(1));
    plan.want(peers, 0, isLinked);
    assert.deepEqual(plan.takeDue(0).map(({ address, lane }) => `${address} ${lane}`), ["c:1 control", "c:1 data"]);
    assert.equal(plan.nextDueMs, 3_000);
    assert.deepEqual(plan.takeDue(3_000).map(({ peer }) => peer), [a, a]);
    assert.equal(plan.nextDueMs, Infinity, "all are being dialed");
  });

  it("property: each wanted link is linked, dialed or due, whatever happens", () => {
    const event = fc.record({
      kind: fc.constantFrom("linked", "lost", "failed", "due", "want"),
      peer: fc.constantFrom(a, c),
      lane: fc.constantFrom("control" as const, "data" as const),
      ms: fc.nat(500),
    });
    fc.assert(fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const plan = new DialPlan(b, times, seededRandom(2));
      const [linked, dialing] = [new Set<string>(), new Set<string>()];
      let nowMs = 0;
      plan.want(peers, nowMs, isLinked);
      for (const { kind, peer, lane, ms } of events) {
        nowMs += ms;
        const key = `${peer} ${lane}`;
        if (kind === "want") plan.want(peers, nowMs, isLinked);
        if (kind === "due") { for (const due of plan.takeDue(nowMs)) dialing.add(`${due.peer} ${due.lane}`); }
        if (kind === "linked") {
          plan.linked(peer, lane, nowMs);
          linked.add(key);
          dialing.delete(key);
        }
        if (kind === "failed" && dialing.delete(key)) plan.failed(peer, lane, nowMs);
        if (kind === "lost" && linked.delete(key)) plan.lost(peer, lane, nowMs);
      }
      for (const due of plan.takeDue(nowMs + 3_000)) dialing.add(`${due.peer} ${due.lane}`);
      assert.equal(new Set([...linked, ...dialing]).size, 4);
    }));
  });

  it("a link that never lasts is not dialed as fast as it is lost", () => {
    const plan = new DialPlan(a, times, seededRandom(3));
    plan.want(new Map([[b, "b:1"]]), 0, isLinked);
    let nowMs = 0;
    let dials = 0;
    while (nowMs < 30_000) {
      for (const { peer, lane } of plan.takeDue(nowMs)) {
        if (lane === "control") dials++;
        plan.linked(peer, lane, nowMs);
        plan.lost(peer, lane, nowMs + 1);
      }
      nowMs += 10;
    }
    assert.ok(dials < 40, `${dials} dials in 30 s`);
  });

  it("what is wanted no more is named once, and never dialed", () => {
    const plan = new DialPlan(a, times, seededRandom(4));
    plan.want(peers, 0, isLinked);
    assert.deepEqual([...plan.want(new Map([[b, "b:1"]]), 0, isLinked)], [c]);
    assert.deepEqual([...plan.want(new Map([[b, "b:2"]]), 0, isLinked)], []);
    assert.deepEqual(plan.takeDue(0).map(({ address }) => address), ["b:2", "b:2"], "at its newest address");
    assert.ok(plan.has(b) && !plan.has(c));
  });
});

describe("an address", () => {
  it("is read back as it was made", () => {
    for (const host of ["localhost", "10.0.0.1", "node-1.example.org", "::1", "2001:db8::7"]) {
      assert.deepEqual(parseAddress(addressOf({ host, port: 4100 })), { host, port: 4100 });
      assert.ok(isHost(host));
    }
    for (const none of ["", "a", "a:0", "a:65536", "a:b", "::1:80", "a b:1", "http://a:1", "[::1]", "a:1/x", "a:-1"]) {
      assert.equal(parseAddress(none), undefined, none);
    }
    for (const none of ["", "a:1", "a/b", "[::1]", undefined, 7]) assert.ok(!isHost(none), String(none));
  });

  it("is of this machine, or of every machine, by what it says", () => {
    for (const host of ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"]) {
      assert.ok(isLoopback(host), host);
    }
    for (const host of ["10.0.0.1", "localhost.example.org", "127.0.0.1.example.org", "::2", ""]) {
      assert.ok(!isLoopback(host), host);
    }
    for (const host of ["0.0.0.0", "::", "0:0:0:0:0:0:0:0", "::ffff:0.0.0.0"]) assert.ok(isEveryHost(host), host);
    for (const host of ["::1", "10.0.0.0", "localhost"]) assert.ok(!isEveryHost(host), host);
    assert.equal(plainHost("::FFFF:10.0.0.1"), "10.0.0.1");
  });
});
