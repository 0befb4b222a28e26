/**
 * What systems say to each other beside their machines: topics, watches and lists between three nodes.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { encodeToBytes } from "../../core/codec.ts";
import { type ActorKey, nodeId } from "../../core/ids.ts";
import { asked } from "../rig/outcome.ts";
import { Prices, TalkRig } from "./talk_rig.ts";

describe("topics between nodes", () => {
  it("a value crosses once to each node that has subscribers, however many, and to no other", async () => {
    const rig = await subscribed(["b", "b", "b", "c"]);
    rig.words();
    await publish(rig, "a", 7);
    assert.deepEqual(rig.words().toSorted(), ["a>b published prices", "a>c published prices"]);
    assert.deepEqual(rig.lines().toSorted(), ["watcher:b0 7", "watcher:b1 7", "watcher:b2 7", "watcher:c3 7"]);
    await publish(rig, "b", 8);
    assert.deepEqual(rig.words(), ["b>c published prices"]);
  });

  it("a value that came from a node goes no further, and not back", async () => {
    const rig = await subscribed(["a", "b", "c"]);
    rig.words();
    await publish(rig, "b", 9);
    assert.deepEqual(rig.words().toSorted(), ["b>a published prices", "b>c published prices"]);
    assert.deepEqual(rig.lines().toSorted(), ["watcher:a0 9", "watcher:b1 9", "watcher:c2 9"]);
  });

  it("a value of a worker goes to the nodes once, and one from a node to each worker once", async () => {
    const rig = await subscribed(["b"]);
    const { host, notices } = rig.node("a");
    assert.ok(notices.some((notice) => notice.notice === "interest" && notice.isInterested), "workers must tell it");
    rig.words();
    host.topics.deliver(Prices.name, 5); // As the worker's notice does.
    await rig.run();
    assert.deepEqual([rig.words(), rig.lines()], [["a>b published prices"], ["watcher:b0 5"]]);
    const b = rig.node("b");
    b.host.topics.interest(Prices.name, 1 as never, true);
    b.notices.length = 0;
    await publish(rig, "a", 6);
    assert.deepEqual(b.notices.map(({ notice }) => notice), ["published"]);
  });

  it("interest is told when it begins and when it ends, not for each subscriber", async () => {
    const rig = await subscribed(["a", "a"]);
    assert.deepEqual(rig.words().toSorted(), ["a>b interest prices true", "a>c interest prices true"]);
    rig.node("a").tell("watcher:a0", rig.story.Watcher, "unsubscribe");
    await rig.run();
    assert.deepEqual(rig.words(), []);
    rig.node("a").tell("watcher:a1", rig.story.Watcher, "unsubscribe");
    await rig.run();
    assert.deepEqual(rig.words().toSorted(), ["a>b interest prices false", "a>c interest prices false"]);
    await publish(rig, "b", 1);
    assert.deepEqual(rig.words(), []);
  });

  it("a subscriber outside of actors counts too", async () => {
    const rig = new TalkRig();
    const values: unknown[] = [];
    const unlisten = rig.node("c").host.topics.listen(Prices.name, (value) => values.push(value));
    await rig.run();
    await publish(rig, "a", 3);
    unlisten();
    await publish(rig, "a", 4);
    assert.deepEqual(values, [3]);
  });

  it("nobody forwards to a node whose link is lost, and the link made anew has interest again", async () => {
    const rig = await subscribed(["b"]);
    rig.cut("a", "b");
    rig.words();
    await publish(rig, "a", 1);
    assert.deepEqual([rig.words(), rig.lines(), rig.node("a").talk.unsentCount], [[], [], 0]);
    rig.link("a", "b");
    await rig.run();
    assert.deepEqual(rig.words(), ["b>a interest prices true"]);
    await publish(rig, "a", 2);
    assert.deepEqual(rig.lines(), ["watcher:b0 2"]);
  });

  it("one whose view comes late hears everything again", async () => {
    const rig = await subscribed(["b"]);
    rig.words();
    // As far as a knew, b was no member when it said what it subscribes to.
    rig.node("a").talk.viewInstalled({ ...rig.view, members: rig.view.members.filter(({ id }) => id !== "b") });
    rig.node("a").talk.viewInstalled(rig.view);
    await rig.run();
    assert.deepEqual(rig.words(), ["a>b again", "b>a interest prices true"]);
  });

  it("counts what a link did not take, and what cannot travel", async () => {
    const rig = await subscribed(["b"]);
    rig.node("a").isFull = true;
    await publish(rig, "a", 1);
    assert.equal(rig.node("a").talk.unsentCount, 1);
    rig.node("a").isFull = false;
    rig.node("a").host.topics.publish(Prices.name, () => {});
    assert.equal(rig.node("a").talk.unsentCount, 2);
    assert.deepEqual(rig.lines(), []);
  });
});

describe("watches between nodes", () => {
  it("an actor elsewhere that ends is told to its watcher, once", async () => {
    const rig = await watching("b");
    rig.node("b").stop("bob");
    await rig.run();
    assert.deepEqual(rig.lines(), ["watcher:w hears bob stop"]);
    assert.deepEqual(rig.words(), ["a>b watch bob for watcher:w", "b>a terminated bob stop for watcher:w"]);
  });

  it("each watcher of each node is told", async () => {
    const rig = await watching("b");
    rig.begin("c", "watcher:v", rig.story.Watcher);
    rig.begin("b", "watcher:u", rig.story.Watcher);
    rig.node("c").tell("watcher:v", rig.story.Watcher, "watch", "bob");
    rig.node("b").tell("watcher:u", rig.story.Watcher, "watch", "bob");
    await rig.run();
    rig.node("b").stop("bob");
    await rig.run();
    assert.deepEqual(rig.lines().toSorted(), [
      "watcher:u hears bob stop",
      "watcher:v hears bob stop",
      "watcher:w hears bob stop",
    ]);
  });

  it("one that nobody has is not found, at once", async () => {
    const rig = await watching(undefined);
    assert.deepEqual([rig.lines(), rig.words()], [["watcher:w hears bob not-found"], []]);
  });

  it("one that is on this node's worker is watched there, and its end comes back", async () => {
    const rig = await watching("a", true);
    const a = rig.node("a");
    assert.deepEqual(a.notices.map(({ notice }) => notice), ["watch"]);
    a.host.watches.endedHere("watcher:w" as ActorKey, "bob" as ActorKey, "plain", "failed");
    await rig.run();
    assert.deepEqual(rig.lines(), ["watcher:w hears bob failed"]);
  });

  it("a watcher on a worker is told there", async () => {
    const rig = new TalkRig();
    rig.begin("b", "bob", rig.story.Plain);
    rig.node("a").talk.watch(1 as never, "watcher:w" as ActorKey, "bob" as ActorKey, "plain", true);
    await rig.run();
    rig.node("b").stop("bob");
    await rig.run();
    assert.deepEqual(rig.node("a").notices, [
      { notice: "ended", watcher: "watcher:w", key: "bob", kind: "plain", reason: "stop" },
    ]);
  });

  it("a node that leaves the cluster takes what ran on it along", async () => {
    const rig = await watching("b");
    rig.remove("b");
    await rig.run();
    assert.deepEqual(rig.lines(), ["watcher:w hears bob node-lost"]);
    rig.node("b").stop("bob");
    await rig.run();
    assert.deepEqual(rig.lines(), [], "told once");
  });

  it("but a node that left in good order has handed it on, though nobody heard so before it was out", async () => {
    const rig = await watching("b");
    rig.leave("b");
    rig.cut("a", "b");
    rig.node("b").stop("bob", "moved");
    rig.remove("b");
    await rig.run();
    assert.deepEqual(rig.lines(), [], "the registry still names the node that is out");
    rig.registry.set("bob", "c");
    rig.node("c").begin("bob", rig.story.Plain, 2);
    await rig.pass(600);
    rig.node("c").stop("bob", "released", 2);
    await rig.run();
    assert.deepEqual(rig.lines(), ["watcher:w hears bob stop"]);
  });

  it("and what it had and did not hand on is not found", async () => {
    const rig = await watching("b");
    rig.leave("b");
    rig.registry.delete("bob");
    rig.remove("b");
    await rig.run();
    assert.deepEqual(rig.lines(), ["watcher:w hears bob not-found"]);
  });

  it("no longer watched, it is not told", async () => {
    const rig = await watching("b");
    rig.node("a").tell("watcher:w", rig.story.Watcher, "unwatch", "bob");
    await rig.run();
    rig.node("b").stop("bob");
    await rig.run();
    assert.deepEqual(rig.lines(), []);
    assert.deepEqual(rig.words(), ["a>b watch bob for watcher:w", "a>b unwatch bob for watcher:w"]);
  });

  it("a watcher that ends watches no more", async () => {
    const rig = await watching("b");
    rig.node("a").stop("watcher:w");
    await rig.run();
    rig.node("b").stop("bob");
    await rig.run();
    assert.ok(rig.words().includes("a>b unwatch bob for watcher:w"));
    assert.deepEqual(rig.lines(), []);
  });

  it("an actor that moves takes its watchers along", async () => {
    const rig = await watching("b");
    rig.registry.set("bob", "c");
    rig.node("c").begin("bob", rig.story.Plain, 2);
    rig.node("b").stop("bob", "moved");
    await rig.run();
    assert.deepEqual(rig.lines(), []);
    rig.node("c").stop("bob", "released", 2);
    await rig.run();
    assert.deepEqual(rig.lines(), ["watcher:w hears bob stop"]);
  });

  it("and a watcher that comes to the node of what it watches is told there, though its old node is gone", async () => {
    const rig = await watching("b");
    rig.node("a").stop("watcher:w", "fenced");
    rig.remove("a");
    rig.node("b").begin("watcher:w", rig.story.Watcher, 2);
    rig.node("b").tell("watcher:w", rig.story.Watcher, "watch", "bob");
    await rig.run();
    rig.node("b").stop("bob");
    await rig.run();
    assert.deepEqual(rig.lines(), ["watcher:w hears bob stop"]);
  });

  it("also while it is nowhere for a moment: the registry still names the node it has left", async () => {
    const rig = await watching("b");
    rig.node("b").stop("bob", "moved");
    await rig.pass(1_200);
    assert.deepEqual(rig.lines(), []);
    rig.registry.set("bob", "c");
    rig.node("c").begin("bob", rig.story.Plain, 2);
    await rig.pass(600);
    rig.node("c").stop("bob", "released", 2);
    await rig.run();
    assert.deepEqual(rig.lines(), ["watcher:w hears bob stop"]);
  });

  it("to the watchers on its own thread too", async () => {
    const rig = await watching("a");
    rig.registry.set("bob", "c");
    rig.node("c").begin("bob", rig.story.Plain, 2);
    rig.node("a").stop("bob", "moved");
    await rig.run();
    assert.deepEqual(rig.lines(), []);
    rig.node("c").stop("bob", "released", 2);
    await rig.run();
    assert.deepEqual(rig.lines(), ["watcher:w hears bob stop"]);
  });

  it("but one that the registry names and no node has is not found in the end", async () => {
    const rig = await watching("b");
    rig.node("b").stop("bob", "moved");
    await rig.pass(60_000);
    assert.deepEqual(rig.lines(), ["watcher:w hears bob not-found"]);
    assert.equal(rig.waits.size, 0);
  });

  it("a child that is not there is not found at once: it moves nowhere", async () => {
    const rig = new TalkRig();
    rig.begin("b", "bob", rig.story.Plain);
    rig.begin("a", "watcher:w", rig.story.Watcher);
    await rig.run();
    const heard: string[] = [];
    const { host, talk } = rig.node("a");
    host.watches.endedHere = (watcher, key, _kind, reason) => heard.push(`${watcher} ${key} ${reason}`);
    talk.watch(0 as never, "watcher:w" as ActorKey, "bob/child" as ActorKey, "plain", true);
    await rig.run();
    assert.deepEqual(heard, ["watcher:w bob/child not-found"]);
  });

  it("is asked again for as long as the registry cannot say where it is, and no longer than it is wanted", async () => {
    const rig = await watching("?");
    await rig.pass(5_000);
    assert.equal(rig.lookups, 11);
    assert.deepEqual(rig.lines(), []);
    rig.begin("b", "bob", rig.story.Plain);
    await rig.pass(500);
    rig.node("b").stop("bob");
    await rig.run();
    assert.deepEqual(rig.lines(), ["watcher:w hears bob stop"]);
    rig.registry.set("bob", "?");
    rig.node("a").tell("watcher:w", rig.story.Watcher, "watch", "bob");
    await rig.run();
    rig.node("a").tell("watcher:w", rig.story.Watcher, "unwatch", "bob");
    await rig.pass(1_000);
    const { lookups } = rig;
    await rig.pass(5_000);
    assert.equal(rig.lookups, lookups);
  });

  it("a link that was lost costs no answer: what ended meanwhile is told by the next", async () => {
    const rig = await watching("b");
    rig.cut("a", "b");
    rig.node("b").stop("bob");
    rig.registry.delete("bob");
    await rig.run();
    assert.deepEqual(rig.lines(), []);
    rig.link("a", "b");
    await rig.pass(1_000);
    assert.deepEqual(rig.lines(), ["watcher:w hears bob not-found"]);
  });

  it("nor what moved meanwhile", async () => {
    const rig = await watching("b");
    rig.cut("a", "b");
    rig.node("b").stop("bob", "moved");
    rig.begin("c", "bob", rig.story.Plain, 2);
    await rig.run();
    rig.link("a", "b");
    await rig.pass(1_000);
    assert.deepEqual(rig.lines(), []);
    rig.node("c").stop("bob", "released", 2);
    await rig.run();
    assert.deepEqual(rig.lines(), ["watcher:w hears bob stop"]);
  });

  it("a watch that was asked for while there was no link is told to the next", async () => {
    const rig = new TalkRig();
    rig.cut("a", "b");
    rig.begin("b", "bob", rig.story.Plain);
    rig.begin("a", "watcher:w", rig.story.Watcher);
    rig.node("a").tell("watcher:w", rig.story.Watcher, "watch", "bob");
    await rig.run();
    rig.link("a", "b");
    await rig.run();
    rig.node("b").stop("bob");
    await rig.run();
    assert.deepEqual(rig.lines(), ["watcher:w hears bob stop"]);
  });

  it("a link that still lives tells nothing twice", async () => {
    const rig = await watching("b");
    rig.link("a", "b");
    await rig.run();
    rig.node("b").stop("bob");
    await rig.run();
    assert.deepEqual(rig.lines(), ["watcher:w hears bob stop"]);
  });

  it("a node that is out of the cluster answers all its watches", async () => {
    const rig = await watching("b");
    rig.node("a").talk.endAll();
    await rig.run();
    assert.deepEqual(rig.lines(), ["watcher:w hears bob node-lost"]);
  });

  it("nobody else can say that it has ended", async () => {
    const rig = await watching("b");
    const word = { kind: "terminated", watcher: "watcher:w", key: "bob", actorKind: "plain", reason: "stop" };
    rig.node("a").talk.received(nodeId("c"), Uint8Array.of(0x20, ...encodeToBytes(word)));
    await rig.run();
    assert.deepEqual(rig.lines(), []);
  });

  it("a worker that is lost ends what was watched on it", async () => {
    const rig = new TalkRig();
    const b = rig.node("b");
    b.onWorker.add("bob");
    rig.registry.set("bob", "b");
    rig.begin("a", "watcher:w", rig.story.Watcher);
    rig.node("a").tell("watcher:w", rig.story.Watcher, "watch", "bob");
    await rig.run();
    b.talk.workerLost(1 as never);
    await rig.run();
    assert.deepEqual(rig.lines(), ["watcher:w hears bob worker-lost"]);
  });
});

describe("lists between nodes", () => {
  const actors = ["a1", "a2", "a3", "a4", "a5"].map((key) => ({ kind: "plain", key: key as ActorKey }));

  it("come in pages", async () => {
    const rig = new TalkRig();
    rig.node("b").actors = actors;
    const first = asked(rig.node("a").talk.listOf(nodeId("b"), undefined, 3, 1_000));
    await rig.run();
    const second = asked(rig.node("a").talk.listOf(nodeId("b"), "a3" as ActorKey, 3, 1_000));
    await rig.run();
    assert.deepEqual([first.value, second.value], [actors.slice(0, 3), actors.slice(3)]);
    assert.equal(rig.waits.size, 0, "nobody waits any more");
  });

  it("fail without a link, when it is lost, and when nobody answers", async () => {
    const rig = new TalkRig();
    const { talk } = rig.node("a");
    rig.cut("a", "c");
    const [none, lost, late] = [nodeId("c"), nodeId("b"), nodeId("b")].map((peer) =>
      asked(talk.listOf(peer, undefined, 3, 1_000))
    );
    rig.cut("a", "b");
    await rig.run();
    assert.deepEqual([none?.outcome, lost?.outcome, late?.outcome], Array(3).fill("link-lost/unknown"));
    rig.link("a", "b");
    rig.node("b").canList = false;
    const silent = asked(talk.listOf(nodeId("b"), undefined, 3, 1_000));
    await rig.pass(1_000);
    assert.equal(silent.outcome, "ask-timeout/unknown");
    assert.equal(rig.waits.size, 0);
  });

  it("are refused above a limit", async () => {
    const rig = new TalkRig();
    const { talk } = rig.node("a");
    const lists = Array.from({ length: 1_025 }, () => asked(talk.listOf(nodeId("b"), undefined, 1, 1_000)));
    await rig.run();
    assert.equal(lists.at(-1)?.state, "limit-reached");
    assert.equal(lists.filter(({ state }) => state === "ok").length, 1_024);
  });

  it("are believed from the node that was asked only, and once", async () => {
    const rig = new TalkRig();
    const { talk } = rig.node("a");
    const list = asked(talk.listOf(nodeId("b"), undefined, 3, 1_000));
    const forged = Uint8Array.of(0x20, ...encodeToBytes({ kind: "listed", id: 1, actors }));
    talk.received(nodeId("c"), forged);
    await new Promise((resolve) => setTimeout(resolve, 0));
    assert.equal(list.outcome, "pending");
    await rig.run();
    assert.deepEqual(list.value, []);
    talk.received(nodeId("b"), forged);
  });
});

it("only values of topics may be lost while a link lasts", async () => {
  const rig = await watching("b");
  const list = asked(rig.node("a").talk.listOf(nodeId("b"), undefined, 1, 1_000));
  rig.node("b").host.topics.listen(Prices.name, () => {});
  await publish(rig, "a", 1);
  await publish(rig, "a", 2);
  rig.node("b").stop("bob");
  await rig.run();
  assert.deepEqual(list.value, []);
  assert.deepEqual([...rig.refusable], ["published"]);
  assert.deepEqual([...rig.owed].toSorted(), ["interest", "list", "listed", "terminated", "watch"]);
});

describe("words that are none", () => {
  it("are counted and do nothing", () => {
    const rig = new TalkRig();
    const { talk } = rig.node("a");
    talk.received(nodeId("b"), Uint8Array.of(0x20, 0xc1));
    talk.received(nodeId("b"), Uint8Array.of(0x20, ...encodeToBytes({ kind: "dance" })));
    assert.equal(talk.malformedCount, 2);
    talk.received(
      nodeId("b"),
      Uint8Array.of(
        0x20,
        ...encodeToBytes({
          kind: "published",
          topic: "prices",
          value: Uint8Array.of(0xc1),
        }),
      ),
    );
    assert.equal(talk.malformedCount, 3, "a value that is none");
  });
});

/** Three nodes, with a subscriber on each of `nodes`. */
async function subscribed(nodes: readonly string[]): Promise<TalkRig> {
  const rig = new TalkRig();
  for (const [index, name] of nodes.entries()) {
    rig.begin(name, `watcher:${name}${index}`, rig.story.Watcher);
    rig.node(name).tell(`watcher:${name}${index}`, rig.story.Watcher, "subscribe");
  }
  await rig.run();
  return rig;
}

async function publish(rig: TalkRig, on: string, value: number): Promise<void> {
  rig.node(on).host.publish(Prices, value);
  await rig.run();
}

/** Three nodes; an actor of a watches `bob`, which is where it is said: nowhere, or the registry cannot say. */
async function watching(on: string | undefined, isOnWorker = false): Promise<TalkRig> {
  const rig = new TalkRig();
  if (isOnWorker && on !== undefined) {
    rig.registry.set("bob", on);
    rig.node(on).onWorker.add("bob");
  } else if (on === "?") rig.registry.set("bob", on);
  else if (on !== undefined) rig.begin(on, "bob", rig.story.Plain);
  rig.begin("a", "watcher:w", rig.story.Watcher);
  rig.node("a").tell("watcher:w", rig.story.Watcher, "watch", "bob");
  await rig.run();
  return rig;
}
