import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ADDRESSES_MAX } from "../../discovery/address.ts";
import { decodeMessage, encodeMessage, MESSAGE_BYTES_MAX, type NatsMessage } from "../../discovery/nats_messages.ts";
import {
  ANSWERS_PER_SECOND_MAX,
  answersSubject,
  beginFind,
  createNatsPeer,
  dropFind,
  failFinds,
  heardAnswer,
  heardQuestion,
  type NatsEffect,
  type NatsPeer,
  nextDueMs,
  tickNatsPeer,
} from "../../discovery/nats_peer.ts";

const SYSTEM = "bank";
const SELF = "10.1.0.1:3320";
const SUBJECT = "troupe.bank.discovery";
const ME = "me";

/** Records as decoders make them. */
const PLAIN = { noNullPrototype: true };

describe("a find", () => {
  it("asks once, and is over a quarter of its time after the last new address", () => {
    const { peer, begin, answer, tick } = stage();
    const [asked, ...more] = begin("1", 1_000, 0);
    assert.ok(asked?.kind === "ask" && more.length === 0);
    assert.deepEqual(decodeMessage(asked.bytes, SYSTEM), { kind: "question", find: "1", from: ME });
    assert.deepEqual(answer("1", ME, SELF, 10), []);
    assert.equal(nextDueMs(peer), 260);
    assert.deepEqual(answer("1", "other", "b:1", 200), []);
    assert.equal(nextDueMs(peer), 450);
    assert.deepEqual(tick(449), []);
    assert.deepEqual(tick(450), [{ kind: "found", find: "1", addresses: [SELF, "b:1"] }]);
    assert.equal(nextDueMs(peer), undefined);
  });

  it("an address that is known already doesn't keep it waiting", () => {
    const { answer, begin, peer } = stage();
    begin("1", 1_000, 0);
    answer("1", ME, SELF, 10);
    answer("1", "other", "b:1", 20);
    for (let nowMs = 30; nowMs < 270; nowMs += 10) {
      answer("1", `other${nowMs}`, "b:1", nowMs);
      answer("1", ME, SELF, nowMs);
    }
    assert.equal(nextDueMs(peer), 270);
  });

  it("waits to its end for this node's own answer, and fails without it, whoever else has answered", () => {
    const { answer, begin, tick } = stage();
    begin("1", 1_000, 0);
    answer("1", "other", "b:1", 10);
    assert.deepEqual(tick(999), []);
    const reason = "this node's own answer has not come back in 1000 ms, so the others' may not have either";
    assert.deepEqual(tick(1_000), [{ kind: "failed", find: "1", reason }]);
  });

  it("its own address, answered by another node, is not its own answer, and is told of once", () => {
    const { answer, begin, tick } = stage();
    begin("1", 1_000, 0);
    const what = `another node answers with this node's address ${SELF}`;
    assert.deepEqual(answer("1", "other", SELF, 10), [{ kind: "odd", what }]);
    assert.deepEqual(answer("1", "other", SELF, 11), []);
    assert.equal(tick(1_000)[0]?.kind, "failed");
    begin("2", 1_000, 0);
    answer("2", "other", SELF, 10);
    answer("2", ME, SELF, 20);
    assert.deepEqual(tick(270), [{ kind: "found", find: "2", addresses: [SELF] }]);
  });

  it("that is still answered at its end fails: there may be more", () => {
    const { answer, begin, tick } = stage();
    begin("1", 1_000, 0);
    answer("1", ME, SELF, 10);
    for (let nowMs = 200; nowMs < 1_000; nowMs += 200) answer("1", "other", `n${nowMs}:1`, nowMs);
    const reason = "nodes were still answering after 1000 ms: give timeoutMs more";
    assert.deepEqual(tick(1_000), [{ kind: "failed", find: "1", reason }]);
  });

  it("takes ADDRESSES_MAX addresses, and fails at one more", () => {
    const { answer, begin } = stage();
    begin("1", 1_000, 0);
    answer("1", ME, SELF, 0);
    for (let index = 1; index < ADDRESSES_MAX; index++) assert.deepEqual(answer("1", "other", `n${index}:1`, 0), []);
    const failed = { kind: "failed", find: "1", reason: "more than 2048 nodes have answered" };
    assert.deepEqual(answer("1", "other", "more:1", 0), [failed]);
    assert.deepEqual(answer("1", "other", "still:1", 0), [], "and what comes then is late");
  });

  it("has answers of its own only", () => {
    const { answer, begin, peer, tick } = stage();
    begin("1", 400, 0);
    begin("2", 1_000, 0);
    answer("1", ME, SELF, 0);
    answer("2", ME, SELF, 0);
    answer("2", "other", "b:1", 0);
    answer("3", "other", "c:1", 0);
    assert.deepEqual(tick(100), [{ kind: "found", find: "1", addresses: [SELF] }]);
    answer("1", "other", "d:1", 100);
    assert.deepEqual(tick(250), [{ kind: "found", find: "2", addresses: [SELF, "b:1"] }]);
    assert.equal(peer.counts.late, 2);
  });

  it("is over when nobody waits for it, and fails when there is no way to the others", () => {
    const { begin, peer } = stage();
    for (const find of ["1", "2", "3"]) begin(find, 1_000, 0);
    dropFind(peer, "2");
    const out: NatsEffect[] = [];
    failFinds(peer, "lost", out);
    assert.deepEqual(out, ["1", "3"].map((find) => ({ kind: "failed", find, reason: "lost" })));
    assert.equal(nextDueMs(peer), undefined);
  });
});

