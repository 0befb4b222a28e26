/**
 * Judges whether what clients of one registry saw can be explained by operations that each happened at one instant.
 * Pure.
 *
 * The search is Wing and Gong's ("Testing and verifying concurrent objects", 1993) with Lowe's memory of what was tried
 * ("Testing for linearizability", 2017): go through the calls and returns in order of time, let a call happen while it
 * is under way, go back when an operation ended without having happened. What is remembered is the set of operations
 * that have happened with the state they left, so no set is explored twice.
 *
 * One idea: a name knows nothing of other names, so each key is judged alone, and stays small.
 *
 * Invariant: no false verdict. At a limit the answer is `undecided`, and counted.
 *
 * @module
 */
import { isOlder, isSameVersion, type Version } from "../../cluster/engine.ts";

/** Operations on one key that are judged; more are `undecided`. The search can take exponential time. */
export const OPERATIONS_PER_KEY_MAX = 512;
/** Steps of the search for one key; more are `undecided`. A step takes about a microsecond. */
export const SEARCH_STEPS_MAX = 500_000;

/** When something happened. The order settles what happened at the same simulated instant. */
export interface Stamp {
  /** Milliseconds of simulated time. */
  readonly at: number;
  /** Position among all that was recorded: grows through a run. */
  readonly order: number;
}

/** What a client saw of a name: who wrote it, and as which version. */
export interface SeenEntry {
  readonly version: Version;
  readonly opId: string;
}

/** What a client called, with what it got. */
export type RegistryCall =
  | { readonly kind: "get"; readonly seen: SeenEntry | null }
  | {
    readonly kind: "cas";
    readonly opId: string;
    readonly expect: Version | "absent";
    readonly isDelete: boolean;
    readonly result: CasOutcome;
  };

/** How a compare-and-set ended. `unknown`: it may have happened since, may happen yet, or never. */
export type CasOutcome =
  | { readonly kind: "ok"; readonly version: Version }
  | { readonly kind: "conflict"; readonly current: SeenEntry | null }
  | { readonly kind: "unknown" };

/** One call of one client, from when it left until it was answered. Calls refused without effect are not recorded. */
export interface RegistryOperation {
  readonly key: string;
  /** Who called. Two calls of one client with one operation id are attempts of the same write. */
  readonly client: string;
  readonly called: Stamp;
  /** `undefined` while unanswered: then it counts as `unknown`, or as no read. */
  readonly returned: Stamp | undefined;
  readonly call: RegistryCall;
}

/** What is known of one key. */
export type Verdict =
  | { readonly kind: "linearizable"; readonly steps: number }
  | {
    readonly kind: "violated";
    readonly steps: number;
    /** The operations of the longest explanation found, in its order. */
    readonly explained: readonly RegistryOperation[];
    /** The operation that ended before any explanation could place it. */
    readonly unexplained: RegistryOperation;
  }
  | { readonly kind: "undecided"; readonly steps: number; readonly limit: "operations" | "steps" };

/** What is known of all keys. */
export interface HistoryVerdict {
  readonly keys: number;
  readonly operations: number;
  readonly steps: number;
  /** Keys at a limit: nothing is claimed about them. */
  readonly undecided: readonly string[];
  /** The first key whose operations cannot be explained. */
  readonly violation: { readonly key: string; readonly verdict: Verdict & { readonly kind: "violated" } } | undefined;
}

/** Bounds of one check. */
export interface CheckLimits {
  readonly operationsPerKey: number;
  readonly stepsPerKey: number;
}

const LIMITS: CheckLimits = { operationsPerKey: OPERATIONS_PER_KEY_MAX, stepsPerKey: SEARCH_STEPS_MAX };

/** Judges a whole run, key by key. */
export function checkHistory(operations: readonly RegistryOperation[], limits: CheckLimits = LIMITS): HistoryVerdict {
  const byKey = new Map<string, RegistryOperation[]>();
  for (const operation of operations) {
    const ofKey = byKey.get(operation.key);
    if (ofKey === undefined) byKey.set(operation.key, [operation]);
    else ofKey.push(operation);
  }
  const undecided: string[] = [];
  let violation: HistoryVerdict["violation"];
  let steps = 0;
  for (const [key, ofKey] of byKey) {
    const verdict = checkKey(ofKey, limits);
    steps += verdict.steps;
    if (verdict.kind === "undecided") undecided.push(key);
    if (verdict.kind === "violated") violation ??= { key, verdict };
  }
  return { keys: byKey.size, operations: operations.length, steps, undecided, violation };
}

