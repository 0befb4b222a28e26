/**
 * The driver of one node over links that are a list: what it makes of what they say, what it says to them, and a node that
 * founds its cluster alone by real clocks.
 *
 * @module
 */
import assert from "node:assert/strict";
import { performance } from "node:perf_hooks";
import { describe, it } from "node:test";
import { encodeFrame } from "../../cluster/frame_bytes.ts";
import { TIMINGS } from "../../cluster/settings.ts";
import { ActorError } from "../../core/failure.ts";
import { epoch, instant, type NodeId, nodeId } from "../../core/ids.ts";
import type { LinkEvents, Links } from "../../remoting/links.ts";
import { ClusterDriver } from "../../system/cluster_driver.ts";
import { ClusterThreads } from "../../system/cluster_threads.ts";
import { encodePeerWord } from "../../system/peer_words.ts";

const QUIET = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const b = nodeId("b");
const WORD = encodePeerWord({ kind: "again" });
const PING = encodeFrame({
  clusterId: "c-1",
  epoch: epoch(1),
  part: "detector",
  message: { kind: "ping", seq: 1, accused: false },
});
/** Thirty times as fast as the defaults. */
const QUICK = {
  ...TIMINGS,
  tickMs: 5,
  leaseMs: 200,
  promiseMs: 210,
  renewMs: 50,
  softAfterMs: 120,
  softRenewMs: 10,
  probeMs: 60,
  probeTimeoutMs: 30,
  cutDelayMs: 20,
};

