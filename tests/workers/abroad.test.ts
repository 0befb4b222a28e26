import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { encodeToBytes } from "../../core/codec.ts";
import { kind } from "../../core/kind.ts";
import { fencingToken } from "../../core/store.ts";
import { memoryStore } from "../../stores/memory.ts";
import { decodeLetter } from "../../workers/letter.ts";
import { asked } from "../rig/outcome.ts";
import { Gates } from "../rig/gates.ts";
import { AbroadRig } from "./abroad_rig.ts";

/** A notebook that writes down what it is told, and waits where the test says so. */
function notebooks(log: string[] = [], gates = new Gates()) {
  return kind("note", {
    state: () => ({ lines: 0 }),
    mailbox: 4,
    onStop: (_ctx, reason) => {
      log.push(`stop ${reason}`);
    },
    handlers: {
      write(ctx, line: string): number {
        log.push(line);
        return ++ctx.state.lines;
      },
      async hold(ctx, gate: string): Promise<string> {
        log.push(`holds ${gate}`);
        await gates.wait(gate);
        log.push(`held ${gate} for ${ctx.name}`);
        return gate;
      },
      later(ctx, line: string): void {
        ctx.timers.once("later", 100, "write", line);
      },
      async relay(ctx, to: string): Promise<unknown> {
        return await ctx.grain(Echo, to).ask.echo({ from: ctx.name });
      },
      child(ctx, line: string): void {
        ctx.spawn(Echo, "inner").tell.echo(line);
      },
    },
  });
}

const Echo = kind("echo", {
  state: () => undefined,
  handlers: {
    echo(_ctx, value: unknown): unknown {
      return value;
    },
  },
});