describe("a question", () => {
  it("is answered with this node's address, where its sender hears answers", () => {
    const { ask, peer } = stage();
    const [effect, ...more] = ask("other", "7", `${SUBJECT}.answers.other`, 0);
    assert.ok(effect?.kind === "answer" && more.length === 0);
    assert.equal(effect.subject, `${SUBJECT}.answers.other`);
    assert.deepEqual(decodeMessage(effect.bytes, SYSTEM), { kind: "answer", find: "7", from: ME, address: SELF });
    assert.equal(peer.counts.answered, 1);
    assert.equal(answersSubject(peer.identity), `${SUBJECT}.answers.${ME}`);
  });

  const elsewhere = [undefined, "", SUBJECT, "elsewhere", `${SUBJECT}.answers.`, `${SUBJECT}.answers.third`, "$SYS.x"];
  for (const reply of elsewhere) {
    it(`whose answer is wanted on ${JSON.stringify(reply)} is not answered, and counted`, () => {
      const { ask, peer } = stage();
      assert.deepEqual(ask("other", "7", reply, 0).map(({ kind }) => kind), ["odd"]);
      assert.deepEqual(ask("other", "7", reply, 0), []);
      assert.equal(peer.counts.unanswered, 2);
    });
  }

  it("is answered ANSWERS_PER_SECOND_MAX times in a second, and again in the next", () => {
    const { ask, peer } = stage();
    const answers = (nowMs: number) => ask("other", "7", `${SUBJECT}.answers.other`, nowMs).map(({ kind }) => kind);
    for (let count = 0; count < ANSWERS_PER_SECOND_MAX; count++) assert.deepEqual(answers(5_999), ["answer"]);
    assert.deepEqual(answers(5_999), ["odd"]);
    assert.deepEqual(answers(5_999), []);
    assert.deepEqual(answers(6_000), ["answer"]);
    assert.deepEqual([peer.counts.answered, peer.counts.unanswered], [ANSWERS_PER_SECOND_MAX + 1, 2]);
  });
});