describe("the driver of a node", () => {
  it("founds a cluster alone, and then may run actors", async () => {
    await using node = new Driven();
    node.driver.begin();
    await node.driver.whenReady();
    assert.deepEqual(node.driver.view?.members.map(({ id }) => id), [node.driver.id]);
    assert.ok(node.driver.leaseLeftMs > 0 && node.driver.leaseLeftMs <= QUICK.leaseMs);
    assert.ok(node.seen.includes(`view ${node.driver.view?.epoch}`), "whoever watches has seen it");
    const found = await node.driver.request((requestId, deadlineIn) => ({
      kind: "locate",
      requestId,
      key: "note:a",
      deadline: deadlineIn(2_000),
    }));
    assert.deepEqual(found, { kind: "located", entry: undefined });
    await node.driver.whenReady(); // Again, at once.
  });

  it("founds nothing before discovery has said who else there is", async () => {
    await using node = new Driven({ bootstrapTimeoutMs: 300 });
    node.isFindable = false;
    node.driver.begin();
    const failure: unknown = await node.driver.whenReady().catch((thrown) => thrown);
    assert.ok(failure instanceof ActorError && failure.code === "bootstrap-timeout", String(failure));
    assert.match(failure.message, /nowhere/);
    node.isFindable = true;
    await node.driver.whenReady();
  });

  it("says who was missing when it founds none in time", async () => {
    await using node = new Driven({ minimumPeersQuorum: 3, bootstrapTimeoutMs: 100 });
    node.addresses = ["b:2"];
    node.driver.begin();
    node.events.refused({ address: "b:2", peer: undefined, code: "timeout", words: "no answer" } as never);
    const failure: unknown = await node.driver.whenReady().catch((thrown) => thrown);
    assert.ok(failure instanceof ActorError && failure.code === "bootstrap-timeout", String(failure));
    assert.match(failure.message, /Cannot join or found a cluster in 100 ms/);
    assert.match(failure.message, /discovery named b:2/);
    assert.match(failure.message, /asks for 2 more/);
    assert.match(failure.message, /b:2: timeout/);
  });

  it("greets whom discovery names, and remembers why that failed", async () => {
    await using node = new Driven({ minimumPeersQuorum: 2 });
    node.addresses = ["b:2"];
    node.driver.begin();
    await node.until(() => node.said.some((line) => line.startsWith("greet b:2")));
    node.isFindable = false;
    await node.until(() => node.driver.discoveryFailure !== undefined);
    assert.match(node.driver.discoveryFailure ?? "", /nowhere/);
  });

  it("closes a link by which something came that is no frame, and counts it", async () => {
    await using node = new Driven();
    node.driver.begin();
    for (const bytes of [Uint8Array.of(0, 0xc1), Uint8Array.of(9), new Uint8Array(0)]) {
      node.events.frame(b, "data", 4, bytes);
    }
    node.events.frame(b, "control", 1, PING);
    assert.deepEqual([node.driver.counts.framesMalformed, node.driver.counts.framesReceived], [3, 4]);
    assert.deepEqual(node.said.filter((line) => line.startsWith("close")), Array(3).fill("close b data 4"));
  });

  it("passes a system's words on from members only", async () => {
    await using node = new Driven();
    node.driver.begin();
    node.events.frame(b, "data", 1, WORD);
    await node.driver.whenReady();
    node.events.frame(b, "data", 1, WORD);
    node.events.frame(node.driver.id, "data", 1, WORD);
    await node.until(() => node.seen.some((line) => line.startsWith("word")));
    assert.deepEqual(node.seen.filter((line) => line.startsWith("word")), [`word ${node.driver.id}`]);
  });

  it("ends the link of a word that cannot be taken, and goes on", async () => {
    await using node = new Driven();
    node.driver.begin();
    await node.driver.whenReady();
    node.breaks = "word";
    node.events.frame(node.driver.id, "data", 7, WORD);
    await node.until(() => node.said.includes(`close ${node.driver.id} data 7`));
    assert.ok(!node.seen.includes("event nodeFenced"));
  });

  it("begins anew as another node when something is half done: with no lease, and with nothing of before", async () => {
    await using node = new Driven();
    node.driver.begin();
    await node.driver.whenReady();
    const { id } = node.driver;
    const waiting = node.driver.request((requestId, deadlineIn) => {
      node.driver.afterInputs(() => node.broke());
      return { kind: "locate", requestId, key: "note:a", deadline: deadlineIn(60_000) };
    });
    await node.until(() => node.seen.includes("event nodeFenced"));
    assert.equal((await waiting).kind, "failed");
    assert.notEqual(node.driver.id, id);
    assert.deepEqual([node.driver.view, node.driver.leaseLeftMs, node.threads.lease.mayLeave()], [undefined, 0, false]);
  });

  it("is not ready before its store has said which generation its cluster is", async () => {
    const store = Promise.withResolvers<number>();
    await using node = new Driven({ storeGeneration: () => store.promise });
    node.driver.begin();
    await node.until(() => node.driver.leaseLeftMs > 0);
    assert.match(node.driver.notReady(7).message, /store has not said in 7 ms/);
    let isReady = false;
    const ready = node.driver.whenReady().then(() => isReady = true);
    await node.until(() => node.driver.counts.framesSent >= 0);
    assert.equal(isReady, false);
    store.resolve(1);
    await ready;
  });

  it("sends a system's words by the newest data link, and ends one that has no room for what is owed", async () => {
    await using node = new Driven();
    node.driver.begin();
    const { driver, events } = node;
    const send = (isOwed: boolean) => driver.sendPeer(b, WORD, isOwed);
    events.linkUp(b, "control", 1);
    assert.equal(send(true), false, "there is no data link");
    events.linkUp(b, "data", 3);
    assert.equal(send(false), true);
    events.linkLost(b, "data", 2, "an older one");
    assert.equal(send(true), true);
    node.takes = "full";
    assert.equal(send(false), false);
    assert.deepEqual(node.said.filter((line) => line.startsWith("close")), []);
    assert.equal(send(true), false);
    assert.deepEqual(node.said.filter((line) => line.startsWith("close")), ["close b data 3"]);
    events.linkLost(b, "data", 3, "closed");
    node.takes = "taken";
    assert.equal(send(true), false, "there is none any more");
    assert.deepEqual(node.said.filter((line) => line.startsWith("send b data")), [
      "send b data 3",
      "send b data 3 owed",
      "send b data 3",
      "send b data 3 owed",
    ]);
  });

  it("tells the system of data links, each beginning and each end once", async () => {
    await using node = new Driven();
    node.driver.begin();
    const { events } = node;
    events.linkUp(b, "control", 1);
    events.linkUp(b, "data", 1);
    events.linkLost(b, "control", 1, "x");
    events.linkLost(b, "data", 1, "x");
    events.linkUp(b, "data", 2);
    assert.deepEqual(node.seen.filter((line) => line.startsWith("link")), [
      "link b true",
      "link b false",
      "link b true",
    ]);
  });

  it("gives room for what came only after it was taken", async () => {
    await using node = new Driven();
    node.driver.begin();
    node.events.linkUp(b, "data", 1);
    node.events.frame(b, "data", 1, PING);
    assert.deepEqual(node.said.filter((line) => line.startsWith("consumed")), []);
    await node.until(() => node.said.includes(`consumed b 1 ${PING.length}`));
  });

  it("hears nothing more once it is closed, and lets nobody wait", async () => {
    const node = new Driven({ minimumPeersQuorum: 2 });
    node.driver.begin();
    const ready = node.driver.whenReady().catch((thrown) => (thrown as ActorError).code);
    const request = node.driver.request((requestId, deadlineIn) => ({
      kind: "locate",
      requestId,
      key: "a",
      deadline: deadlineIn(60_000),
    }));
    await node.driver.close();
    await node.driver.close();
    assert.equal(await ready, "system-stopping");
    await assert.rejects(node.driver.whenReady(), { code: "system-stopping" });
    assert.equal((await request).kind, "failed");
    const late: unknown = await node.driver.request((requestId) => ({
      kind: "locate",
      requestId,
      key: "a",
      deadline: instant(0),
    })).catch((thrown) => thrown);
    assert.ok(late instanceof ActorError && late.code === "system-stopping");
    const { framesReceived } = node.driver.counts;
    node.events.frame(b, "data", 1, PING);
    assert.equal(node.driver.counts.framesReceived, framesReceived);
    assert.equal(node.threads.lease.mayLeave(), false);
  });
});

