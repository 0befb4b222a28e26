/**
 * What one peer can make a node keep, and that the others don't notice: queues, credit, rates, limits of handshakes.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Lane } from "../../remoting/link_refusal.ts";
import type { SocketEvents } from "../../remoting/link_socket.ts";
import { BATCH_BYTES_MAX, HANDSHAKE_BYTES_MAX, LINK_LIMITS } from "../../remoting/link_limits.ts";
import { encodeHello } from "../../remoting/handshake_frames.ts";
import {
  batchOf,
  creditPiece,
  framePiece,
  handshakeBatch,
  signPiece,
  TYPE_CHUNK_FIRST,
  TYPE_HELLO,
  TYPE_PING,
} from "../../remoting/wire.ts";
import { thrownBy } from "../fixtures/conditions.ts";
import { type MemoryEnd, MemoryNetwork } from "./memory_network.ts";
import { join, memoryNode, type MemoryNodeOptions } from "./memory_node.ts";
import { letter } from "./recorded_links.ts";

describe("sending", () => {
  it("the first frame of an idle link leaves in the same turn, and frames of one turn go together", () => {
    const { network, a, b, end } = pairOf();
    const sent = end("control").sent.length;
    a.links.send(b.id, "control", 1, letter("1"));
    a.links.send(b.id, "control", 1, letter("2"));
    a.links.send(b.id, "control", 1, letter("3"));
    network.advance(0);
    assert.equal(end("control").sent.length, sent + 1);
    network.advance(1);
    assert.equal(b.events.said, "123");
  });

  it("what comes while a batch is on its way goes as one, as large as a batch may be", () => {
    const { network, a, b, end } = pairOf();
    const sent = end("control").sent.length;
    a.links.send(b.id, "control", 1, letter("1"));
    network.advance(0);
    for (let index = 0; index < 300; index++) a.links.send(b.id, "control", 1, letter("x", 1_000));
    network.advance(20);
    const batches = end("control").sent.slice(sent);
    assert.equal(batches.length, 1 + Math.ceil(300 * 1_008 / BATCH_BYTES_MAX));
    assert.ok(batches.every(({ length }) => length <= BATCH_BYTES_MAX));
    assert.equal(b.events.frames.length, 301);
  });

  it("a long frame and short ones behind it arrive in order; a control frame does not wait for any of them", () => {
    const { network, a, b } = pairOf();
    network.latencyMs = () => 5;
    a.links.send(b.id, "data", 1, letter("L", 5 << 20));
    for (const word of "abc") a.links.send(b.id, "data", 1, letter(word));
    network.advance(5);
    a.links.send(b.id, "control", 1, letter("!"));
    network.advance(6);
    assert.equal(b.events.said, "!");
    network.advance(1_000);
    assert.equal(b.events.said, "!Labc");
    assert.deepEqual(b.events.frames.map(({ frame }) => frame.length), [1, 5 << 20, 1, 1, 1]);
  });

  it("data goes only by the link of its generation; control by the newest", () => {
    const { network, a, b } = pairOf();
    assert.equal(a.links.send(b.id, "data", 2, letter("x")), "no-link");
    assert.equal(a.links.send(b.id, "data", 1, letter("1")), "taken");
    network.advance(10);
    network.open("data")[0]?.cut();
    network.open("control")[0]?.cut();
    assert.equal(a.links.send(b.id, "data", 1, letter("x")), "taken", "nobody has noticed yet");
    network.advance(200);
    assert.equal(a.links.send(b.id, "data", 1, letter("x")), "no-link");
    assert.equal(a.links.send(b.id, "data", 2, letter("2")), "taken");
    assert.equal(a.links.send(b.id, "control", 1, letter("c")), "taken");
    network.advance(10);
    assert.deepEqual([...b.events.said].sort().join(""), "12c");
    assert.equal(a.links.counters().unlinkedFrames, 2);
  });

  it("a frame over the limit of its lane is the sender's mistake", () => {
    const { a, b } = pairOf();
    const failure = thrownBy(() =>
      a.links.send(b.id, "control", 1, new Uint8Array(LINK_LIMITS.controlFrameBytesMax + 1))
    );
    assert.equal(failure.code, "message-too-large");
    assert.equal(
      thrownBy(() => a.links.greet("b:1", new Uint8Array(LINK_LIMITS.controlFrameBytesMax + 1))).code,
      "message-too-large",
    );
    assert.equal(
      thrownBy(() => a.links.send(b.id, "data", 1, new Uint8Array((64 << 20) + 1))).code,
      "message-too-large",
    );
    assert.equal(a.links.send(b.id, "control", 1, new Uint8Array(LINK_LIMITS.controlFrameBytesMax)), "taken");
  });
});

describe("a peer that does not read", () => {
  it("fills its own queue, and nothing else", () => {
    const network = new MemoryNetwork();
    const [a, b, c] = [memoryNode(network, "a"), memoryNode(network, "b"), memoryNode(network, "c")];
    join(a, b, c);
    network.advance(50);
    for (const pair of network.open().filter(({ address }) => address === "b:1")) pair.listener.isReading = false;
    for (const lane of ["control", "data"] as const) {
      let taken = 0;
      while (a.links.send(b.id, lane, 1, letter("x", 60_000)) === "taken") if (++taken % 20 === 0) network.advance(1);
      const limit = lane === "control" ? LINK_LIMITS.controlQueueBytesMax : LINK_LIMITS.dataQueueBytesMax;
      const report = a.links.report().find((one) => one.peer === b.id && one.lane === lane);
      assert.ok(report !== undefined && report.queuedBytes <= limit && report.queuedBytes > limit - 60_000);
      assert.ok(taken * 60_000 <= limit + 2 * BATCH_BYTES_MAX, `${taken} frames of 60,000 bytes were taken`);
      assert.equal(a.links.send(c.id, lane, 1, letter("c")), "taken");
    }
    network.advance(10);
    assert.equal(c.events.said, "cc");
    assert.equal(a.links.counters().refusedFrames, 2);
    b.events.onFrame = ({ lane, generation, frame }) => {
      if (lane === "data") b.links.consumed(a.id, generation, frame.length);
    };
    for (const pair of network.open()) pair.listener.read();
    network.advance(2_000);
    assert.deepEqual(a.events.rooms, [b.id], "room is told for data, once");
    assert.equal(a.links.report().find((one) => one.peer === b.id && one.lane === "control")?.queuedBytes, 0);
  });
});

describe("what waits on a link that is lost", () => {
  it("is lost and counted", () => {
    const { network, a, b } = pairOf();
    for (const pair of network.open()) pair.listener.isReading = false;
    for (let index = 0; index < 10; index++) a.links.send(b.id, "control", 1, letter("x", 60_000));
    network.advance(5);
    const waiting = a.links.report().find(({ lane }) => lane === "control")?.queuedFrames ?? 0;
    assert.ok(waiting > 5);
    a.links.closeLink(b.id, "control", 1, "enough");
    assert.equal(a.links.counters().lostFrames, waiting);
  });
});

describe("credit", () => {
  it("holds up a sender whose frames nobody consumes, with half of the window's bytes kept by nobody else", () => {
    const { network, a, b } = pairOf({ limits: { windowBytes: 1 << 20 } });
    let taken = 0;
    while (a.links.send(b.id, "data", 1, letter("x", 100_000)) === "taken") if (++taken % 5 === 0) network.advance(5);
    network.advance(100);
    const arrived = b.events.frames.length * 100_000;
    assert.ok(arrived >= 1 << 20 && arrived <= (1 << 20) + 100_000, `${arrived} bytes arrived`);
    assert.equal(b.links.report().find(({ lane }) => lane === "data")?.unconsumedBytes, arrived);
    assert.ok(taken * 100_000 <= arrived + (16 << 20));
    b.links.consumed(a.id, 2, arrived);
    network.advance(100);
    assert.equal(b.events.frames.length * 100_000, arrived, "what is said of another generation counts for nothing");
    for (let rounds = 0; rounds < 300 && b.events.frames.length < taken; rounds++) {
      b.links.consumed(a.id, 1, 1 << 20);
      network.advance(5);
    }
    assert.equal(b.events.frames.length, taken);
    assert.deepEqual(a.events.rooms, [b.id]);
  });

  it("lets a frame through that is longer than the window", () => {
    const { network, a, b } = pairOf({ limits: { windowBytes: 1_000 } });
    b.events.onFrame = ({ frame, generation }) => b.links.consumed(a.id, generation, frame.length);
    for (const word of "abc") a.links.send(b.id, "data", 1, letter(word, 5 << 20));
    network.advance(2_000);
    assert.equal(b.events.said, "abc");
  });

  it("of one who sends without any ends its link", () => {
    const { network, a, b, end } = pairOf({ limits: { windowBytes: 1_000 } });
    const frames = Array.from({ length: 3 }, () => framePiece(letter("x", 900), 0));
    end("data").send(batchOf(frames), () => {});
    network.advance(10);
    assert.equal(b.events.frames.length, 2, "the window, and a frame");
    assert.ok(b.events.lines.includes("lost a data 1 credit-overrun"));
    assert.ok(a.events.lines.includes("lost b data 1 credit-overrun"), "and it is told");
  });
});

describe("a peer that breaks the rules", () => {
  const cases: readonly (readonly [string, Lane, Uint8Array | undefined, string])[] = [
    ["no frames", "control", new Uint8Array([1, 2, 3]), "malformed"],
    ["text", "control", undefined, "malformed"],
    ["credit on the control lane", "control", batchOf([creditPiece(9)]), "malformed"],
    ["a hello on a link that is up", "data", handshakeBatch(TYPE_HELLO, new Uint8Array(40)), "malformed"],
    ["the beginning of a control frame of 5 MiB", "control", firstOf(5 << 20), "frame-too-large"],
    ["the beginning of a data frame of 100 MiB", "data", firstOf(100 << 20), "frame-too-large"],
    [
      "50,000 pings at once",
      "control",
      batchOf(Array.from({ length: 50_000 }, () => signPiece(TYPE_PING))),
      "too-many-frames",
    ],
    [
      "50,000 pings on the data lane",
      "data",
      batchOf(Array.from({ length: 50_000 }, () => signPiece(TYPE_PING))),
      "too-many-frames",
    ],
    [
      "50,000 empty frames, which need no credit",
      "data",
      batchOf(Array.from({ length: 50_000 }, () => framePiece(new Uint8Array(0), 0))),
      "too-many-frames",
    ],
  ];
  for (const [claim, lane, batch, reason] of cases) {
    it(`and sends ${claim}, loses its link: ${reason}`, () => {
      const { network, a, b } = pairOf();
      network.open(lane)[0]?.listener.forge(batch);
      assert.deepEqual(b.events.lines.at(-1), `lost a ${lane} 1 ${reason}`);
      assert.deepEqual(b.links.counters().ended, { [reason]: 1 });
      network.advance(500);
      assert.ok(a.events.lines.includes(`lost b ${lane} 1 ${reason}`), "and it is told");
      assert.deepEqual([a.events.upCount, b.events.upCount], [2, 2], "it may come again");
    });
  }

  it("20,000 frames a second pass, and go on to", () => {
    const { network, a, b } = pairOf();
    for (let ms = 0; ms < 3_000; ms += 10) {
      for (let index = 0; index < 200; index++) a.links.send(b.id, "control", 1, letter("x"));
      network.advance(10);
    }
    network.advance(10);
    assert.equal(b.events.frames.length, 60_000);
  });

  it("frames that stand behind the end of their link in one batch never surface", () => {
    const { network, a, b, end } = pairOf();
    b.events.onFrame = ({ generation }) => b.links.closeLink(a.id, "control", generation, "enough");
    end("control").send(batchOf([..."123"].map((word) => framePiece(letter(word), 0))), () => {});
    network.advance(5);
    assert.equal(b.events.said, "1");
    assert.ok(b.events.lines.includes("lost a control 1 closed"));
    network.advance(100);
    assert.ok(a.events.lines.includes("lost b control 1 closed"));
  });
});

describe("a stranger", () => {
  it("that says nothing is gone after 3 s, and that says too much at once", () => {
    const network = new MemoryNetwork();
    const b = memoryNode(network, "b");
    const closes: [code: number, atMs: number][] = [];
    const events: SocketEvents = {
      opened: () => {},
      batch: () => {},
      fault: () => {},
      closed: (code) => void closes.push([code, network.nowMs]),
    };
    const dial = () => network.outside("stranger").dial("b:1", "control", events);
    dial();
    network.advance(2_990);
    assert.deepEqual(closes, []);
    network.advance(20);
    assert.deepEqual(closes, [[4408, 4_002]]);
    assert.equal(network.pairs[0]?.listener.closeWords, "handshake-timeout", "the word, and nothing else");
    const second = dial();
    network.advance(2);
    // A hello that is lawful but for its length: a later version may say more, and not without end.
    second.send(
      handshakeBatch(TYPE_HELLO, new Uint8Array([...hello(), ...new Uint8Array(HANDSHAKE_BYTES_MAX)])),
      () => {},
    );
    network.advance(5);
    assert.equal(closes[1]?.[0], 4400);
    assert.deepEqual(
      b.events.refusals.map(({ code, dialedBy, refusedBy, address }) => [code, dialedBy, refusedBy, address]),
      [
        ["handshake-timeout", "them", "us", "127.0.0.1"],
        ["malformed", "them", "us", "127.0.0.1"],
      ],
    );
    assert.ok(
      network.pairs.every(({ settledCount }) => settledCount === 0),
      "their handshakes are never called settled",
    );
  });

  it("that is dialed and says nothing holds up a greeting for 3 s", () => {
    const network = new MemoryNetwork();
    const a = memoryNode(network, "a");
    network.listen("mute:1").accept({
      incoming: (socket) => void socket.take({ opened: () => {}, batch: () => {}, fault: () => {}, closed: () => {} }),
      refused: () => {},
    });
    a.links.greet("mute:1", letter("x"));
    network.advance(2_990);
    assert.equal(a.links.counters().lostGreetings, 0);
    network.advance(20);
    assert.deepEqual(a.links.counters(), {
      refused: { "handshake-timeout": 1 },
      ended: {},
      lostFrames: 0,
      refusedFrames: 0,
      unlinkedFrames: 0,
      lostGreetings: 1,
    });
  });

  it("of another version, cluster or setting is refused on both sides with its reason, and no link is ever up", () => {
    const others: readonly (readonly [MemoryNodeOptions, string])[] = [
      [{ protocol: { min: 2, max: 2 } }, "version-differs"],
      [{ clusterName: "other" }, "cluster-differs"],
      [{ settings: { partitionCount: 7, hash: "murmur" } }, "settings-differ"],
      [{ security: { secrets: [{ id: "k1", value: "a secret of another length" }] } }, "secret-differs"],
    ];
    for (const [options, code] of others) {
      const network = new MemoryNetwork();
      const [a, b] = [memoryNode(network, "a"), memoryNode(network, "b", options)];
      a.links.greet("b:1", letter("x"));
      network.advance(100);
      assert.deepEqual([a.events.lines, b.events.lines], [[], []]);
      assert.deepEqual([a, b].map(({ events }) => events.refusals.map((refusal) => refusal.code)), [[code], [code]]);
      assert.equal(a.events.refusals[0]?.address, "b:1");
    }
  });
});

/** Two members with both links up; `end` is a's end of one of them. */
function pairOf(options: MemoryNodeOptions = {}) {
  const network = new MemoryNetwork();
  const [a, b] = [memoryNode(network, "a", options), memoryNode(network, "b", options)];
  join(a, b);
  network.advance(50);
  const end = (lane: Lane): MemoryEnd => network.open(lane)[0]?.dialer ?? assert.fail("the link is up");
  return { network, a, b, end };
}

/** What a stranger says first. */
function hello(): Uint8Array {
  return encodeHello({ protocol: { min: 1, max: 1 }, lane: "control", nonce: new Uint8Array(32) });
}

/** A first chunk that declares a frame of so many bytes. */
function firstOf(total: number): Uint8Array {
  return batchOf([{ type: TYPE_CHUNK_FIRST, total, bytes: new Uint8Array(1 << 16), from: 0, end: 1 << 16 }]);
}