describe("what is no message of this cluster", () => {
  const asText = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
  const whole = { troupe: 1, system: SYSTEM, kind: "question", find: "1", from: "other" };
  const answered = { ...whole, kind: "answer", address: "b:1" };
  const malformed: readonly unknown[] = [
    ...[null, 1, "text", [], {}, [whole]],
    ...[{ ...whole, troupe: "1" }, { ...whole, troupe: 0.5 }, { ...whole, system: 7 }, { ...whole, kind: "x" }],
    ...[{ ...whole, find: "" }, { ...whole, find: 1 }, { ...whole, from: "a.b" }, { ...whole, from: "a ".repeat(9) }],
    ...[{ ...whole, from: "x".repeat(65) }, { ...answered, address: undefined }, { ...answered, address: "nowhere" }],
    ...[{ ...answered, address: "b:0" }, { ...whole, more: "x".repeat(MESSAGE_BYTES_MAX) }],
  ];
  for (const value of malformed) {
    it(`${JSON.stringify(value).slice(0, 80)} is malformed`, () => {
      assert.equal(decodeMessage(asText(value), SYSTEM), "malformed");
    });
  }

  it("bytes that are no text, or no JSON, are malformed", () => {
    for (const bytes of [[], [0xff], [0x7b], [0xc0, 0x80], [0x22, 0xed, 0xa0, 0x80, 0x22]]) {
      assert.equal(decodeMessage(Uint8Array.from(bytes), SYSTEM), "malformed");
    }
  });

  it("another cluster's, and another version's, are foreign", () => {
    for (const other of [{ ...whole, system: "shop" }, { ...whole, troupe: 2 }, { ...answered, system: "Bank" }]) {
      assert.equal(decodeMessage(asText(other), SYSTEM), "foreign");
    }
  });

  it("is counted by its sort, on both subjects, and told of once for each sort", () => {
    const { peer } = stage();
    const out: NatsEffect[] = [];
    const own = encodeMessage(SYSTEM, { kind: "question", find: "1", from: "other" });
    for (const bytes of [asText({}), asText({ ...whole, system: "shop" }), asText(answered)]) {
      heardQuestion(peer, bytes, undefined, 0, out);
    }
    for (const bytes of [asText({}), asText({ ...whole, system: "shop" }), own]) heardAnswer(peer, bytes, 0, out);
    assert.deepEqual(peer.counts, { answered: 0, unanswered: 0, malformed: 4, foreign: 2, late: 0 });
    assert.deepEqual(out, [
      { kind: "odd", what: `some messages on ${SUBJECT} make no sense` },
      { kind: "odd", what: `some messages on ${SUBJECT} are not of this version of the cluster bank` },
    ]);
  });

  it("property: what was encoded is decoded, by its own cluster only", () => {
    const token = fc.stringMatching(/^[A-Za-z0-9]{1,64}$/);
    const messages: fc.Arbitrary<NatsMessage> = fc.oneof(
      fc.record({ kind: fc.constant("question" as const), find: token, from: token }, PLAIN),
      fc.record({
        ...{ kind: fc.constant("answer" as const), find: token, from: token },
        address: fc.nat(65_534).map((port) => `node-${port}.bank.internal:${port + 1}`),
      }, PLAIN),
    );
    fc.assert(fc.property(messages, fc.stringMatching(/^[a-z][\w.-]{0,254}$/), (message, system) => {
      const bytes = encodeMessage(system, message);
      assert.ok(bytes.length <= MESSAGE_BYTES_MAX);
      assert.deepEqual(decodeMessage(bytes, system), message);
      assert.equal(decodeMessage(bytes, `${system}x`), "foreign");
    }));
  });

  it("property: any bytes are decoded without a throw, and never to an address that is none", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 2_000 }),
      fc.json().map((text) => new TextEncoder().encode(text)),
    );
    fc.assert(fc.property(bytes, (bytes) => {
      assert.ok(["malformed", "foreign"].includes(String(decodeMessage(bytes, SYSTEM))));
    }));
  });
});

/** One node, and what it wants done after each thing it hears. */
function stage() {
  const peer: NatsPeer = createNatsPeer({ system: SYSTEM, self: SELF, subject: SUBJECT, token: ME });
  const effects = (run: (out: NatsEffect[]) => void): readonly NatsEffect[] => {
    const out: NatsEffect[] = [];
    run(out);
    return out;
  };
  return {
    peer,
    begin: (find: string, timeoutMs: number, nowMs: number) =>
      effects((out) => beginFind(peer, find, timeoutMs, nowMs, out)),
    tick: (nowMs: number) => effects((out) => tickNatsPeer(peer, nowMs, out)),
    answer: (find: string, from: string, address: string, nowMs: number) =>
      effects((out) => heardAnswer(peer, encodeMessage(SYSTEM, { kind: "answer", find, from, address }), nowMs, out)),
    ask: (from: string, find: string, replyTo: string | undefined, nowMs: number) =>
      effects((out) =>
        heardQuestion(peer, encodeMessage(SYSTEM, { kind: "question", find, from }), replyTo, nowMs, out)
      ),
  };
}