/** A driver, with links that are written down. */
class Driven implements AsyncDisposable {
  readonly said: string[] = [];
  readonly seen: string[] = [];
  readonly threads: ClusterThreads;
  readonly driver: ClusterDriver;
  takes: "taken" | "full" | "no-link" = "taken";
  breaks: "nothing" | "word" = "nothing";
  isFindable = true;
  /** What discovery names. */
  addresses: readonly string[] = ["a:1"];
  #events: LinkEvents | undefined = undefined;

  constructor(
    { minimumPeersQuorum = 1, bootstrapTimeoutMs = 20_000, storeGeneration = () => Promise.resolve(0) } = {},
  ) {
    this.threads = new ClusterThreads({
      messageBytesMax: 1 << 24,
      workers: 0,
      partitionCount: 3,
      timings: QUICK,
      clock: () => instant(performance.now()),
      wallClock: Date.now,
      tell: (input) => this.driver.tell(input),
      afterInputs: (go) => this.driver.afterInputs(go),
      isSettledHere: (key, token) => this.driver.isSettledHere(key, token),
      sent: () => {},
      watch: () => {},
      beginsAgain: () => true,
      stuck: () => {},
    });
    this.driver = new ClusterDriver({
      address: "a:1",
      zone: "",
      roles: [],
      kinds: [],
      capacity: 1,
      settings: {
        name: "rig",
        partitionCount: 3,
        replicaCount: 3,
        writeQuorum: 2,
        readQuorum: 1,
        rule: { kind: "dynamic" },
        minimumPeersQuorum,
      },
      timings: { ...QUICK, bootstrapTimeoutMs },
      tableBytes: 1 << 20,
      barrier: { minimumMembers: 1, timeoutMs: 1_000, onTimeout: "proceed" },
      creationOf: () => undefined,
      threads: this.threads,
      log: QUIET,
      links: (_id, events) => this.#open(events),
      find: () => this.isFindable ? Promise.resolve(this.addresses) : Promise.reject(new Error("nowhere")),
      storeGeneration,
      flush: () => {},
      watcher: {
        event: (event) => this.seen.push(`event ${event.kind}`),
        view: ({ epoch }) => this.seen.push(`view ${epoch}`),
        peerWord: (from) => {
          if (this.breaks === "word") this.broke();
          this.seen.push(`word ${from}`);
        },
        peerLink: (peer, isUp) => this.seen.push(`link ${peer} ${isUp}`),
        deadLetter: () => {},
      },
    });
  }

  /** Something throws. */
  broke(): never {
    throw new Error("the test says so");
  }

  get events(): LinkEvents {
    assert.ok(this.#events !== undefined, "the driver has begun");
    return this.#events;
  }

  /** Waits, a tick at a time, until something holds. The runner ends a test that never does. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise((resolve) => setTimeout(resolve, QUICK.tickMs));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.driver.close();
  }

  #open(events: LinkEvents): Links {
    this.#events = events;
    const say = (line: string) => void this.said.push(line);
    return {
      greet: (address) => say(`greet ${address}`),
      send: (to: NodeId, lane, generation, _frame, isOwed) => {
        say(`send ${to} ${lane} ${generation}${isOwed === true ? " owed" : ""}`);
        return this.takes;
      },
      setPeers: () => {},
      closeLink: (peer, lane, generation) => say(`close ${peer} ${lane} ${generation}`),
      consumed: (peer, generation, bytes) => say(`consumed ${peer} ${generation} ${bytes}`),
      report: () => [],
      counters: () => ({}) as ReturnType<Links["counters"]>,
      close: () => Promise.resolve(),
    };
  }
}
