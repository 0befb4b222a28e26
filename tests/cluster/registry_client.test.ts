/**
 * Requests to owners: sent again until there is an answer, and ended once, with no more certainty than there is.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { epoch, instant, nodeId } from "../../core/ids.ts";
import type { EngineResult, Unavailable, UnavailableReason } from "../../cluster/engine.ts";
import type { RegistryAnswer } from "../../cluster/partition_protocol.ts";
import {
  type ClientEffect,
  createRegistryClient,
  ownersChanged,
  type RegistryClient,
  replied,
  request,
  tickClient,
} from "../../cluster/registry_client.ts";
import type { View } from "../../cluster/view.ts";
import { claim, get, P } from "./partition_net.ts";
import { active } from "./planned.ts";
import { at, following, founded } from "./view_values.ts";

const view = founded("a b c");
const moved = following(view, { partitions: [active(2, "b", "a", "c")] });

describe("a request", () => {
  it("goes to the owner that the view names, and ends with its answer", () => {
    const client = new Stage();
    client.ask(1);
    assert.deepEqual(client.sent, ["a 1 under 1"]);
    client.reply("a", 1, 1, ok());
    assert.deepEqual(client.ended, ["1 ok"]);
    client.reply("a", 1, 1, ok());
    assert.equal(client.ended.length, 1);
  });

  it("is sent again each 300 ms without an answer", () => {
    const client = new Stage();
    client.ask(1);
    for (let now = 50; now <= 900; now += 50) client.tick(now);
    assert.equal(client.sent.length, 4);
  });

  it("is sent at once to the owner of a new view, and to nobody twice for nothing", () => {
    const client = new Stage();
    client.ask(1);
    client.install(following(view, {}));
    client.install(moved);
    assert.deepEqual(client.sent, ["a 1 under 1", "b 1 under 2"]);
  });

  it("counts the answer to its last copy only", () => {
    const client = new Stage();
    client.ask(1);
    client.install(moved);
    client.reply("a", 1, 1, ok());
    client.reply("b", 1, 1, ok());
    assert.deepEqual(client.ended, []);
    client.reply("b", 1, 2, ok());
    assert.deepEqual(client.ended, ["1 ok"]);
  });

  it("takes no answer from whom it did not ask, nor one of another shape", () => {
    const client = new Stage();
    client.ask(1);
    client.reply("c", 1, 1, ok());
    client.reply("a", 1, 1, { kind: "get", result: { kind: "found", entry: null } });
    client.reply("a", 7, 1, ok());
    assert.deepEqual(client.ended, []);
  });

  it("that is refused is tried again, later each time up to 200 ms", () => {
    const client = new Stage();
    client.ask(1);
    const gaps: number[] = [];
    for (let now = 0, last = 0; gaps.length < 7;) {
      client.reply("a", 1, 1, refused("moving", false));
      const { length } = client.sent;
      for (; client.sent.length === length; now++) client.tick(now);
      gaps.push(now - 1 - last);
      last = now - 1;
    }
    assert.deepEqual(gaps, [10, 20, 40, 80, 160, 200, 200]);
  });

  it("without a view waits for one", () => {
    const client = new Stage(undefined);
    client.ask(1);
    assert.deepEqual(client.sent, []);
    client.install(view);
    assert.deepEqual(client.sent, ["a 1 under 1"]);
  });

  it("tells the owner which of its requests is the oldest that still waits", () => {
    const client = new Stage();
    for (const number of [4, 5, 6]) client.ask(number);
    client.reply("a", 4, 1, ok());
    client.ask(7);
    assert.deepEqual(client.oldest, [4, 4, 4, 5]);
  });
});

describe("at its deadline a request ends unavailable,", () => {
  it("a write that was sent: nobody knows", () => {
    assert.equal(endOf(() => {}), "1 nobody knows, not-member");
  });

  it("a write that was never sent: certainly nothing", () => {
    const client = new Stage(undefined);
    client.ask(1, 1_000);
    client.tick(1_000);
    assert.deepEqual(client.ended, ["1 certainly not-member"]);
  });

  it("a write whose every copy was refused: certainly nothing", () => {
    assert.equal(endOf((client) => client.reply("a", 1, 1, refused("lease", false))), "1 certainly lease");
  });

  it("a write of which one copy was refused and another is out: nobody knows", () => {
    const text = endOf((client) => {
      client.tick(300);
      client.reply("a", 1, 1, refused("busy", false));
    });
    assert.equal(text, "1 nobody knows, busy");
  });

  it("a write whose owner does not know either: nobody knows", () => {
    const text = endOf((client) => client.reply("a", 1, 1, refused("no-quorum", true)));
    assert.equal(text, "1 nobody knows, no-quorum");
  });

  it("a read is never indeterminate", () => {
    const client = new Stage();
    client.ask(1, 1_000, "get");
    client.tick(1_000);
    assert.deepEqual(client.ended, ["1 certainly not-member"]);
  });

  it("and one that a full table refused ends at once", () => {
    const client = new Stage();
    client.ask(1);
    client.reply("a", 1, 1, refused("full", false));
    assert.deepEqual(client.ended, ["1 certainly full"]);
  });

  const endOf = (act: (client: Stage) => void) => {
    const client = new Stage();
    client.ask(1, 400);
    act(client);
    client.tick(400);
    return client.ended.join();
  };
});

describe("requests", () => {
  it("beyond what a node may have under way end as busy at once", () => {
    const client = new Stage();
    for (let number = 0; number <= 8_192; number++) client.ask(number);
    assert.deepEqual(client.ended, ["8192 certainly busy"]);
  });

  it("each end once, at their deadline at the latest, whatever is heard (law)", () => {
    const input = fc.record({
      what: fc.constantFrom("ask", "reply", "refuse", "view", "tick"),
      number: fc.nat(5),
      from: fc.constantFrom("a", "b", "c"),
      under: fc.integer({ min: 1, max: 3 }),
      isUnknown: fc.boolean(),
    });
    fc.assert(fc.property(fc.array(input, { maxLength: 60 }), (inputs) => {
      const client = new Stage();
      const asked = new Set<number>();
      for (const { what, number, from, under, isUnknown } of inputs) {
        client.nowMs += 40;
        if (what === "ask" && !asked.has(number)) client.ask(number, client.nowMs + 500);
        if (what === "ask") asked.add(number);
        if (what === "reply") client.reply(from, number, under, ok());
        if (what === "refuse") client.reply(from, number, under, refused("moving", isUnknown));
        if (what === "view") client.install(under === 1 ? view : moved);
        if (what === "tick") client.tick(client.nowMs);
      }
      client.tick(client.nowMs + 1_000);
      assert.deepEqual(client.ended.map((text) => parseInt(text)).sort(), [...asked].sort());
      assert.equal(client.client.pending.size, 0);
    }));
  });
});

/** A client, with what it did as text. */
class Stage {
  readonly client: RegistryClient = createRegistryClient();
  readonly sent: string[] = [];
  readonly oldest: number[] = [];
  readonly ended: string[] = [];
  nowMs = 0;
  #view: View | undefined;

