/**
 * What one router does, step by step; the commands are those of `router_stage.ts`.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { HELD_FRAMES_MAX } from "../../cluster/router_state.ts";
import { WAITING_BYTES_MAX, WAITING_MESSAGES_MAX } from "../../cluster/router_routes.ts";
import { replayRouter, RouterStage } from "./router_stage.ts";

function routed(...commands: readonly string[]): RouterStage {
  const stage = RouterStage.ready();
  for (const command of ["send k first", "resolved k B@1", ...commands]) stage.tell(command);
  return stage;
}

function hosting(...commands: readonly string[]): RouterStage {
  const stage = RouterStage.ready();
  for (const command of ["act k@1 starting", "act k@1 live", ...commands]) stage.tell(command);
  return stage;
}

describe("a router that sends", () => {
  it("asks the directory once, and sends what has waited in order", () => {
    const stage = RouterStage.ready();
    assert.deepEqual(stage.tell("send k one"), ["resolve k"]);
    assert.deepEqual(stage.tell("send k two"), []);
    assert.deepEqual(stage.tell("resolved k B@1"), ["to B/1 user k@1 one", "to B/1 user k@1 two"]);
    assert.deepEqual(stage.tell("send k three"), ["to B/1 user k@1 three"]);
  });

  it("sends to no other place before the last one is flushed", () => {
    const stage = routed("send k one", "send k two");
    assert.deepEqual(stage.tell("recv B bounced k@1 one moved"), ["to B/1 flush 1 k@1", "resolve k not B@1"]);
    assert.deepEqual(stage.tell("resolved k C@2"), []);
    assert.deepEqual(stage.tell("send k three"), []);
    assert.deepEqual(stage.tell("recv B bounced k@1 two moved"), []);
    const sent = ["to C/1 user k@2 one", "to C/1 user k@2 two", "to C/1 user k@2 three"];
    assert.deepEqual(stage.tell("recv B flushAck 1"), sent);
  });

  it("follows a hint to a newer activation, and to no older one", () => {
    const stage = routed("send k one", "recv B bounced k@1 one moved hint=C@2");
    assert.deepEqual(stage.tell("recv B flushAck 1"), ["to C/1 user k@2 one"]);
    stage.tell("recv C bounced k@2 one moved hint=B@1");
    assert.deepEqual(stage.tell("recv C flushAck 2"), []);
  });

  it("does not send again what comes back from where it should not", () => {
    const stage = routed("send k one");
    assert.deepEqual(stage.tell("recv C bounced k@1 one moved"), ["dead one: stray-bounce"]);
    assert.deepEqual(stage.tell("recv B bounced k@9 one moved"), ["dead one: stray-bounce"]);
  });

  it("waits 10, 20, 40 … 200 ms when a place that bounces is all the directory knows", () => {
    const stage = routed();
    const askedAt: number[] = [];
    for (let round = 1; round <= 8; round++) {
      stage.tell("send k one");
      const began = stage.nowMs;
      const now = stage.tell("recv B bounced k@1 one not-here");
      stage.tell(`recv B flushAck ${round}`);
      while (!now.some((line) => line.includes("resolve")) && stage.nowMs < began + 500) {
        now.push(...stage.tell("advance 10"));
      }
      askedAt.push(stage.nowMs - began);
      stage.tell("resolved k B@1");
    }
    assert.deepEqual(askedAt, [0, 10, 20, 40, 80, 160, 200, 200]);
  });

  it("asks again when the directory is busy, or says nothing", () => {
    const stage = RouterStage.ready();
    stage.tell("send k one");
    assert.deepEqual(stage.tell("absent k busy"), []);
    assert.deepEqual(stage.tell("advance 10"), ["10: resolve k"]);
    assert.deepEqual(stage.tell("advance 5000"), ["5010: resolve k"]);
  });

  it("fails what waits for an actor that nobody holds", () => {
    const stage = RouterStage.ready();
    stage.tell("send k one");
    stage.tell("send k two ask=1,100");
    const ends = ["dead one: actor-not-found", "ask 1 fails: actor-not-found, not-delivered"];
    assert.deepEqual(stage.tell("absent k absent"), ends);
    assert.deepEqual(stage.tell("send k three"), ["resolve k"]);
  });

  it("fails what comes back from an actor that was stopped", () => {
    const stage = routed("send k one", "send k two ask=1,100");
    const [first] = stage.tell("recv B bounced k@1 one stopped");
    assert.equal(first, "to B/1 flush 1 k@1");
    const [second] = stage.tell("recv B bounced k@1 two stopped ask=1");
    assert.equal(second, "ask 1 fails: actor-stopped, not-delivered");
  });

  it("lets a message wait for 10 s in all, however often it bounces", () => {
    const stage = RouterStage.ready();
    stage.tell("send k one");
    stage.tell("resolved k B@1");
    stage.tell("recv B bounced k@1 one moved waited=9000");
    assert.deepEqual(stage.tell("advance 1000"), ["1000: dead one: relocation-timeout"]);
  });

  it("refuses the message that is one too many for its target", () => {
    const stage = RouterStage.ready();
    for (let count = 0; count < WAITING_MESSAGES_MAX; count++) stage.tell("send k one");
    assert.deepEqual(stage.tell("send k more"), ["dead more: buffer-full"]);
    assert.deepEqual(stage.tell("send k more ask=1,100"), ["ask 1 fails: buffer-full, not-delivered"]);
    assert.deepEqual(stage.tell("send j other"), ["resolve j"]);
    const large = `bytes=${WAITING_BYTES_MAX - 5}`;
    assert.deepEqual(stage.tell(`send j large ${large}`), ["dead large: buffer-full"]);
  });

  it("gives the room of asks that have ended to the next message", () => {
    const stage = RouterStage.ready();
    for (let id = 1; id <= WAITING_MESSAGES_MAX; id++) stage.tell(`send k one ask=${id},100`);
    stage.tell("advance 100");
    assert.deepEqual(stage.tell("send k two"), []);
    assert.deepEqual(stage.tell("resolved k B@1"), ["to B/1 user k@1 two"]);
  });

  it("waits for the link to a place that it cannot reach yet", () => {
    const stage = RouterStage.ready();
    stage.tell("view 2 A,B,C,D");
    stage.tell("send k one");
    assert.deepEqual(stage.tell("resolved k D@1"), []);
    assert.deepEqual(stage.tell("up D 1"), ["to D/1 mark 2", "to D/1 user k@1 one"]);
  });

  it("flushes a route before it forgets it, and sends nothing on it meanwhile", () => {
    const stage = routed();
    stage.router.routes.settledMax = 1;
    stage.tell("send j one");
    assert.deepEqual(stage.tell("resolved j C@1"), ["to C/1 user j@1 one", "to B/1 flush 1 k@1"]);
    assert.deepEqual(stage.tell("send k two"), ["resolve k not B@1"]);
    assert.deepEqual(stage.tell("resolved k B@1"), []);
    assert.deepEqual(stage.tell("recv B flushAck 1"), ["to B/1 user k@1 two", "to C/1 flush 2 j@1"]);
    stage.tell("recv C flushAck 2");
    assert.equal(stage.router.routes.moving.size, 0);
  });
});

describe("a router that asks", () => {
  it("ends an ask once: what comes later is counted", () => {
    const stage = routed("send k one ask=1,100");
    assert.deepEqual(stage.tell("recv C reply 1 stolen"), []);
    assert.deepEqual(stage.tell("recv B reply 1 yes"), ["ask 1 ends: yes"]);
    assert.deepEqual(stage.tell("recv B reply 1 no"), []);
    assert.deepEqual(stage.tell("advance 200"), []);
    assert.equal(stage.router.counts.lateReplies, 2);
  });

  it("ends it at its deadline, and knows whether its message can have run", () => {
    const stage = routed("send k one ask=1,100", "send j two ask=2,100");
    const ends = ["100: ask 1 fails: ask-timeout, unknown", "100: ask 2 fails: ask-timeout, not-delivered"];
    assert.deepEqual(stage.tell("advance 100"), ends);
    assert.deepEqual(stage.tell("resolved j C@1"), [], "its message is not sent any more");
  });

  it("sends what remains of its wait along", () => {
    const stage = RouterStage.ready();
    stage.tell("send k one ask=1,100");
    stage.tell("advance 30");
    assert.deepEqual(stage.tell("resolved k B@1"), ["to B/1 user k@1 one ask 1 for 70 ms"]);
  });

  it("ends it when the link to its message is lost, and sends nothing again", () => {
    const stage = routed("send k one ask=1,100");
    assert.deepEqual(stage.tell("lost B 1"), ["ask 1 fails: link-lost, unknown"]);
    assert.deepEqual(stage.tell("up B 2"), ["to B/2 mark 1"]);
    assert.deepEqual(stage.tell("recv B/1 bounced k@1 one moved ask=1"), []);
  });

  it("ends it when the node with its message is removed", () => {
    const stage = routed("send k one ask=1,100");
    assert.deepEqual(stage.tell("view 2 A,C"), ["ask 1 fails: node-lost, unknown"]);
    assert.deepEqual(stage.tell("recv B reply 1 late"), []);
  });

  it("does not run an actor's code without a lease: the end of its ask waits", () => {
    const stage = routed(
      "send k one ask=1,100",
      "send k two ask=2,100",
      "send k three ask=3,100 outside",
      "lease frozen",
    );
    assert.deepEqual(stage.tell("recv B reply 1 yes"), []);
    assert.deepEqual(stage.tell("advance 100"), ["100: ask 3 fails: ask-timeout, unknown"]);
    assert.deepEqual(stage.tell("send k four ask=4,100"), []);
    const ends = ["ask 1 ends: yes", "ask 2 fails: ask-timeout, unknown", "ask 4 fails: lease-lost, not-delivered"];
    assert.deepEqual(stage.tell("lease held"), ends);
  });

  it("ends everything when its node is fenced", () => {
    const stage = routed("send k one ask=1,100", "send j two ask=2,100", "send j three");
    const ends = stage.tell("lease fenced");
    assert.deepEqual(ends.sort(), [
      "ask 1 fails: fenced, unknown",
      "ask 2 fails: fenced, not-delivered",
      "dead three: fenced",
    ]);
    assert.deepEqual(stage.tell("send k four"), ["dead four: fenced"]);
    assert.deepEqual(stage.tell("lease held"), []);
    assert.deepEqual(stage.tell("send k five"), ["dead five: fenced"]);
  });

  it("says nothing of an ask that was aborted", () => {
    const stage = routed("send k one ask=1,100", "abort 1");
    assert.deepEqual(stage.tell("recv B reply 1 yes"), []);
    assert.deepEqual(stage.tell("advance 200"), []);
  });
});

describe("a router that receives", () => {
  it("takes messages for its activation, in whatever state, and for no other", () => {
    const stage = RouterStage.ready();
    for (const [index, status] of ["starting", "live", "paused", "handing", "stopping"].entries()) {
      stage.tell(`act k@1 ${status}`);
      assert.deepEqual(stage.tell("recv B user k@1 m"), [`enqueue ${index + 1} at k@1 user k@1 m`]);
    }
    stage.tell("lease frozen");
    assert.deepEqual(stage.tell("recv B user k@1 m"), ["enqueue 6 at k@1 user k@1 m"]);
    assert.deepEqual(stage.tell("recv B user k@2 m"), ["to B/1 bounced user k@2 m not-here"]);
  });

  it("bounces everything of a route after its first bounce, until the flush", () => {
    const stage = RouterStage.ready();
    assert.deepEqual(stage.tell("recv B user k@1 one"), ["to B/1 bounced user k@1 one not-here"]);
    stage.tell("act k@1 live");
    assert.deepEqual(stage.tell("recv B user k@1 two"), ["to B/1 bounced user k@1 two moved"]);
    assert.deepEqual(stage.tell("recv C user k@1 other"), ["enqueue 1 at k@1 user k@1 other"]);
    assert.deepEqual(stage.tell("recv B flush 5 k@1"), ["enqueue 2 at k@1 flush 5 k@1"]);
    assert.deepEqual(stage.tell("recv B user k@1 three"), ["to B/1 bounced user k@1 three moved"]);
    assert.deepEqual(stage.tell("reached 2"), ["to B/1 flushAck 5"]);
    assert.deepEqual(stage.tell("recv B user k@1 three"), ["enqueue 3 at k@1 user k@1 three"]);
  });

  it("gives a mailbox back in order, flushes with it", () => {
    const stage = hosting("recv B user k@1 one", "recv B flush 5 k@1", "recv C user k@1 two");
    assert.deepEqual(stage.tell("back k@1 3 moved 1,2,3 hint=B@2"), [
      "to B/1 bounced user k@1 one moved try B@2",
      "to B/1 flushAck 5",
      "to C/1 bounced user k@1 two moved try B@2",
    ]);
    assert.deepEqual(stage.tell("recv B user k@1 three"), ["to B/1 bounced user k@1 three not-here"]);
    assert.deepEqual(stage.tell("recv C user k@1 four"), ["to C/1 bounced user k@1 four moved"]);
  });

  it("bounces nothing ahead of what is still on its way to a thread that has stopped the actor", () => {
    const stage = hosting("recv B user k@1 one", "recv B user k@1 two");
    assert.deepEqual(stage.tell("back k@1 1 moved 1"), ["to B/1 bounced user k@1 one moved"]);
    stage.tell("act k@1 gone");
    assert.deepEqual(stage.tell("recv B user k@1 three"), ["enqueue 3 at k@1 user k@1 three"]);
    assert.deepEqual(stage.tell("back k@1 3 moved 2,3"), [
      "to B/1 bounced user k@1 two moved",
      "to B/1 bounced user k@1 three moved",
    ]);
    assert.deepEqual(stage.tell("recv B user k@1 four"), ["to B/1 bounced user k@1 four moved"]);
  });

  it("drops what comes by an older link, and bounces nothing that came by one", () => {
    const stage = hosting("recv B user k@1 one", "up B 2", "recv B/2 mark 1");
    assert.deepEqual(stage.tell("recv B/1 user k@1 late"), ["dead late: old-link"]);
    assert.deepEqual(stage.tell("recv B/2 user k@1 two"), ["enqueue 2 at k@1 user k@1 two"]);
    assert.deepEqual(stage.tell("back k@1 2 moved 1,2"), ["dead one: old-link", "to B/2 bounced user k@1 two moved"]);
  });

  it("answers by the link the ask came by, or not at all", () => {
    const stage = hosting("recv B user k@1 one ask=4", "recv B user k@1 two ask=5");
    assert.deepEqual(stage.tell("answered 1 yes"), ["to B/1 reply 4 yes"]);
    stage.tell("up B 2");
    assert.deepEqual(stage.tell("answered 2 yes"), []);
    assert.equal(stage.router.counts.lostReplies, 1);
  });

  it("lets no answer leave without a lease", () => {
    const stage = hosting("recv B user k@1 one ask=4", "lease frozen");
    assert.deepEqual(stage.tell("answered 1 yes"), []);
    assert.deepEqual(stage.tell("lease held"), ["to B/1 reply 4 yes"]);
  });

  it("fails what the host refuses: a bounce would only bring it again", () => {
    const stage = hosting("recv B user k@1 one ask=4", "recv B user k@1 two", "recv B flush 5 k@1");
    assert.deepEqual(stage.tell("refused 1 mailbox-full"), ["to B/1 reply 4 mailbox-full"]);
    assert.deepEqual(stage.tell("refused 2 mailbox-full"), ["dead two: mailbox-full"]);
    assert.deepEqual(stage.tell("refused 3 mailbox-full"), ["to B/1 flushAck 5"]);
  });
});

describe("a router between views", () => {
  it("names each view once on a link, before the first message under it", () => {
    const stage = routed();
    assert.deepEqual(stage.tell("view 2 A,B,C"), []);
    assert.deepEqual(stage.tell("send k one"), ["to B/1 mark 2", "to B/1 user k@1 one"]);
    assert.deepEqual(stage.tell("send k two"), ["to B/1 user k@1 two"]);
  });

  it("reads what follows a mark when it has that view, in order", () => {
    const stage = hosting();
    assert.deepEqual(stage.tell("recv B mark 2"), ["view 2 wanted from B"]);
    assert.deepEqual(stage.tell("recv B user k@1 one"), []);
    assert.deepEqual(stage.tell("recv B mark 3"), ["view 3 wanted from B"]);
    assert.deepEqual(stage.tell("recv B user k@1 two"), []);
    assert.deepEqual(stage.tell("recv C user k@1 other"), ["enqueue 1 at k@1 user k@1 other"]);
    assert.deepEqual(stage.tell("view 2 A,B,C"), ["enqueue 2 at k@1 user k@1 one"]);
    assert.deepEqual(stage.tell("view 3 A,B,C"), ["enqueue 3 at k@1 user k@1 two"]);
  });

  it("hears nothing from a node that its view has removed, or that names no view", () => {
    const stage = hosting();
    stage.tell("view 2 A,C");
    assert.deepEqual(stage.tell("recv B user k@1 zombie"), ["dead zombie: old-link"]);
    stage.tell("up B 2");
    stage.tell("recv B/2 mark 1");
    assert.deepEqual(stage.tell("recv B/2 user k@1 zombie"), ["dead zombie: sender-gone"]);
    stage.tell("up C 2");
    assert.deepEqual(stage.tell("recv C/2 user k@1 early"), ["dead early: sender-gone"]);
  });

  it("closes a link on which too much waits for a view", () => {
    const stage = hosting("recv B mark 2");
    for (let count = 0; count < HELD_FRAMES_MAX; count++) assert.deepEqual(stage.tell("recv B user k@1 m"), []);
    const came = stage.tell("recv B user k@1 last");
    assert.equal(came.filter((line) => line === "dead m: old-link").length, HELD_FRAMES_MAX);
    assert.equal(came.at(-1), "close B/1: too many frames wait for a view");
    assert.deepEqual(stage.tell("recv B user k@1 more"), ["dead more: old-link"]);
  });
});

describe("transcripts of a router", () => {
  const folder = new URL("./transcripts/", import.meta.url);
  for (const name of readdirSync(folder).filter((file) => /^router.*\.txt$/.test(file)).sort()) {
    it(`${name} is what happens`, () => {
      const file = new URL(name, folder);
      const text = readFileSync(file, "utf8");
      const happened = replayRouter(text);
      if (process.env.UPDATE_TRANSCRIPTS === "1") writeFileSync(file, happened);
      else assert.equal(happened, text);
    });
  }
});