describe("a clustered host", () => {
  it("sends what is not here away, encoded, and activates nothing", () => {
    const Note = notebooks();
    const rig = new AbroadRig([Note, Echo]);
    assert.equal(rig.grain(Note, "a").tell.write("x"), true);
    const [letter] = rig.letters;
    assert.deepEqual([letter?.target, letter?.actorKind, letter?.sender, letter?.ask], [
      "note:a",
      "note",
      undefined,
      undefined,
    ]);
    assert.deepEqual(decodeLetter(letter?.payload, rig.host.refs).args, ["x"]);
    assert.equal(rig.host.cells.size, 0);
  });

  it("says so when nothing leaves any more", () => {
    const Note = notebooks();
    const rig = new AbroadRig([Note]);
    rig.isOut = false;
    assert.equal(rig.grain(Note, "a").tell.write("x"), false);
  });

  it("runs what arrives for its activation, and answers through the port", async () => {
    const log: string[] = [];
    const Note = notebooks(log);
    const rig = new AbroadRig([Note, Echo]);
    rig.begin(Note, "note:a");
    rig.arrive(Note, "note:a", 1, "m1", ["write", "one"]);
    rig.arrive(Note, "note:a", 1, "m2", ["write", "two"], true);
    await rig.run();
    assert.deepEqual(log, ["one", "two"]);
    assert.deepEqual(rig.heard, ["started note:a 1 ok", "answered m2 2"]);
  });

  it("hands back what arrives for another activation", async () => {
    const log: string[] = [];
    const Note = notebooks(log);
    const rig = new AbroadRig([Note, Echo]);
    rig.begin(Note, "note:a", 5);
    rig.arrive(Note, "note:a", 4, "m1", ["write", "late"]);
    rig.arrive(Note, "note:b", 1, "m2", ["write", "lost"]);
    await rig.run();
    assert.deepEqual(log, []);
    assert.deepEqual(rig.heard, [
      "ended note:a 4 stop [m1] 0 letters",
      "ended note:b 1 stop [m2] 0 letters",
      "started note:a 5 ok",
    ]);
  });

  it("sends to its own activation through the port until it is open, and straight after that", async () => {
    const log: string[] = [];
    const Note = notebooks(log);
    const rig = new AbroadRig([Note, Echo]);
    const token = rig.begin(Note, "note:a");
    const ref = rig.grain(Note, "a");
    ref.tell.write("around");
    rig.abroad.open("note:a" as never, token);
    ref.tell.write("straight");
    await rig.run();
    assert.deepEqual(log, ["straight"]);
    assert.deepEqual(rig.heard, ["send note:a.write", "started note:a 1 ok"]);
  });

  it("lets an activation send to its own children without asking anybody", async () => {
    const Note = notebooks();
    const rig = new AbroadRig([Note, Echo]);
    rig.begin(Note, "note:a");
    rig.arrive(Note, "note:a", 1, "m1", ["child", "x"]);
    await rig.run();
    assert.equal(rig.host.cells.has("note:a/inner" as never), true);
    assert.equal(rig.letters.length, 0);
  });

  it("names the activation that sends, and takes the answer to its ask", async () => {
    const Note = notebooks();
    const rig = new AbroadRig([Note, Echo]);
    rig.begin(Note, "note:a", 7);
    rig.arrive(Note, "note:a", 7, "m1", ["relay", "far"], true);
    await rig.run();
    const letter = rig.letters[0];
    assert.deepEqual([letter?.target, letter?.sender?.key, letter?.sender?.token.seq], ["echo:far", "note:a", 7]);
    assert.equal(decodeLetter(letter?.payload, rig.host.refs).chain?.key, "note:a");
    rig.answer({ kind: "ok", value: encodeToBytes("hello") });
    await rig.run();
    assert.equal(rig.heard.at(-1), `answered m1 "hello"`);
  });

  it("takes an ask back that nobody ended soon after its deadline, and its late answer goes nowhere", async () => {
    const Note = notebooks();
    const rig = new AbroadRig([Note, Echo]);
    const answer = asked(rig.grain(Echo, "far").with({ timeoutMs: 50 }).ask.echo(1));
    // The router keeps the deadline: it knows whether the message left.
    rig.nowMs += 60;
    await rig.run();
    assert.equal(answer.outcome, "pending");
    rig.nowMs += 150;
    await rig.run();
    assert.equal(answer.outcome, "ask-timeout/unknown");
    assert.deepEqual(rig.heard, ["send echo:far.echo", "abort last"]);
    rig.answer({ kind: "ok", value: encodeToBytes(1) });
    assert.equal(rig.host.counters.values().deadLetters["reply-late"], 1);
  });

  it("refuses over the mailbox's limit, and never a flush", async () => {
    const Note = notebooks();
    const rig = new AbroadRig([Note, Echo]);
    rig.begin(Note, "note:a");
    for (const name of ["m1", "m2", "m3", "m4", "m5"]) rig.arrive(Note, "note:a", 1, name, ["write", name]);
    rig.arrive(Note, "note:a", 1, "m6", ["write", "m6"], true);
    rig.flush("note:a", 1, "f1");
    assert.deepEqual(rig.heard, [
      "refused m5 mailbox-full/not-delivered",
      "answered m6 mailbox-full/not-delivered",
    ]);
    await rig.run();
    assert.deepEqual(rig.heard.slice(2), ["started note:a 1 ok", "flushed f1"]);
  });

  it("answers a flush when all before it have begun, and no sooner", async () => {
    const log: string[] = [];
    const gates = new Gates();
    const Note = notebooks(log, gates);
    const rig = new AbroadRig([Note, Echo]);
    rig.begin(Note, "note:a");
    rig.arrive(Note, "note:a", 1, "m1", ["hold", "gate"]);
    rig.arrive(Note, "note:a", 1, "m2", ["write", "behind"]);
    rig.flush("note:a", 1, "f1");
    await rig.run();
    assert.equal(rig.heard.includes("flushed f1"), false);
    gates.open("gate");
    await rig.run();
    assert.deepEqual(log, ["holds gate", "held gate for a", "behind"]);
    assert.equal(rig.heard.at(-1), "flushed f1");
  });

  it("hands its mailbox back in order when it moves, messages of its own node as letters", async () => {
    const log: string[] = [];
    const gates = new Gates();
    const Note = notebooks(log, gates);
    const rig = new AbroadRig([Note, Echo]);
    const token = rig.begin(Note, "note:a");
    rig.abroad.open("note:a" as never, token);
    rig.arrive(Note, "note:a", 1, "m1", ["hold", "gate"]);
    await rig.run();
    rig.arrive(Note, "note:a", 1, "m2", ["write", "2"]);
    rig.flush("note:a", 1, "f1");
    const near = asked(rig.grain(Note, "a").ask.write("near"));
    rig.abroad.stop("note:a" as never, token, "moved");
    rig.arrive(Note, "note:a", 1, "m3", ["write", "3"]); // on its way out it still takes messages
    await rig.run();
    assert.equal(rig.remains.length, 0);
    gates.open("gate");
    await rig.run();
    assert.deepEqual(log, ["holds gate", "held gate for a", "stop moved"]);
    assert.equal(rig.heard.at(-1), "ended note:a 1 moved [m2 f1 m3] 1 letters");
    const [letter] = rig.remains[0]?.letters ?? [];
    assert.deepEqual(decodeLetter(letter?.payload, rig.host.refs).args, ["near"]);
    rig.abroad.answered(letter?.ask?.id ?? -1, { kind: "ok", value: encodeToBytes(9) });
    await rig.run();
    assert.equal(near.outcome, 9);
  });

  it("ends what is fenced at once: its run is given up, its last word is not asked for", async () => {
    const log: string[] = [];
    const gates = new Gates();
    const Note = notebooks(log, gates);
    const rig = new AbroadRig([Note, Echo]);
    const token = rig.begin(Note, "note:a");
    rig.arrive(Note, "note:a", 1, "m1", ["hold", "gate"], true);
    rig.arrive(Note, "note:a", 1, "m2", ["write", "2"]);
    await rig.run();
    rig.abroad.stop("note:a" as never, token, "fenced");
    assert.deepEqual(rig.heard.slice(1), [
      "answered m1 actor-stopped/unknown",
      "ended note:a 1 fenced [m2] 0 letters",
    ]);
    gates.open("gate");
    await rig.run();
    assert.deepEqual(log, ["holds gate", "held gate for a"]);
  });

  it("ends an older activation of a key before it begins the next", async () => {
    const Note = notebooks();
    const rig = new AbroadRig([Note, Echo]);
    rig.begin(Note, "note:a", 1);
    await rig.run();
    rig.begin(Note, "note:a", 2);
    await rig.run();
    assert.deepEqual(rig.heard, ["started note:a 1 ok", "ended note:a 1 fenced [] 0 letters", "started note:a 2 ok"]);
  });

  it("says why an activation did not begin, to the directory and to whoever waits", async () => {
    const Broken = kind("broken", {
      state: () => undefined,
      onStart: () => {
        throw new Error("no");
      },
      handlers: { go(): void {} },
    });
    const rig = new AbroadRig([Broken]);
    rig.begin(Broken, "broken:a");
    rig.arrive(Broken, "broken:a", 1, "m1", ["go"], true);
    await rig.run();
    assert.deepEqual(rig.heard, [
      "started broken:a 1 start-failed",
      "answered m1 start-failed/not-delivered",
      "ended broken:a 1 start-failed [] 0 letters",
    ]);
    rig.begin({ ...Broken, name: "stranger" } as typeof Broken, "stranger:a");
    assert.equal(rig.heard.at(-2), "started stranger:a 1 kind-unknown");
  });

  it("spawns from the data it was given", async () => {
    const Named = kind("named", {
      state: (init: { title: string }) => ({ title: init.title }),
      handlers: { title: (ctx): string => ctx.state.title },
    });
    const rig = new AbroadRig([Named]);
    rig.begin(Named, "one", 1, encodeToBytes({ title: "first" }));
    rig.arrive(Named, "one", 1, "m1", ["title"], true);
    await rig.run();
    assert.equal(rig.heard.at(-1), `answered m1 "first"`);
  });

  it("stores under the token of its activation, and is fenced by a higher one", async () => {
    const Saved = kind("saved", {
      state: () => ({ count: 0 }),
      store: true,
      handlers: {
        async add(ctx): Promise<string | undefined> {
          ctx.state.count++;
          await ctx.save();
          return ctx.fence;
        },
      },
    });
    const store = await memoryStore().open();
    const rig = new AbroadRig([Saved], store);
    rig.begin(Saved, "saved:a", 9);
    rig.arrive(Saved, "saved:a", 9, "m1", ["add"], true);
    await rig.run();
    assert.equal(rig.heard.at(-1), `answered m1 "${fencingToken(3, 2, 9)}"`);
    await store.save("saved:a", fencingToken(3, 3, 1), encodeToBytes({ count: 7 }));
    rig.arrive(Saved, "saved:a", 9, "m2", ["add"], true);
    await rig.run();
    assert.deepEqual(rig.heard.slice(2), [
      "answered m2 fenced-write/delivered",
      "ended saved:a 9 fenced [] 0 letters",
    ]);
  });

  it("a life that is restarted keeps its token", async () => {
    const Fragile = kind("fragile", {
      state: () => undefined,
      supervision: { backoff: { minMs: 1, maxMs: 1 } },
      handlers: {
        fail(): void {
          throw new Error("again");
        },
        where: (ctx): number => ctx.restarts,
      },
    });
    const rig = new AbroadRig([Fragile]);
    rig.begin(Fragile, "fragile:a", 4);
    rig.arrive(Fragile, "fragile:a", 4, "m1", ["fail"]);
    await rig.run();
    rig.nowMs += 1_000;
    rig.arrive(Fragile, "fragile:a", 4, "m2", ["where"], true);
    await rig.run();
    assert.deepEqual(rig.heard, ["started fragile:a 4 ok", "answered m2 1"]);
  });
});

