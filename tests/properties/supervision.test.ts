/**
 * Supervision against an independent model: random policies, failures and waits; after every step each member of the
 * family runs, waits or is gone exactly as the model says, until the same millisecond.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { ActorError } from "../../core/failure.ts";
import type { ActorKey } from "../../core/ids.ts";
import { type Kind, kind } from "../../core/kind.ts";
import { Rig } from "../rig/rig.ts";
import { type ModelMessage, type ModelPolicy, SupervisionModel } from "../rig/supervision_model.ts";

const CODES = ["one", "two"] as const;
const CHILDREN = 3;

const directive = fc.constantFrom(
  "resume" as const,
  "restart" as const,
  "restart" as const,
  "stop" as const,
  "escalate" as const,
);
const policy: fc.Arbitrary<ModelPolicy> = fc.record({
  isAllForOne: fc.boolean(),
  on: fc.record({ one: directive, two: directive }),
  maxRestarts: fc.constantFrom(0, 1, 2, 5),
  windowMs: fc.constantFrom(1, 50, 200, 60_000),
  minMs: fc.constantFrom(0, 1, 10),
  maxMs: fc.constantFrom(10, 40),
});
type Step =
  | { readonly kind: "send"; readonly to: number; readonly message: ModelMessage }
  | { readonly kind: "wait"; readonly ms: number };
const message: fc.Arbitrary<ModelMessage> = fc.oneof(
  { weight: 3, arbitrary: fc.constant("count" as const) },
  { weight: 1, arbitrary: fc.constant("stop" as const) },
  { weight: 6, arbitrary: fc.record({ fail: fc.constantFrom(...CODES) }) },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("send" as const), to: fc.nat(CHILDREN), message }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.constantFrom(1, 5, 20, 60, 250) }) },
);

describe("supervision", () => {
  it("property: does what the model does, to the millisecond", async () => {
    await fc.assert(
      fc.asyncProperty(
        policy,
        fc.array(policy, { minLength: CHILDREN, maxLength: CHILDREN }),
        fc.array(step, { maxLength: 60, size: "max" }),
        async (parent, children, steps) => {
          const family = new Family(parent, children);
          await family.rig.run();
          assert.deepEqual(family.view(), family.model.view());
          for (const one of steps) {
            await family.do(one);
            assert.deepEqual(family.view(), family.model.view());
          }
        },
      ),
      { numRuns: 400 },
    );
  });
});

/** The real family beside the model of it. */
class Family {
  readonly rig: Rig;
  readonly model: SupervisionModel;
  readonly #send: (key: string, message: ModelMessage) => void;

  constructor(parent: ModelPolicy, children: readonly ModelPolicy[]) {
    const kinds = children.map((one, index) => member(`child${index}`, one, []));
    const Parent = member("parent", parent, kinds);
    this.rig = new Rig({ kinds: [...kinds, Parent] });
    this.rig.spawn(Parent, "p");
    this.model = new SupervisionModel(this.rig.nowMs, parent, children);
    this.#send = (key, message) => {
      const target = this.rig.actor(key === "p" ? Parent : kinds[Number(key.slice(3))] ?? Parent, key);
      if (typeof message === "string") target.tell[message]();
      else target.tell.fail(message.fail);
    };
  }

  async do(step: Step): Promise<void> {
    if (step.kind === "wait") {
      await this.rig.advance(step.ms);
      return this.model.advanceTo(this.rig.nowMs);
    }
    const key = step.to === CHILDREN ? "p" : `p/c${step.to}`;
    this.#send(key, step.message);
    await this.rig.run();
    this.model.send(key, step.message);
    this.model.advanceTo(this.rig.nowMs);
  }

  view(): Readonly<Record<string, string>> {
    const keys = ["p", ...Array.from({ length: CHILDREN }, (_, index) => `p/c${index}`)];
    return Object.fromEntries(keys.map((key) => [key, this.#viewOf(key as ActorKey)]));
  }

  #viewOf(key: ActorKey): string {
    const cell = this.rig.main.host.cells.get(key);
    if (cell === undefined) return "gone";
    const restarts = cell.extras?.restarts ?? 0;
    if (cell.status === "running") {
      return `counts ${(cell.state as { readonly count: number }).count}, restart ${restarts}`;
    }
    assert.equal(cell.status, "restarting");
    return `begins again at ${cell.extras?.delay?.dueMs}, restart ${restarts}`;
  }
}

interface MemberProtocol {
  readonly count: () => number;
  readonly stop: () => void;
  readonly fail: (code: string) => void;
}

function member(name: string, policy: ModelPolicy, children: readonly Kind<MemberProtocol>[]): Kind<MemberProtocol> {
  return kind(name, {
    state: () => ({ count: 0 }),
    supervision: {
      strategy: policy.isAllForOne ? "all-for-one" : "one-for-one",
      on: policy.on,
      maxRestarts: policy.maxRestarts,
      windowMs: policy.windowMs,
      backoff: { minMs: policy.minMs, maxMs: policy.maxMs, jitter: 0 },
    },
    onStart(ctx) {
      children.forEach((child, index) => ctx.spawn(child, `c${index}`));
    },
    handlers: {
      count: (ctx): number => ++ctx.state.count,
      stop: (ctx): void => ctx.stop(),
      fail(_ctx, code: string): void {
        throw new ActorError(code, "as told");
      },
    },
  });
}