/** Judges the operations on one key. The name is taken to be free before the first. */
export function checkKey(operations: readonly RegistryOperation[], limits: CheckLimits = LIMITS): Verdict {
  const relevant = withoutMute(operations);
  if (relevant.length > limits.operationsPerKey) return { kind: "undecided", steps: 0, limit: "operations" };
  return new Search(relevant, limits.stepsPerKey).run();
}

/** The violation in words, one operation a line: first what could be explained, then what could not. */
export function describeViolation(verdict: Verdict & { readonly kind: "violated" }): string {
  const lines = verdict.explained.map((operation) => `  ${describe(operation)}`);
  return [...lines, `✗ ${describe(verdict.unexplained)}`].join("\n");
}

function describe({ client, called, returned, call }: RegistryOperation): string {
  const when = `[${called.at}#${called.order} … ${returned === undefined ? "" : `${returned.at}#${returned.order}`}]`;
  if (call.kind === "get") return `${when} ${client} get → ${describeSeen(call.seen)}`;
  const expected = call.expect === "absent" ? "absent" : describeVersion(call.expect);
  const verb = `${call.isDelete ? "delete" : "put"} ${call.opId} expecting ${expected}`;
  return `${when} ${client} ${verb} → ${describeOutcome(call.result)}`;
}

function describeOutcome(outcome: CasOutcome): string {
  switch (outcome.kind) {
    case "ok":
      return `ok ${describeVersion(outcome.version)}`;
    case "conflict":
      return `conflict ${describeSeen(outcome.current)}`;
    case "unknown":
      return "unknown";
    default:
      return outcome satisfies never;
  }
}

function describeSeen(seen: SeenEntry | null): string {
  return seen === null ? "absent" : `${seen.opId} ${describeVersion(seen.version)}`;
}

function describeVersion({ cfg, seq }: Version): string {
  return `${cfg}.${seq}`;
}

/** Without what nobody can have seen an effect of: reads without an answer, and unanswered writes that nobody saw. */
function withoutMute(operations: readonly RegistryOperation[]): readonly RegistryOperation[] {
  const seenIds = new Set<string>();
  const written: { readonly by: RegistryCall; readonly version: Version }[] = [];
  for (const { call, returned } of operations) {
    if (returned === undefined) continue;
    if (call.kind === "get") {
      if (call.seen !== null) seenIds.add(call.seen.opId);
    } else if (call.result.kind === "conflict") {
      if (call.result.current !== null) seenIds.add(call.result.current.opId);
    } else if (call.result.kind === "ok") {
      seenIds.add(call.opId);
      written.push({ by: call, version: call.result.version });
    }
  }
  // A version somebody expects and no other call was answered with: then any unseen write may be the one it means.
  const isFromElsewhere = operations.some(({ call }) => {
    if (call.kind !== "cas" || call.expect === "absent") return false;
    const { expect } = call;
    return !written.some(({ by, version }) => by !== call && isSameVersion(version, expect));
  });
  return operations.filter(({ call, returned }) => {
    if (call.kind === "get") return returned !== undefined;
    if (call.isDelete || isFromElsewhere || (returned !== undefined && call.result.kind !== "unknown")) return true;
    return seenIds.has(call.opId);
  });
}

/** What a name holds between two operations. */
interface Name {
  /** Index of the operation that wrote it; {@link ABSENT} when there is none. */
  readonly writer: number;
  /** `undefined` when its writer never learned it, and nobody has seen it yet. */
  readonly version: Version | undefined;
  /** The highest version so far, deletions included. */
  readonly last: Version | undefined;
}

const ABSENT = -1;
const FREE: Name = { writer: ABSENT, version: undefined, last: undefined };

