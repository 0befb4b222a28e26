/**
 * One bootstrap machine, and what others may say to it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { epoch, nodeId } from "../../core/ids.ts";
import { seededRandom } from "../../core/random.ts";
import { bootstrapMessage, createBootstrap, discovered, tickBootstrap } from "../../cluster/bootstrap.ts";
import {
  type Bootstrap,
  type BootstrapEffect,
  type Membership,
  settingsTextOf,
} from "../../cluster/bootstrap_state.ts";
import { ALL_RULES, type Rules } from "../../cluster/rules.ts";
import type { ClusterSettings } from "../../cluster/settings.ts";
import type { Member, QuorumRule, View } from "../../cluster/view.ts";
import type { BootstrapMessage } from "../../cluster/view_protocol.ts";
import { active, member } from "./planned.ts";
import { at, ids, SETTINGS, TIMES } from "./view_values.ts";

/** Three seeds. */
export const SEEDS: QuorumRule = { kind: "seeds", seeds: ["a:4000", "b:4000", "c:4000"] };
/** The usual settings, with three seeds. */
export const SEED_SETTINGS: ClusterSettings = { ...SETTINGS, rule: SEEDS };

/** A greeting. */
export type Hello = BootstrapMessage & { readonly kind: "hello" };

/** How a node is made. */
export interface Options {
  readonly settings?: ClusterSettings;
  readonly rules?: Rules;
  readonly wasMember?: boolean;
  readonly bornMs?: number;
  readonly view?: View;
  readonly hasLease?: boolean;
}

/** One bootstrap machine, with what it did. */
export class Node {
  readonly state: Bootstrap;
  readonly effects: BootstrapEffect[] = [];
  nowMs = 0;
  readonly #membership: Membership;

  constructor(name: string, options: Options = {}) {
    const { settings = SETTINGS, rules = ALL_RULES, wasMember = false, bornMs = 0, view, hasLease = true } = options;
    this.#membership = { view, hasLease: view !== undefined && hasLease };
    this.state = createBootstrap({
      self: { ...member(name), joinEpoch: epoch(0) },
      settings,
      timings: TIMES,
      rules,
      random: seededRandom(1),
      bornAt: at(bornMs),
      processStartedAt: at(0),
      wasMember,
      initialPlaces: (founders: readonly Member[]) => [active(1, ...founders.map(({ id }) => id))],
    });
  }

  discover(names: string): void {
    discovered(this.state, names.split(" ").map((name) => `${name}:4000`), at(this.nowMs));
  }

  /** These and this node all see each other, and go on doing so while time passes. */
  meet(names: string): void {
    const all = [...ids(names), this.state.options.self.id];
    this.#keep = () => ids(names).forEach((id) => this.hear(hello(id, { sees: all })));
    this.#keep();
  }

  #keep: () => void = () => {};

  hear(message: BootstrapMessage, from = message.kind === "hello" ? message.member.id : ""): void {
    bootstrapMessage(this.state, nodeId(from), message, this.#membership, at(this.nowMs), this.effects);
  }

  accepts(from: string, quietMs: number): void {
    this.hear({ kind: "founderAccepts", clusterId: "test-a-1", quietMs }, from);
  }

  tick(ms = 0): void {
    this.nowMs += ms;
    tickBootstrap(this.state, this.#membership, at(this.nowMs), this.effects);
  }

  pass(ms: number): void {
    for (const end = this.nowMs + ms; this.nowMs < end;) {
      if (this.nowMs % 500 === 0) this.#keep();
      this.tick(50);
    }
  }

  did(kind: BootstrapEffect["kind"]): readonly BootstrapEffect[] {
    return this.effects.filter((effect) => effect.kind === kind);
  }

  messages(kind: BootstrapMessage["kind"]): readonly BootstrapMessage[] {
    return this.effects.flatMap((effect) =>
      effect.kind === "send" && effect.message.kind === kind ? [effect.message] : []
    );
  }

  sentTo(kind: BootstrapMessage["kind"]): readonly string[] {
    return this.effects.flatMap((effect) => effect.kind === "send" && effect.message.kind === kind ? [effect.to] : []);
  }

  get greeted(): readonly string[] {
    return this.effects.flatMap((effect) => effect.kind === "greet" ? [effect.address] : []);
  }

  get retired(): readonly string[] {
    return this.effects.flatMap((effect) => effect.kind === "retire" ? [effect.reason] : []);
  }

  /** The founders it has asked, each set once. */
  found(): readonly string[] {
    const asked = this.messages("found").map((message) => {
      return message.kind === "found" ? message.view.members.map(({ id }) => id).join(" ") : "";
    });
    return [...new Set(asked)];
  }
}

/** `a` has just asked `b` and `c`. */
export function founding(more: Options = {}): Node {
  const a = new Node("a", more);
  a.discover("b c");
  a.meet("b c");
  a.tick(50);
  assert.equal(a.state.attempt?.view.clusterId, "test-a-1");
  return a;
}

/** What a node greets with that is about to found. */
export function hello(name: string, more: Partial<Hello> = {}): Hello {
  return {
    kind: "hello",
    member: { ...member(name), joinEpoch: epoch(0) },
    standing: "founding",
    clusterId: "",
    attempt: "",
    sees: [],
    settings: settingsTextOf(SETTINGS),
    isServing: false,
    wantsAnswer: false,
    ...more,
  };
}