  constructor(...first: readonly (View | undefined)[]) {
    this.#view = first.length === 0 ? view : first[0];
  }

  ask(requestId: number, deadlineMs = 60_000, kind: "cas" | "get" = "cas"): void {
    const operations = [kind === "cas" ? claim("k", "c") : get("k")];
    this.#act((out) =>
      request(this.client, this.#view, requestId, kind, P, operations, instant(deadlineMs), at(this.nowMs), out)
    );
  }

  reply(from: string, requestId: number, under: number, answer: RegistryAnswer): void {
    const message = { kind: "registryReply", epoch: epoch(under), requestId, answers: [answer] } as const;
    this.#act((out) => replied(this.client, nodeId(from), message, at(this.nowMs), out));
  }

  install(next: View): void {
    this.#view = next;
    this.#act((out) => ownersChanged(this.client, next, at(this.nowMs), out));
  }

  tick(now: number): void {
    this.nowMs = now;
    this.#act((out) => tickClient(this.client, this.#view, at(now), out));
  }

  #act(act: (out: ClientEffect[]) => void): void {
    const out: ClientEffect[] = [];
    act(out);
    for (const effect of out) {
      if (effect.kind === "answered") this.ended.push(`${effect.requestId} ${resultText(effect.result)}`);
      else if (effect.message.kind === "registryRequest") {
        this.sent.push(`${effect.to} ${effect.message.requestId} under ${effect.message.epoch}`);
        this.oldest.push(effect.message.oldest);
      }
    }
  }
}

function ok(): RegistryAnswer {
  return { kind: "cas", result: { kind: "ok", version: { cfg: epoch(1), seq: 1 } } };
}

function refused(reason: UnavailableReason, indeterminate: boolean): RegistryAnswer {
  const result: Unavailable = { kind: "unavailable", reason, retryAfterMs: 50, indeterminate };
  return { kind: "cas", result };
}

function resultText(result: EngineResult): string {
  if (result.kind !== "cas" && result.kind !== "get") return result.kind;
  const { result: inner } = result;
  if (inner.kind !== "unavailable") return inner.kind;
  return inner.indeterminate ? `nobody knows, ${inner.reason}` : `certainly ${inner.reason}`;
}
