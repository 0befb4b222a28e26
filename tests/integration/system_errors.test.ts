/**
 * Bad input and failing handlers: a typed error at the caller, nothing lost silently, and the system stays up.
 *
 * @module
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { ActorError, type ActorSystem } from "../../mod.ts";
import { eventually, failureOf, nameOn, settles, thrownBy } from "../fixtures/conditions.ts";
import { freshName } from "../fixtures/plan.ts";
import { Counter, Echo, Faulty, Gate, Recorder, Relay, startTheatre, Stranger } from "../fixtures/theatre.ts";

for (const workers of [0, 1, 3]) {
  describe(`errors with ${workers} workers`, () => {
    let system: ActorSystem;
    before(async () => {
      system = await startTheatre({
        name: freshName("errors"),
        workers,
        options: { maxMessageBytes: 1 << 20, asksMax: 100 },
      });
    });
    after(async () => await system.stop());

    it("an ActorError keeps its code, message, fate, details and causes on its way to the caller", async () => {
      const failure = await failureOf(system.grain(Faulty, "a").ask.refuse());
      assert.deepEqual([failure.code, failure.message, failure.fate], [
        "insufficient-funds",
        "balance is 5",
        "delivered",
      ]);
      assert.deepEqual(failure.details, { balance: 5, currencies: ["EUR"] });
      const { cause } = failure;
      assert.ok(cause instanceof ActorError);
      assert.deepEqual([cause.code, cause.fate], ["ledger-closed", "unknown"]);
      assert.ok(cause.cause instanceof Error);
      assert.match(cause.cause.message, /at the bottom/);
    });

    it("an error crosses two workers unchanged", async () => {
      await system.spawn("faulty", Faulty);
      assert.equal(await system.grain(Relay, "relay").ask.codeOf("faulty"), "insufficient-funds delivered");
    });

    it("an error whose details cannot travel costs its details, not its worker, though somebody watches events", async () => {
      await using events = system.events({ types: ["actorFailed", "workerLost"] });
      const faulty = system.grain(Faulty, "odd-details");
      const failure = await failureOf(faulty.ask.refuseOddly());
      assert.deepEqual([failure.code, failure.fate], ["odd", "delivered"]);
      const { value } = await settles("the event", events.next());
      assert.equal(value?.type, "actorFailed");
      assert.equal((await failureOf(faulty.ask.refuse())).code, "insufficient-funds");
    });

    it("an exception is handler-failed with its name and message", async () => {
      const failure = await failureOf(system.grain(Faulty, "a").ask.bug());
      assert.deepEqual([failure.code, failure.fate], ["handler-failed", "delivered"]);
      assert.match(failure.message, /RangeError: out of range/);
      assert.equal(failure.details.name, "RangeError");
    });

    it("a handler that throws something that is no error fails like any other, and its actor goes on", async () => {
      const faulty = system.grain(Faulty, "odd");
      for (
        const [handler, expected] of [["text", /a text/], ["nothing", /undefined/], ["object", /object/], [
          "rejectsWithText",
          /a late text/,
        ]] as const
      ) {
        const failure = await failureOf(faulty.ask[handler]());
        assert.deepEqual([failure.code, failure.fate], ["handler-failed", "delivered"], handler);
        assert.match(failure.message, expected);
      }
      assert.equal(await faulty.ask.calls(), 1);
    });

    it("details that cannot travel do not keep the failure from arriving", async () => {
      const failure = await failureOf(system.grain(Faulty, "a").ask.cannotTravel());
      assert.equal(failure.code, "bad-details");
      assert.equal(failure.message, "details cannot travel");
    });

    it("a reply that cannot travel is reply-cannot-travel with its path, and its actor goes on", async () => {
      if (workers === 0) return;
      const echo = system.grain(Echo, "echo");
      for (const [handler, path] of [["aFunction", ""], ["deep", "list[1].inner"]] as const) {
        const failure = await failureOf(echo.ask[handler]());
        assert.deepEqual([failure.code, failure.fate, failure.details.path], [
          "reply-cannot-travel",
          "delivered",
          path,
        ]);
      }
      assert.equal(await echo.ask.echo(1), 1);
      const large = await failureOf(echo.ask.bytes(2 << 20));
      assert.deepEqual([large.code, large.fate], ["reply-cannot-travel", "delivered"]);
      assert.equal(await echo.ask.echo(2), 2);
    });

    it("a value that cannot travel is refused at the caller with its path: tell throws, ask rejects", async () => {
      if (workers === 0) return;
      const echo = system.grain(Echo, "echo");
      const cycle: { next?: unknown } = {};
      cycle.next = { list: [cycle] };
      const values: readonly (readonly [unknown, string])[] = [
        [() => 1, "[0]"],
        [{ a: [1, { b: Symbol("no") }] }, "[0].a[1].b"],
        [new Map([["key", new WeakMap()]]), '[0].get("key")'],
        [new (class Custom {})(), "[0]"],
        [cycle, "[0].next.list[0]"],
        [Promise.resolve(), "[0]"],
      ];
      for (const [value, path] of values) {
        const thrown = thrownBy(() => echo.tell.echo(value));
        assert.deepEqual([thrown.code, thrown.fate, thrown.details.path], [
          "value-cannot-travel",
          "not-delivered",
          path,
        ]);
        const rejected = await failureOf(echo.ask.echo(value));
        assert.deepEqual([rejected.code, rejected.details.path], ["value-cannot-travel", path]);
      }
      assert.equal(thrownBy(() => echo.tell.length(new Uint8Array(2 << 20))).code, "message-too-large");
      assert.equal((await failureOf(echo.ask.length(new Uint8Array(2 << 20)))).code, "message-too-large");
      assert.equal(await echo.ask.echo("still there"), "still there");
    });

    it("an actor that is not there: ask says so, tell is false here and a dead letter there", async () => {
      const nobody = system.actor(Counter, "nobody");
      const failure = await failureOf(nobody.ask.total());
      assert.deepEqual([failure.code, failure.fate], ["actor-not-found", "not-delivered"]);
      await using letters = system.deadLetters();
      assert.equal(nobody.tell.add(5), workers > 0);
      const letter = (await settles("a dead letter", letters.next())).value;
      assert.deepEqual({ ...letter, to: { ...letter?.to, thread: 0 } }, {
        type: "deadLetter",
        to: { kind: "counter", key: "nobody", thread: 0 },
        handler: "add",
        from: undefined,
        reason: "actor-not-found",
        wasAsk: false,
      });
    });

    it("a name that another kind has taken is not found", async () => {
      await system.spawn("mine", Recorder);
      assert.equal((await failureOf(system.actor(Counter, "mine").ask.total())).code, "actor-not-found");
      assert.equal(await system.actor(Recorder, "mine").ask.count(), 0);
    });

    it("a handler that the kind does not have is handler-unknown to callers without types", async () => {
      const echo = system.grain(Echo, "echo");
      const call = (facade: object, handler: string): unknown => {
        const method: unknown = Reflect.get(facade, handler);
        assert.ok(typeof method === "function", "a program without types gets an answer, not a TypeError");
        return method.call(facade, 1);
      };
      const thrown = thrownBy(() => call(echo.tell, "ekko"));
      assert.deepEqual([thrown.code, thrown.fate], ["handler-unknown", "not-delivered"]);
      const rejected = await failureOf((async () => await call(echo.ask, "ekko"))());
      assert.deepEqual([rejected.code, rejected.fate], ["handler-unknown", "not-delivered"]);
      assert.equal(await echo.ask.echo(1), 1);
    });

    it("a ref of a kind not given to start is kind-unknown, wherever it is used", async () => {
      assert.equal(thrownBy(() => system.actor(Stranger, "stranger")).code, "kind-unknown");
      await using other = await startTheatre({ name: freshName("other"), workers: 0 });
      const foreign = other.grain(Counter, "foreign");
      assert.equal(
        (await failureOf(
          system.grain(Relay, "r").ask.askThrough(foreign).then(() => {
            throw new ActorError("no-failure", "a ref of another system is the same name here");
          }),
        )).code,
        "no-failure",
      );
    });

    it("a mailbox at its limit refuses: mailbox-full for asks, false or a dead letter for tells", async () => {
      const gate = await system.spawn("gate", Gate);
      const passing = gate.ask.pass();
      await eventually("the gate holds", () => gate.ask.waiting());
      const before = (await system.stats()).deadLetters["mailbox-full"] ?? 0;
      let refused = 0;
      for (let index = 0; index < 100; index++) if (!gate.tell.note(index)) refused++;
      const failure = await failureOf(gate.ask.pass());
      assert.deepEqual([failure.code, failure.fate], ["mailbox-full", "not-delivered"]);
      assert.match(failure.message, /its limit of 64 messages/);
      const letters = ((await system.stats()).deadLetters["mailbox-full"] ?? 0) - before;
      assert.equal(refused + letters, workers === 0 ? 36 : 37, "36 tells, and the ask where it had to travel");
      await system.stop(gate);
      await passing;
    });

    it("asks at their limit are asks-full", async () => {
      const gate = await system.spawn("asks", Gate);
      const waiting = Array.from({ length: 60 }, () => gate.ask.pass());
      const others = Array.from({ length: 60 }, () => system.grain(Echo, "echo").ask.echo(1));
      const outcomes = await Promise.allSettled(others);
      const full = outcomes.filter((outcome) => outcome.status === "rejected");
      assert.equal(full.length, 20);
      for (const { reason } of full) assert.deepEqual([reason.code, reason.fate], ["asks-full", "not-delivered"]);
      const ended = Promise.allSettled(waiting);
      await system.stop(gate);
      await settles("those behind the gate end", ended);
    });

    it("a wait that is out of range, over or aborted ends with its own code", async () => {
      const gate = system.grain(Gate, "patience");
      for (const timeoutMs of [0, -1, NaN, Infinity, 86_400_001]) {
        assert.equal(
          (await failureOf(gate.with({ timeoutMs }).ask.waiting())).code,
          "not-supported",
          String(timeoutMs),
        );
      }
      const late = await failureOf(system.grain(Echo, "late").with({ timeoutMs: 10 }).ask.echoLater(1, 500));
      assert.deepEqual([late.code, late.fate], ["ask-timeout", "unknown"]);
      assert.equal((await failureOf(gate.with({ signal: AbortSignal.abort() }).ask.pass())).fate, "not-delivered");
      const abort = new AbortController();
      const aborted = failureOf(gate.with({ signal: abort.signal }).ask.pass());
      abort.abort(new Error("enough"));
      assert.deepEqual([(await aborted).code, (await aborted).fate], ["ask-aborted", "unknown"]);
      await system.stop(gate);
    });

    it("list calls of a wrong shape are refused", () => {
      const counter = system.grain(Counter, "lists");
      // A program without types can pass anything here.
      const wrong: readonly [number][] = JSON.parse("[1, 2]");
      assert.equal(thrownBy(() => counter.tellAll.add(wrong)).code, "not-supported");
      assert.equal(thrownBy(() => counter.askAll.add(wrong)).code, "not-supported");
    });

    it("a failing actor does not hold up or bring down the others", async () => {
      const names = Array.from({ length: 20 }, (_, index) => `noise-${index}`);
      const noise = names.flatMap((
        name,
      ) => [system.grain(Faulty, name).ask.bug(), system.grain(Faulty, name).ask.text()]);
      const work = Promise.all(names.map((name) => system.grain(Echo, name).ask.echo(name)));
      const outcomes = await Promise.allSettled(noise);
      assert.ok(outcomes.every(({ status }) => status === "rejected"));
      assert.deepEqual(await work, names);
      assert.equal(system.isRunning, true);
    });
  });
}

describe("errors between threads", () => {
  it("a sender's actor is named in the dead letter", async () => {
    await using system = await startTheatre({ name: freshName("letters"), workers: 2 });
    await using letters = system.deadLetters();
    const relay = system.grain(Relay, nameOn(system, 2, 1, (name) => system.grain(Relay, name), "relay"));
    const nobody = system.actor(Counter, nameOn(system, 2, 2, (name) => system.actor(Counter, name), "nobody"));
    assert.equal(await relay.ask.addThrough(nobody, 3), 3);
    for (let index = 0; index < 3; index++) {
      const letter = (await settles("a dead letter", letters.next())).value;
      assert.equal(letter?.from, relay.key);
      assert.deepEqual(letter?.to, { kind: "counter", key: nobody.key, thread: 2 });
    }
  });
});
