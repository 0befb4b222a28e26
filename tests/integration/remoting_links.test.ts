/**
 * Links over real sockets: frames both ways, long and short, and what is lost comes back.
 *
 * @module
 */
import assert from "node:assert/strict";
import process from "node:process";
import { afterEach, describe, it } from "node:test";
import { setImmediate } from "node:timers/promises";
import { eventually, failureOf } from "../fixtures/conditions.ts";
import { listen } from "../../remoting/listener.ts";
import {
  generationOf,
  joined,
  openWay,
  type RealNode,
  realNode,
  type RealNodeOptions,
  type Way,
} from "../remoting/real_node.ts";
import { letter } from "../remoting/recorded_links.ts";

describe("links over sockets", { timeout: 60_000 }, () => {
  let stops: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const stop of stops) await stop();
    stops = [];
  });

  async function start(name: string, options: RealNodeOptions = {}): Promise<RealNode> {
    const node = await realNode(name, options);
    stops.unshift(() => node.stop());
    return node;
  }

  /** A node that is reached by a way that can be held up. */
  async function startBehindWay(name: string, options: RealNodeOptions = {}): Promise<{ node: RealNode; way: Way }> {
    let port = 0;
    const way = await openWay(() => port);
    stops.push(() => way.close());
    const listening = { ...options.listen, advertise: { host: "127.0.0.1", port: way.port } };
    const node = await start(name, { ...options, listen: listening });
    port = node.listener.port;
    return { node, way };
  }

  it("two nodes exchange frames on both lanes", async () => {
    const [a, b] = [await start("a"), await start("b")];
    a.links.greet(b.address, letter("g"));
    await eventually("the greeting came", () => b.events.said === "g");
    await joined(a, b);
    for (const lane of ["control", "data"] as const) {
      for (let index = 0; index < 1_000; index++) {
        assert.equal(a.links.send(b.id, lane, generationOf(a, b, lane), new Uint8Array([index, index >> 8])), "taken");
        assert.equal(b.links.send(a.id, lane, generationOf(b, a, lane), new Uint8Array([index, index >> 8])), "taken");
      }
    }
    for (const { events } of [a, b]) {
      await eventually("all frames came", () => events.frames.length >= 2_000);
      for (const lane of ["control", "data"]) {
        const numbers = events.frames.filter((one) => one.lane === lane && one.frame.length === 2)
          .map(({ frame }) => (frame[0] ?? 0) + (frame[1] ?? 0) * 256);
        assert.deepEqual(numbers, Array.from({ length: 1_000 }, (_, index) => index));
      }
    }
    const [report] = a.links.report();
    assert.deepEqual([report?.peer, report?.address, report?.dialedBy], [b.id, b.address, "us"]);
    assert.equal(a.links.report().length, 2);
  });

  it("a frame of 8 MiB and short ones around it arrive whole and in order", async () => {
    const [a, b] = [await start("a"), await start("b")];
    await joined(a, b);
    b.events.onFrame = ({ generation, frame }) => b.links.consumed(a.id, generation, frame.length);
    const long = new Uint8Array(8 << 20);
    for (let index = 0; index < long.length; index += 4_093) long[index] = index;
    const sent = [letter("1"), long, letter("2", 70_000), letter("3"), long.subarray(0, 3 << 20), letter("4")];
    for (const frame of sent) assert.equal(a.links.send(b.id, "data", generationOf(a, b, "data"), frame), "taken");
    await eventually("all came", () => b.events.frames.length === sent.length);
    for (const [index, { frame }] of b.events.frames.entries()) {
      const expected = sent[index];
      assert.ok(expected !== undefined && frame.length === expected.length, `length of frame ${index}`);
      assert.ok(frame.every((byte, at) => byte === expected[at]), `bytes of frame ${index}`);
    }
  });

  it("frames that are kept stay as they came, whatever comes after them", async () => {
    const [a, b] = [await start("a"), await start("b")];
    await joined(a, b);
    b.events.onFrame = ({ generation, frame }) => b.links.consumed(a.id, generation, frame.length);
    const lengths = [50_000, 65_536, 3, 40_000, 900, 65_000];
    for (let index = 0; index < 300; index++) {
      const frame = new Uint8Array(lengths[index % lengths.length] ?? 0).fill(index);
      while (a.links.send(b.id, "data", generationOf(a, b, "data"), frame) !== "taken") await setImmediate();
    }
    await eventually("all came", () => b.events.frames.length === 300);
    for (const [index, { frame }] of b.events.frames.entries()) {
      assert.equal(frame.length, lengths[index % lengths.length]);
      assert.ok(frame.every((byte) => byte === index % 256), `frame ${index}`);
      assert.equal(frame.constructor, Uint8Array);
    }
  });

  it("a peer that stops reading fills its queue and no more, and the others don't notice", async () => {
    const a = await start("a");
    const { node: b, way } = await startBehindWay("b");
    const c = await start("c");
    await joined(a, b, c);
    way.hold();
    const frame = () => new Uint8Array(64_000).fill(7);
    const rssBefore = process.memoryUsage().rss;
    const generation = generationOf(a, b, "data");
    let taken = 0;
    // Credit ends before the buffers of the system do: so grant what is wanted, as a reading peer would.
    for (let quiet = 0; quiet < 20;) {
      if (a.links.send(b.id, "data", generation, frame()) === "taken") taken++;
      else quiet++;
      await setImmediate();
    }
    const report = a.links.report().find((one) => one.peer === b.id && one.lane === "data");
    assert.ok(report !== undefined && report.queuedBytes <= 16 << 20 && report.queuedBytes > 15 << 20);
    assert.ok(taken * 64_000 < (16 + 8 + 1) << 20, `${taken * 64_000} bytes were taken`);
    const grownMb = (process.memoryUsage().rss - rssBefore) / (1 << 20);
    assert.ok(grownMb < 150, `memory grew by ${grownMb} MiB`);
    for (let index = 0; index < 100; index++) a.links.send(c.id, "data", generationOf(a, c, "data"), frame());
    await eventually("the other link goes on", () => c.events.frames.length === 100);
    assert.equal(b.events.frames.length, 0);
    b.events.onFrame = ({ generation, frame }) => b.links.consumed(a.id, generation, frame.length);
    way.go();
    await eventually("all came in the end", () => b.events.frames.length === taken);
    assert.deepEqual(a.events.rooms, [b.id]);
  });

  it("sockets that are cut are lost on both sides and dialed again, and frames go on under the next generation", async () => {
    const a = await start("a");
    const { node: b, way } = await startBehindWay("b");
    await joined(a, b);
    way.cut();
    await eventually("both are linked again", () =>
      [a, b].every(({ events }) => {
        return events.lines.filter((line) => line.startsWith("lost")).length === 2 && events.upCount === 2;
      }));
    assert.deepEqual([generationOf(a, b, "data"), generationOf(b, a, "control")], [2, 2]);
    assert.equal(a.links.send(b.id, "data", 1, letter("x")), "no-link");
    assert.equal(a.links.send(b.id, "data", 2, letter("y")), "taken");
    await eventually("the frame came", () => b.events.said === "y");
  });

  it("a way that falls mute is found by its silence", async () => {
    const limits = { pingAfterMs: 50, silenceMs: 300 };
    const a = await start("a", { links: { limits } });
    const { node: b, way } = await startBehindWay("b");
    await joined(a, b);
    way.hold();
    await eventually(
      "both lanes are lost",
      () => a.events.lines.filter((line) => line.endsWith("silent")).length === 2,
    );
    way.go();
    await eventually("and linked again", () => a.events.upCount === 2);
  });

  it("a process that begins again at the same port under another id is met as another node", async () => {
    const a = await start("a");
    const b = await realNode("b");
    await joined(a, b);
    const { port } = b.listener;
    await b.stop();
    await eventually("the links are lost", () => a.events.upCount === 0);
    const again = await start("b-again", { listen: { port } });
    await eventually("the old one is not found", () => a.events.refusals.some(({ code }) => code === "another-node"));
    a.links.greet(again.address, letter("h"));
    await eventually("the new one is", () => again.events.said === "h");
    await joined(a, again);
    assert.equal(a.events.generation(b.id, "control"), undefined);
  });

  it("an identity that is over gives its port to the next, and the port is never closed", async () => {
    const [a, b] = [await start("a"), await start("b")];
    await joined(a, b);
    await b.links.close(1_000);
    await eventually("the peer has noticed", () => a.events.upCount === 0);
    a.links.setPeers(new Map());
    a.links.greet(b.address, letter("n"));
    await eventually("nobody is there", () => a.events.refusals.some(({ words }) => words.includes("503")));
    const next = await realNode("b2", { links: { listener: b.listener, self: { id: b.id, address: b.address } } });
    stops.unshift(() => next.stop());
    a.links.greet(b.address, letter("y"));
    await eventually("somebody is there again", () => next.events.said === "y");
  });

  it("an identity that ends late does not take the port from the next", async () => {
    const [a, b] = [await start("a"), await start("b")];
    const next = await realNode("b2", { links: { listener: b.listener } });
    await b.links.close(1_000);
    stops.unshift(() => next.stop());
    a.links.greet(b.address, letter("y"));
    await eventually("the next one is there", () => next.events.said === "y");
  });

  it("a hundred dials at once all end as links", async () => {
    const nodes = await Promise.all(Array.from({ length: 8 }, (_, index) => start(`n${index}`)));
    await joined(...nodes);
    for (const { links } of nodes) assert.equal(links.report().length, 14);
  });

  it("closing sends what waits", async () => {
    const [a, b] = [await start("a"), await start("b")];
    await joined(a, b);
    b.events.onFrame = ({ generation, frame }) => b.links.consumed(a.id, generation, frame.length);
    for (let index = 0; index < 100; index++) a.links.send(b.id, "data", 1, letter("x", 100_000));
    await a.links.close(10_000);
    await eventually("all came", () => b.events.frames.length === 100);
    await eventually("and why it ends", () => b.events.lines.filter((line) => line.endsWith("closing")).length === 2);
  });
});

describe("a port", { timeout: 30_000 }, () => {
  it("answers HTTP beside the links, and says where it is", async () => {
    const listener = await listen({
      host: "127.0.0.1",
      port: 0,
      advertise: { host: "node-1.example.org" },
      fetch: (request) => new Response(`${request.method} ${new URL(request.url).pathname}`),
    });
    assert.equal(listener.address, `node-1.example.org:${listener.port}`);
    const response = await fetch(`http://127.0.0.1:${listener.port}/health`);
    assert.equal(await response.text(), "GET /health");
    await listener.close();
    await listener.close();
  });

  it("that is taken is said to be, with what the system says of it", async () => {
    const listener = await listen({ host: "127.0.0.1", port: 0 });
    const failure = await failureOf(listen({ host: "127.0.0.1", port: listener.port }));
    assert.equal(failure.code, "start-failed");
    assert.match(failure.message, /Cannot listen at 127\.0\.0\.1:[0-9]+: .*(in use|EADDRINUSE)/i);
    await listener.close();
    const again = await listen({ host: "127.0.0.1", port: listener.port });
    await again.close();
  });
});
