/**
 * What supervision promises, written a second time and as plainly as possible: a family of one parent and its children,
 * with queues and a clock, and no cells, turns or timers. The property compares the two after every step.
 *
 * @module
 */

/** What a failure does. */
export type ModelDirective = "resume" | "restart" | "stop" | "escalate";

/** The policy of one member. */
export interface ModelPolicy {
  readonly isAllForOne: boolean;
  /** For each error code used. */
  readonly on: Readonly<Record<string, ModelDirective>>;
  readonly maxRestarts: number;
  readonly windowMs: number;
  readonly minMs: number;
  readonly maxMs: number;
}

/** A message to a member: counts, fails with a code, or stops it. */
export type ModelMessage = "count" | "stop" | { readonly fail: string };

interface Member {
  readonly name: string;
  readonly policy: ModelPolicy;
  readonly parent: Member | undefined;
  /** When it begins again; `undefined` while it runs. */
  dueMs: number | undefined;
  /** Which of all restarts that is: those of one millisecond happen in this order. */
  dueOrder: number;
  isGone: boolean;
  count: number;
  restarts: number;
  history: number[];
  queue: ModelMessage[];
}

/** The family. */
export class SupervisionModel {
  nowMs: number;
  readonly #parentPolicy: ModelPolicy;
  readonly #childPolicies: readonly ModelPolicy[];
  #parent: Member;
  #dues = 0;
  #children: Member[] = [];

  constructor(nowMs: number, parent: ModelPolicy, children: readonly ModelPolicy[]) {
    this.nowMs = nowMs;
    this.#parentPolicy = parent;
    this.#childPolicies = children;
    this.#parent = newMember("p", parent, undefined);
    this.#spawnChildren();
  }

  /** What can be seen of each member: `gone`, or its count and restarts, and when it begins again. */
  view(): Readonly<Record<string, string>> {
    const members = [this.#parent, ...this.#childPolicies.map((_, index) => this.#find(`p/c${index}`))];
    return Object.fromEntries(members.map((member, index) => [index === 0 ? "p" : `p/c${index - 1}`, viewOf(member)]));
  }

  send(name: string, message: ModelMessage): void {
    const member = this.#find(name);
    if (member === undefined || member.isGone) return;
    if (member.dueMs === undefined) this.#take(member, message);
    else member.queue.push(message);
  }

  /** Time passes: all that are due at one millisecond begin again, then each takes what waits. */
  advanceTo(untilMs: number): void {
    for (;;) {
      const waiting = this.#all().filter(({ isGone }) => !isGone);
      const dueMs = Math.min(...waiting.map((member) => member.dueMs ?? Infinity));
      if (dueMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, dueMs);
      const due = waiting.filter((member) => member.dueMs === dueMs).sort((a, b) => a.dueOrder - b.dueOrder);
      for (const member of due) this.#beginAgain(member);
      for (const member of due) this.#takeQueue(member);
    }
    this.nowMs = untilMs;
  }

  #all(): readonly Member[] {
    return [this.#parent, ...this.#children];
  }

  #find(name: string): Member | undefined {
    return this.#all().find((member) => member.name === name && !member.isGone);
  }

  #spawnChildren(): void {
    this.#children = this.#childPolicies.map((policy, index) => newMember(`p/c${index}`, policy, this.#parent));
  }

  #beginAgain(member: Member): void {
    member.dueMs = undefined;
    member.count = 0;
    if (member === this.#parent) this.#spawnChildren();
  }

  #takeQueue(member: Member): void {
    while (member.queue.length > 0 && member.dueMs === undefined && !member.isGone) {
      const [message] = member.queue.splice(0, 1);
      if (message !== undefined) this.#take(member, message);
    }
  }

  #take(member: Member, message: ModelMessage): void {
    if (message === "count") member.count++;
    else if (message === "stop") this.#end(member);
    else this.#fail(member, message.fail);
  }

  #fail(member: Member, code: string): void {
    if (member.isGone || member.dueMs !== undefined) return;
    const { policy } = member;
    const directive = policy.on[code] ?? "resume";
    if (directive === "resume") return;
    if (directive === "stop") return this.#endAll(this.#group(member));
    if (directive === "restart") return this.#restartOrEnd(member, this.#group(member));
    if (member.parent === undefined) return this.#end(member);
    this.#fail(member.parent, code);
    // The parent went on: then the child begins again, alone.
    if (!member.isGone) this.#restartOrEnd(member, [member]);
  }

  /** Whom a directive concerns. */
  #group(member: Member): readonly Member[] {
    if (!member.policy.isAllForOne || member.parent === undefined) return [member];
    return [member, ...this.#children.filter((child) => child !== member && !child.isGone)];
  }

  #restartOrEnd(member: Member, group: readonly Member[]): void {
    const recent = this.#recent(member);
    if (recent.length >= member.policy.maxRestarts) return this.#endAll(group);
    let waitMs = member.policy.minMs;
    for (let doubling = 0; doubling < recent.length; doubling++) waitMs *= 2;
    const dueMs = this.nowMs + Math.min(waitMs, member.policy.maxMs);
    for (const one of group) {
      if (one.dueMs !== undefined) continue; // it begins again already
      one.history = [...this.#recent(one), this.nowMs];
      while (one.history.length > one.policy.maxRestarts) one.history.shift();
      one.dueMs = dueMs;
      one.dueOrder = this.#dues++;
      one.restarts++;
      if (one === this.#parent) this.#endAll(this.#children);
    }
  }

  #recent({ history, policy }: Member): number[] {
    return history.filter((atMs) => this.nowMs - atMs < policy.windowMs);
  }

  #endAll(members: readonly Member[]): void {
    for (const member of members) this.#end(member);
  }

  #end(member: Member): void {
    member.isGone = true;
    if (member === this.#parent) this.#endAll(this.#children);
  }
}

function newMember(name: string, policy: ModelPolicy, parent: Member | undefined): Member {
  return {
    name,
    policy,
    parent,
    dueMs: undefined,
    dueOrder: 0,
    isGone: false,
    count: 0,
    restarts: 0,
    history: [],
    queue: [],
  };
}

function viewOf(member: Member | undefined): string {
  if (member === undefined || member.isGone) return "gone";
  if (member.dueMs !== undefined) return `begins again at ${member.dueMs}, restart ${member.restarts}`;
  return `counts ${member.count}, restart ${member.restarts}`;
}