/** A call or a return, in a list ordered by time from which an operation is lifted while it has happened. */
interface Moment {
  readonly index: number;
  readonly stamp: Stamp;
  readonly isCall: boolean;
  before: Moment | undefined;
  next: Moment | undefined;
}

interface Choice {
  readonly index: number;
  readonly name: Name;
}

class Search {
  readonly #operations: readonly RegistryOperation[];
  readonly #stepsMax: number;
  readonly #calls: Moment[] = [];
  readonly #returns: (Moment | undefined)[] = [];
  readonly #head: Moment = {
    index: -1,
    stamp: { at: -1, order: -1 },
    isCall: true,
    before: undefined,
    next: undefined,
  };
  readonly #happened: Uint32Array;
  readonly #tried = new Set<string>();
  readonly #path: Choice[] = [];
  #longest: readonly number[] = [];
  #stuckAt = 0;
  /** Operations with an answer that have not happened yet: at 0 everything is explained. */
  #owed = 0;

  constructor(operations: readonly RegistryOperation[], stepsMax: number) {
    this.#operations = operations;
    this.#stepsMax = stepsMax;
    this.#happened = new Uint32Array(Math.ceil(operations.length / 32));
    this.#arrange();
  }

  run(): Verdict {
    let name = FREE;
    let moment = this.#head.next;
    let steps = 0;
    while (this.#owed > 0) {
      if (++steps > this.#stepsMax) return { kind: "undecided", steps, limit: "steps" };
      if (moment?.isCall === true) {
        const next = this.#happen(moment.index, name);
        if (next === undefined) {
          moment = moment.next;
          continue;
        }
        this.#path.push({ index: moment.index, name });
        name = next;
        this.#lift(moment);
        moment = this.#head.next;
        continue;
      }
      // An operation ended here (or all the rest never did) and has not happened: something before it was wrong.
      if (moment !== undefined && this.#path.length >= this.#longest.length) {
        this.#longest = this.#path.map(({ index }) => index);
        this.#stuckAt = moment.index;
      }
      const choice = this.#path.pop();
      if (choice === undefined) return this.#violated(steps);
      name = choice.name;
      moment = this.#putBack(choice.index)?.next;
    }
    return { kind: "linearizable", steps };
  }

  #violated(steps: number): Verdict {
    const explained = this.#longest.flatMap((index) => this.#operations[index] ?? []);
    const unexplained = this.#operations[this.#stuckAt];
    if (unexplained === undefined) return { kind: "linearizable", steps };
    return { kind: "violated", steps, explained, unexplained };
  }

  /** The state after operation `index`, if it can happen now and this was not tried before. */
  #happen(index: number, name: Name): Name | undefined {
    const operation = this.#operations[index];
    const next = operation === undefined ? undefined : applied(operation, index, name, this.#operations);
    if (next === undefined) return undefined;
    this.#flip(index);
    const memory = `${this.#happened.join()}:${next.writer}:${next.version?.cfg}.${next.version?.seq}`;
    if (!this.#tried.has(memory)) {
      this.#tried.add(memory);
      return next;
    }
    this.#flip(index);
    return undefined;
  }

  #flip(index: number): void {
    const word = index >>> 5;
    this.#happened[word] = (this.#happened[word] ?? 0) ^ (1 << (index & 31));
  }

  #lift(call: Moment): void {
    unlink(call);
    const end = this.#returns[call.index];
    if (end === undefined) return;
    unlink(end);
    this.#owed--;
  }

  #putBack(index: number): Moment | undefined {
    this.#flip(index);
    const end = this.#returns[index];
    if (end !== undefined) {
      relink(end);
      this.#owed++;
    }
    const call = this.#calls[index];
    if (call !== undefined) relink(call);
    return call;
  }

  /** Puts calls and returns in order of time. What is unknown never returns: it may happen at any time, or never. */
  #arrange(): void {
    const moments: Moment[] = [];
    for (const [index, operation] of this.#operations.entries()) {
      const call: Moment = { index, stamp: operation.called, isCall: true, before: undefined, next: undefined };
      this.#calls.push(call);
      moments.push(call);
      const end = endOf(operation);
      const moment = end && { index, stamp: end, isCall: false, before: undefined, next: undefined };
      this.#returns.push(moment);
      if (moment === undefined) continue;
      this.#owed++;
      moments.push(moment);
    }
    moments.sort(byTime);
    let last = this.#head;
    for (const moment of moments) {
      moment.before = last;
      last.next = moment;
      last = moment;
    }
  }
}

