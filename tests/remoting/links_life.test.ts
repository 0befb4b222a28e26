/**
 * The life of links between nodes in one process, with a clock that the test moves: who dials, which of two wins, what is
 * lost and what comes back.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate } from "node:timers";
import fc from "fast-check";
import { nodeId } from "../../core/ids.ts";
import { MemoryNetwork } from "./memory_network.ts";
import { join, memoryNode } from "./memory_node.ts";
import { letter } from "./recorded_links.ts";

describe("links", () => {
  it("a greeting reaches whoever listens at the address, and the answer needs no dial", () => {
    const network = new MemoryNetwork();
    const [a, b] = [memoryNode(network, "a"), memoryNode(network, "b")];
    a.links.greet("b:1", letter("h"));
    a.links.greet("b:1", letter("i"));
    network.advance(50);
    assert.equal(b.events.said, "hi");
    assert.equal(b.links.send(a.id, "control", 0, letter("y")), "taken");
    b.links.greet("a:1", letter("o"));
    network.advance(50);
    assert.equal(a.events.said, "yo");
    assert.equal(network.pairs.length, 1);
  });

  it("members have a link on each lane, dialed by the lower id", () => {
    const network = new MemoryNetwork();
    const nodes = ["a", "b", "c"].map((name) => memoryNode(network, name));
    join(...nodes);
    network.advance(50);
    for (const { events } of nodes) assert.equal(events.upCount, 4);
    assert.deepEqual(
      network.pairs.map(({ from, address, lane }) => `${from}>${address} ${lane}`).sort(),
      ["a>b:1 control", "a>b:1 data", "a>c:1 control", "a>c:1 data", "b>c:1 control", "b>c:1 data"],
    );
    assert.ok(network.pairs.every(({ settledCount }) => settledCount === 1));
  });

  it("the higher id dials too when the lower has not come for a while", () => {
    const network = new MemoryNetwork();
    network.mayDial = (from) => from === "b";
    const [a, b] = [memoryNode(network, "a"), memoryNode(network, "b")];
    join(a, b);
    network.advance(2_900);
    assert.equal(b.events.upCount, 0);
    network.advance(200);
    assert.deepEqual([a.events.upCount, b.events.upCount], [2, 2]);
  });

  it("an unreachable member is dialed for ever, ever more seldom, and not more seldom than every 2 s", () => {
    const network = new MemoryNetwork();
    const a = memoryNode(network, "a");
    const dialsMs: number[] = [];
    network.mayDial = () => {
      dialsMs.push(network.nowMs);
      return false;
    };
    memoryNode(network, "b");
    a.links.setPeers(new Map([[nodeId("b"), "b:1"]]));
    network.advance(60_000);
    const perLane = dialsMs.filter((_, index) => index % 2 === 0);
    const waits = perLane.slice(1).map((atMs, index) => atMs - (perLane[index] ?? 0));
    assert.ok((waits[0] ?? 0) <= 60 && (waits[0] ?? 0) >= 25, `first wait ${waits[0]}`);
    assert.ok(waits.every((wait) => wait <= 2_010));
    assert.ok(waits.slice(-20).every((wait) => wait >= 500), "the last waits are long");
    assert.ok(perLane.length > 25, `${perLane.length} dials in a minute`);
    assert.ok(a.events.refusals.every(({ code, dialedBy }) => code === "unreachable" && dialedBy === "us"));
  });

  it("a socket that breaks is lost on both sides and dialed again", () => {
    const network = new MemoryNetwork();
    const [a, b] = [memoryNode(network, "a"), memoryNode(network, "b")];
    join(a, b);
    network.advance(50);
    network.open("control")[0]?.cut();
    network.advance(100);
    for (const [{ events }, peer] of [[a, "b"], [b, "a"]] as const) {
      assert.deepEqual(events.lines.filter((line) => line.includes("control")), [
        `up ${peer} control 1`,
        `lost ${peer} control 1 network`,
        `up ${peer} control 2`,
      ]);
      assert.equal(events.generation(nodeId(peer), "data"), 1, "the other lane does not notice");
    }
  });

  it("a socket that falls mute is lost after 15 s of silence, and dialed again", () => {
    const network = new MemoryNetwork();
    const [a, b] = [memoryNode(network, "a"), memoryNode(network, "b")];
    join(a, b);
    network.advance(50);
    for (const pair of network.open()) pair.isMute = true;
    network.advance(14_000);
    assert.deepEqual([a.events.upCount, b.events.upCount], [2, 2]);
    network.advance(2_500);
    assert.deepEqual(a.events.lines.slice(2, 4), ["lost b control 1 silent", "lost b data 1 silent"]);
    assert.deepEqual(a.events.lines.slice(4).sort(), ["up b control 2", "up b data 2"]);
    assert.deepEqual([a.events.upCount, b.events.upCount], [2, 2]);
  });

  it("a quiet link stays up: pings are answered", () => {
    const network = new MemoryNetwork();
    const [a, b] = [memoryNode(network, "a"), memoryNode(network, "b")];
    join(a, b);
    network.advance(10 * 60_000);
    assert.deepEqual(a.events.lines, ["up b control 1", "up b data 1"]);
    assert.equal(network.pairs.length, 2);
  });

  it("a thread that stood still does not take its own silence for that of its peers", () => {
    const network = new MemoryNetwork();
    const [a, b] = [memoryNode(network, "a"), memoryNode(network, "b")];
    join(a, b);
    network.advance(3_000);
    network.standStill(40_000);
    network.advance(20_000);
    assert.deepEqual(a.events.lines, ["up b control 1", "up b data 1"]);
    assert.deepEqual(b.events.lines, ["up a control 1", "up a data 1"]);
  });

  it("when the higher id alone has lost a link, its dial makes the lower look, and both are linked within seconds", () => {
    const network = new MemoryNetwork();
    const [a, b] = [memoryNode(network, "a"), memoryNode(network, "b")];
    join(a, b);
    network.advance(50);
    for (const pair of network.open()) {
      pair.isMute = true;
      pair.listener.closedBy(1006, "lost by one side");
    }
    network.mayDial = (from) => from === "b";
    network.advance(9_000);
    assert.deepEqual(a.events.lines.slice(2, 4), ["lost b control 1 silent", "lost b data 1 silent"]);
    assert.deepEqual([a.events.generation(b.id, "control"), b.events.generation(a.id, "control")], [2, 2]);
  });

  it("removing a member closes its links at once, also one that is being dialed, and ends its dials", () => {
    const network = new MemoryNetwork();
    const [a, b, c] = [memoryNode(network, "a"), memoryNode(network, "b"), memoryNode(network, "c")];
    join(a, b, c);
    network.advance(50);
    network.open("control").find(({ address }) => address === "c:1")?.cut();
    network.advance(40); // The control link to c is waiting for its dial, or dialing.
    const withoutThem = new Map([[a.id, a.address]]);
    a.links.setPeers(withoutThem);
    assert.deepEqual(a.events.lines.slice(-3), [
      "lost b control 1 not-a-member",
      "lost b data 1 not-a-member",
      "lost c data 1 not-a-member",
    ]);
    const dialed = network.pairs.filter(({ from }) => from === "a").length;
    network.advance(1_000);
    assert.equal(network.pairs.filter(({ from }) => from === "a").length, dialed);
    assert.ok(b.events.lines.includes("lost a data 1 not-a-member"), "the peer is told why");
  });

  it("the link to a node that is no member is closed when it is idle, and not before", () => {
    const network = new MemoryNetwork();
    const [a, b] = [memoryNode(network, "a"), memoryNode(network, "b")];
    a.links.greet("b:1", letter("h"));
    network.advance(50_000);
    b.links.send(a.id, "control", 0, letter("x"));
    network.advance(50_000);
    assert.equal(a.events.upCount, 1);
    network.advance(15_000);
    assert.equal(a.events.upCount, 0);
    assert.match(a.events.lines.join(), /lost b control 1 idle/);
    a.links.greet("b:1", letter("!"));
    network.advance(100);
    assert.equal(b.events.said, "h!");
  });

  it("another node at the address of a member is not taken for it, and takes its place when it is greeted", () => {
    const network = new MemoryNetwork();
    const [a, b] = [memoryNode(network, "a"), memoryNode(network, "b")];
    join(a, b);
    network.advance(50);
    for (const pair of network.open()) pair.isMute = true;
    const newer = memoryNode(network, "b-again", { address: "b:1" });
    newer.links.greet("a:1", letter("j"));
    network.advance(50);
    assert.deepEqual(a.events.lines.slice(2), [
      "lost b control 1 replaced",
      "lost b data 1 replaced",
      "up b-again control 1",
    ]);
    assert.equal(a.events.said, "j");
    network.advance(10_000);
    const codes = new Set(a.events.refusals.map(({ code }) => code));
    assert.deepEqual([...codes], ["another-node"], "the old member is still dialed, and never found");
    assert.equal(a.events.generation(newer.id, "control"), 1, "which the new one's link does not notice");
  });

  it("a process that begins again under another id takes what arrives at the same listener from then on", async () => {
    const network = new MemoryNetwork();
    const [a, b] = [memoryNode(network, "a"), memoryNode(network, "b")];
    join(a, b);
    network.advance(50);
    await closed(network, b.links.close(1_000));
    const again = memoryNode(network, "b-again", { address: "b:1", listener: b.listener });
    await b.links.close(0); // The end of the old ones must not take the listener from the new ones.
    a.links.greet("b:1", letter("w"));
    network.advance(100);
    assert.equal(again.events.said, "w");
    assert.equal(b.events.upCount, 0);
  });

  it("discovery lists us: an address that leads back here is met once, and left alone for a while", () => {
    const network = new MemoryNetwork();
    const a = memoryNode(network, "a");
    network.listen("alias:1").accept({
      incoming: (socket) => a.listener.acceptor?.incoming(socket),
      refused: () => {},
    });
    a.links.greet("a:1", letter("x"));
    network.advance(10);
    assert.equal(network.pairs.length, 0, "our own address is not dialed");
    a.links.greet("alias:1", letter("x"));
    network.advance(100);
    assert.deepEqual([...new Set(a.events.refusals.map(({ code }) => code))], ["self"]);
    a.links.greet("alias:1", letter("x"));
    network.advance(1_000);
    assert.equal(network.pairs.length, 1);
    network.advance(60_000);
    a.links.greet("alias:1", letter("x"));
    network.advance(1_000);
    assert.equal(network.pairs.length, 2);
    assert.equal(a.events.frames.length, 0);
  });

  it("an address is dialed once a burst of greetings; what is too much for it is lost, and counted", () => {
    const network = new MemoryNetwork();
    const a = memoryNode(network, "a", { limits: { greetFramesMax: 5, greetAddressesMax: 2 } });
    const b = memoryNode(network, "b");
    for (const word of "abcdefg") a.links.greet("b:1", letter(word));
    a.links.greet("nobody:1", letter("x"));
    a.links.greet("none:1", letter("x"));
    network.advance(100);
    assert.equal(b.events.said, "abcde");
    assert.equal(a.links.counters().lostGreetings, 2 + 1 + 1);
    assert.equal(network.pairs.length, 2);
    a.links.greet("nobody:1", letter("y"));
    network.advance(100);
    assert.equal(network.pairs.length, 3, "the next burst is another dial");
  });

  it("a greeting to another name of a linked node goes by the link that is there", () => {
    const network = new MemoryNetwork();
    const [a, b] = [memoryNode(network, "a"), memoryNode(network, "b")];
    network.listen("alias:1").accept({
      incoming: (socket) => b.listener.acceptor?.incoming(socket),
      refused: () => {},
    });
    join(a, b);
    a.links.greet("alias:1", letter("1")); // While both dials are under way.
    network.advance(100);
    a.links.greet("alias:1", letter("2"));
    network.advance(100);
    assert.equal(b.events.said, "12");
    assert.deepEqual(a.events.lines, ["up b control 1", "up b data 1"]);
    assert.deepEqual(b.events.refusals, []);
  });

  it("a greeting that waits for a link which then fails is lost, and the next one dials anew", () => {
    const network = new MemoryNetwork();
    const [a, b] = [memoryNode(network, "a"), memoryNode(network, "b")];
    network.listen("alias:1").accept({
      incoming: (socket) => b.listener.acceptor?.incoming(socket),
      refused: () => {},
    });
    network.latencyMs = () => 10;
    a.links.setPeers(new Map([[b.id, "b:1"]]));
    a.links.greet("alias:1", letter("1"));
    network.advance(45); // The member's dial has said who we are, so the greeting's has given way to it.
    const [members] = network.pairs.filter(({ lane, address }) => lane === "control" && address === "b:1");
    network.mayDial = () => false;
    members?.cut();
    network.advance(20);
    assert.equal(a.events.upCount + b.events.upCount > 0, true);
    assert.equal(a.links.counters().lostGreetings, 1);
    const dials = network.pairs.filter(({ address }) => address === "alias:1").length;
    a.links.greet("alias:1", letter("2"));
    network.advance(50);
    assert.equal(network.pairs.filter(({ address }) => address === "alias:1").length, dials + 1);
  });

  it("a node that closes sends what it has first, and tells its peers", async () => {
    const network = new MemoryNetwork();
    const [a, b] = [memoryNode(network, "a"), memoryNode(network, "b")];
    join(a, b);
    network.advance(50);
    for (let index = 0; index < 50; index++) a.links.send(b.id, "data", 1, letter("d", 100_000));
    const closing = a.links.close(5_000);
    assert.equal(a.links.send(b.id, "control", 1, letter("x")), "no-link");
    await closed(network, closing);
    assert.equal(b.events.frames.length, 50);
    assert.deepEqual(b.events.lines.slice(2, 4).sort(), ["lost a control 1 closing", "lost a data 1 closing"]);
    assert.deepEqual([a.events.upCount, network.open().length], [0, 0]);
    const dials = network.pairs.length;
    network.advance(60_000);
    assert.equal(network.pairs.filter(({ from }) => from === "a").length, dials, "it dials no more");
  });

  it("a peer that does not read holds up a closing node no longer than it was told", async () => {
    const network = new MemoryNetwork();
    const [a, b] = [memoryNode(network, "a"), memoryNode(network, "b")];
    join(a, b);
    network.advance(50);
    for (const pair of network.open()) pair.listener.isReading = false;
    a.links.send(b.id, "control", 1, letter("x", 500_000));
    const beganMs = network.nowMs;
    await closed(network, a.links.close(200));
    assert.ok(network.nowMs - beganMs < 200 + 1_000 + 100, `${network.nowMs - beganMs} ms`);
  });
});

describe("two dials that cross", () => {
  it("end as one link: the one of the lower id, on both sides", () => {
    const network = new MemoryNetwork();
    const [a, b] = [memoryNode(network, "a"), memoryNode(network, "b")];
    a.links.greet("b:1", letter("a"));
    b.links.greet("a:1", letter("b"));
    network.advance(100);
    assert.deepEqual(network.open().map(({ from }) => from), ["a"]);
    assert.equal(a.events.said, "b");
    assert.equal(b.events.said, "a");
    assert.deepEqual([a.events.refusals, b.events.refusals], [[], []]);
  });

  it("whose winner is lost on one side alone end as none on both sides, and as one when members dial again", () => {
    const network = new MemoryNetwork();
    const [a, b] = [memoryNode(network, "a"), memoryNode(network, "b")];
    a.links.greet("b:1", letter("1"));
    b.links.greet("a:1", letter("2"));
    const [byA, byB] = network.pairs;
    assert.ok(byA !== undefined && byB !== undefined);
    network.advance(3); // Both dialers are about to learn who listens.
    byB.dialer.latencyMs = 100; // So a has lost its own dial when it hears who dials it.
    byA.listener.latencyMs = 1_000;
    network.advance(7);
    assert.deepEqual(b.events.lines, ["up a control 1"]);
    byA.isMute = true;
    byA.dialer.closedBy(1006, "one side");
    network.advance(300);
    assert.deepEqual(a.events.lines, ["up b control 1", "lost b control 1 duplicate"]);
    assert.deepEqual(b.events.lines, ["up a control 1"]);
    network.advance(3_500);
    assert.deepEqual(b.events.lines, ["up a control 1", "lost a control 1 silent"], "and soon on the other");
    join(a, b);
    network.advance(500);
    assert.deepEqual([a.events.upCount, b.events.upCount], [2, 2]);
    assert.equal(network.open().filter(({ isMute }) => !isMute).length, 2);
  });

  it("property: whatever the latencies and breaks, both sides agree in the end on one link a lane", () => {
    let crossings = 0;
    const step = fc.oneof(
      fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 400 }) }),
      fc.record({ kind: fc.constant("greet" as const), from: fc.nat(2), to: fc.nat(2) }),
      fc.record({ kind: fc.constant("cut" as const), pair: fc.nat(20) }),
      fc.record({ kind: fc.constant("lose-one-end" as const), pair: fc.nat(20), isDialer: fc.boolean() }),
      fc.record({ kind: fc.constant("send" as const), from: fc.nat(2), to: fc.nat(2) }),
    );
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 40 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 120 })),
        (steps, latencies) => {
          const network = new MemoryNetwork();
          network.latencyMs = () => latencies.next().value ?? 1;
          const nodes = ["a", "b", "c"].map((name) => memoryNode(network, name));
          const node = (index: number) => nodes[index] ?? assert.fail();
          join(...nodes);
          for (const one of steps) {
            const pair = "pair" in one ? network.open()[one.pair % Math.max(1, network.open().length)] : undefined;
            if (one.kind === "wait") network.advance(one.ms);
            if (one.kind === "greet") node(one.from).links.greet(node(one.to).address, letter("g"));
            if (one.kind === "cut") pair?.cut();
            if (one.kind === "lose-one-end" && pair !== undefined) {
              pair.isMute = true;
              (one.isDialer ? pair.dialer : pair.listener).closedBy(1006, "one side");
            }
            if (one.kind === "send") {
              const { links, events } = node(one.from);
              const to = node(one.to).id;
              links.send(to, "data", events.generation(to, "data") ?? 0, letter("s"));
            }
          }
          network.advance(60_000);
          for (const { events } of nodes) assert.equal(events.upCount, 4);
          assert.equal(network.open().filter(({ isMute }) => !isMute).length, 6);
          const before = network.pairs.length;
          network.advance(60_000);
          assert.equal(network.pairs.length, before, "and nobody dials any more");
          if (nodes.some(({ links }) => (links.counters().refused.duplicate ?? 0) > 0)) crossings++;
        },
      ),
      { numRuns: 150 },
    );
    assert.ok(crossings > 10, `dials crossed in ${crossings} runs`);
  });
});

/** Lets time pass until `closing` is done. */
async function closed(network: MemoryNetwork, closing: Promise<void>): Promise<void> {
  let isDone = false;
  const done = closing.then(() => isDone = true);
  for (let steps = 0; !isDone && steps < 200; steps++) {
    network.advance(10);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await done;
}