describe("a frozen host", () => {
  it("runs nothing until it thaws: messages, replies and timers wait", async () => {
    const log: string[] = [];
    const Note = notebooks(log);
    const rig = new AbroadRig([Note, Echo]);
    rig.begin(Note, "note:a");
    rig.begin(Note, "note:b");
    rig.arrive(Note, "note:a", 1, "m1", ["later", "tick"]);
    rig.arrive(Note, "note:b", 1, "m2", ["relay", "far"], true);
    await rig.run();
    rig.host.freeze();
    rig.arrive(Note, "note:a", 1, "m3", ["write", "3"]);
    rig.answer({ kind: "ok", value: encodeToBytes("reply") });
    rig.nowMs += 1_000;
    await rig.run();
    assert.deepEqual(log, []);
    assert.equal(rig.heard.some((line) => line.startsWith("answered")), false);
    assert.equal(rig.host.nextDueMs(), undefined);
    rig.host.thaw();
    await rig.run();
    assert.deepEqual(log, ["3", "tick"]);
    assert.equal(rig.heard.at(-1), `answered m2 "reply"`);
  });

  it("lets an ask be answered that was answered in time, though its deadline has passed meanwhile", async () => {
    const Note = notebooks();
    const rig = new AbroadRig([Note, Echo]);
    rig.begin(Note, "note:a");
    rig.arrive(Note, "note:a", 1, "m1", ["relay", "far"], true);
    await rig.run();
    rig.host.freeze();
    rig.answer({ kind: "ok", value: encodeToBytes("in time") });
    rig.nowMs += 60_000;
    await rig.run();
    assert.equal(rig.heard.some((line) => line.startsWith("answered")), false);
    rig.host.thaw();
    await rig.run();
    assert.equal(rig.heard.at(-1), `answered m1 "in time"`);
  });

  it("answers who asks from outside of all actors", async () => {
    const rig = new AbroadRig([Echo]);
    const answer = asked(rig.grain(Echo, "far").ask.echo(1));
    rig.host.freeze();
    rig.answer({ kind: "ok", value: encodeToBytes("at once") });
    await rig.run();
    assert.equal(answer.outcome, "at once");
  });

  it("keeps the store's answer and the end of a run until it thaws", async () => {
    const log: string[] = [];
    const gates = new Gates();
    const Note = notebooks(log, gates);
    const Saved = kind("saved", {
      state: () => ({ count: 0 }),
      store: true,
      handlers: {
        async add(ctx): Promise<number> {
          await gates.wait("before");
          await ctx.save();
          log.push("saved");
          return 1;
        },
      },
    });
    const rig = new AbroadRig([Note, Saved], await memoryStore().open());
    rig.begin(Saved, "saved:a");
    rig.begin(Note, "note:a");
    rig.arrive(Saved, "saved:a", 1, "m1", ["add"], true);
    rig.arrive(Note, "note:a", 1, "m2", ["hold", "own"], true);
    await rig.run();
    rig.host.freeze();
    gates.open("before");
    gates.open("own"); // not a promise of the runtime: what is behind it runs on, its end waits
    await rig.run();
    assert.deepEqual(log, ["holds own", "held own for a"]);
    assert.equal(rig.heard.some((line) => line.startsWith("answered")), false);
    rig.host.thaw();
    await rig.run();
    assert.deepEqual(log.slice(2), ["saved"]);
    assert.deepEqual(rig.heard.slice(2), [`answered m2 "own"`, "answered m1 1"]);
  });

  it("drops asks unrun whose askers have given up meanwhile", async () => {
    const log: string[] = [];
    const Note = notebooks(log);
    const rig = new AbroadRig([Note, Echo]);
    rig.begin(Note, "note:a");
    await rig.run();
    rig.host.freeze();
    rig.arrive(Note, "note:a", 1, "m1", ["write", "late"], true);
    rig.nowMs += 5_000;
    rig.host.thaw();
    await rig.run();
    assert.deepEqual(log, []);
    assert.equal(rig.heard.at(-1), "answered m1 ask-expired/not-delivered");
  });
});