function endOf({ call, returned }: RegistryOperation): Stamp | undefined {
  return call.kind === "cas" && call.result.kind === "unknown" ? undefined : returned;
}

function byTime(one: Moment, other: Moment): number {
  return one.stamp.at - other.stamp.at || one.stamp.order - other.stamp.order || Number(other.isCall) -
      Number(one.isCall);
}

function unlink(moment: Moment): void {
  if (moment.before !== undefined) moment.before.next = moment.next;
  if (moment.next !== undefined) moment.next.before = moment.before;
}

function relink(moment: Moment): void {
  if (moment.before !== undefined) moment.before.next = moment;
  if (moment.next !== undefined) moment.next.before = moment;
}

/** The sequential model: what `operation` makes of a name, or `undefined` when its result contradicts that state. */
function applied(
  operation: RegistryOperation,
  index: number,
  name: Name,
  all: readonly RegistryOperation[],
): Name | undefined {
  const { call, client } = operation;
  if (call.kind === "get") return observed(call.seen, name, all);
  const isOurs = !call.isDelete && opIdOf(name, all) === call.opId && all[name.writer]?.client === client;
  const outcome = outcomeOf(operation, call);
  switch (outcome.kind) {
    case "conflict": {
      // A name that already holds this very write, or what was expected, is no conflict.
      const told = isOurs ? undefined : observed(outcome.current, name, all);
      return told === undefined || meets(call.expect, told) ? undefined : told;
    }
    case "ok":
      if (isOurs) return observed({ opId: call.opId, version: outcome.version }, name, all);
      return meets(call.expect, name) ? written(call, index, outcome.version, name) : undefined;
    case "unknown":
      return !isOurs && meets(call.expect, name) ? written(call, index, undefined, name) : undefined;
    default:
      return outcome satisfies never;
  }
}

/** What the answer claims. A conflict with its own write says that it happened. */
function outcomeOf({ returned }: RegistryOperation, call: RegistryCall & { readonly kind: "cas" }): CasOutcome {
  const { result } = call;
  if (returned === undefined) return { kind: "unknown" };
  if (result.kind !== "conflict" || call.isDelete || result.current?.opId !== call.opId) return result;
  return { kind: "ok", version: result.current.version };
}

function meets(expect: Version | "absent", { writer, version, last }: Name): boolean {
  if (expect === "absent") return writer === ABSENT;
  if (writer === ABSENT) return false;
  return version === undefined ? isNewer(expect, last) : isSameVersion(expect, version);
}

/** The name after a write that met what it expected: that, too, settles a version that was open. */
function written(
  { expect, isDelete }: RegistryCall & { readonly kind: "cas" },
  index: number,
  version: Version | undefined,
  name: Name,
): Name | undefined {
  const last = expect === "absent" ? name.last : expect;
  if (version !== undefined && !isNewer(version, last)) return undefined;
  return { writer: isDelete ? ABSENT : index, version: isDelete ? undefined : version, last: version ?? last };
}

/** The name as somebody saw it. A version that its writer never learned is settled by the first who sees it. */
function observed(seen: SeenEntry | null, name: Name, all: readonly RegistryOperation[]): Name | undefined {
  if (seen === null) return name.writer === ABSENT ? name : undefined;
  if (opIdOf(name, all) !== seen.opId) return undefined;
  if (name.version !== undefined) return isSameVersion(name.version, seen.version) ? name : undefined;
  if (!isNewer(seen.version, name.last)) return undefined;
  return { writer: name.writer, version: seen.version, last: seen.version };
}

function opIdOf({ writer }: Name, all: readonly RegistryOperation[]): string | undefined {
  const call = all[writer]?.call;
  return call?.kind === "cas" ? call.opId : undefined;
}

function isNewer(version: Version, last: Version | undefined): boolean {
  return last === undefined || isOlder(last, version);
}
