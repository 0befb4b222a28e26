/**
 * Finds everything that is wrong with a set of options before anything is done with them, so that its author
 * mends them in one go: each check adds a problem or nothing, and the end throws all of them as one error.
 * Values come as `unknown`, for types are gone at run time and plain JavaScript never had them. Pure; mutable,
 * for one owner.
 *
 * The invariant: a problem is plain text that can travel and be printed, whatever the value was.
 *
 * @module
 */
import { ActorError } from "./failure.ts";

/** One option that is not what it may be. */
export interface OptionProblem {
  /** Where it is, as its author wrote it: `cluster.partitionCount`. */
  readonly name: string;
  /** What is there, in words: `271`, `"fast"`, `not given`, `a function`, `an unknown option`. */
  readonly value: string;
  /** What may be there, in words: `a whole number from 1 to 65536`. */
  readonly allowed: string;
}

/** What all checks of one value take. */
export interface Presence {
  /** Whether `undefined` is as good as a value; by default it is a problem. */
  readonly optional?: boolean;
}

/** The numbers an option may be, both ends included. */
export interface NumberRange extends Presence {
  /** The least it may be. */
  readonly min: number;
  /** The most it may be. */
  readonly max: number;
  /** What else its author should know to choose well, in words; said behind the range. */
  readonly advice?: string;
}

/** The texts an option may be. */
export interface TextRule extends Presence {
  /** What the whole text matches: anchored at both ends. */
  readonly pattern: RegExp;
  /** The pattern in words, for people. */
  readonly allowed: string;
  /** Whether the text must not be shown, in an error or anywhere else. */
  readonly isSecret?: boolean;
}

/** Collects the problems of one set of options. */
export class OptionsCheck {
  readonly #problems: OptionProblem[] = [];

  /** What was found so far, in the order of the checks. */
  get problems(): readonly OptionProblem[] {
    return this.#problems;
  }

  /** The option is a whole number in the range. */
  wholeNumber(name: string, value: unknown, range: NumberRange): void {
    const advice = range.advice === undefined ? "" : `: ${range.advice}`;
    const allowed = `a whole number from ${range.min} to ${range.max}${advice}`;
    this.#expect(name, value, Number.isInteger(value) && isInRange(value, range), allowed, range);
  }

  /** The option is a number in the range, whole or not; never NaN. */
  number(name: string, value: unknown, range: NumberRange): void {
    this.#expect(name, value, isInRange(value, range), `a number from ${range.min} to ${range.max}`, range);
  }

  /** The option is one of `choices`. */
  oneOf(name: string, value: unknown, choices: readonly string[], presence: Presence = {}): void {
    const allowed = choices.map((choice) => JSON.stringify(choice)).join(" or ");
    this.#expect(name, value, typeof value === "string" && choices.includes(value), allowed, presence);
  }

  /** The option is `true` or `false`. */
  boolean(name: string, value: unknown, presence: Presence = {}): void {
    this.#expect(name, value, typeof value === "boolean", "true or false", presence);
  }

  /** The option is a function. */
  function(name: string, value: unknown, presence: Presence = {}): void {
    this.#expect(name, value, typeof value === "function", "a function", presence);
  }

  /** The option is a text that matches the rule's pattern. */
  text(name: string, value: unknown, rule: TextRule): void {
    const isMatch = typeof value === "string" && value.search(rule.pattern) === 0;
    const isHidden = rule.isSecret === true && value !== undefined;
    this.#expect(name, isHidden ? HIDDEN : value, isMatch, rule.allowed, rule);
  }

  /** The option is a text of so many characters, which must not be shown, in an error or anywhere else. */
  secret(name: string, value: unknown, { min, max, optional = false }: NumberRange): void {
    const fault = faultOfSecret(value, min, max);
    if (fault === undefined || (optional && value === undefined)) return;
    this.#problems.push({ name, value: fault, allowed: `${min} to ${max} characters` });
  }

  /**
   * `object` holds options, of no other names than `allowedKeys`. A name that looks like one of them is told
   * apart from it: the problem allows that one only. `undefined` holds none.
   */
  unknownKeys(name: string, object: unknown, allowedKeys: readonly string[]): void {
    if (object === undefined) return;
    if (typeof object !== "object" || object === null || Array.isArray(object)) {
      return this.problem(name, object, "an object with options");
    }
    for (const key of Object.keys(object).filter((key) => !allowedKeys.includes(key))) {
      const nearest = nearestKey(key, allowedKeys);
      const allowed = nearest === undefined ? `one of ${allowedKeys.join(", ")}` : pathOf(name, nearest);
      this.#problems.push({ name: pathOf(name, key), value: "an unknown option", allowed });
    }
  }

  /** Adds a problem that another rule has found, such as one between two options. */
  problem(name: string, value: unknown, allowed: string): void {
    this.#problems.push({ name, value: describe(value), allowed });
  }

  /** Adds all problems of `other`, such as a check of a part of the same options. */
  include(other: { readonly problems: readonly OptionProblem[] }): void {
    this.#problems.push(...other.problems);
  }

  /**
   * Ends the check.
   *
   * @param what What cannot be done with such options, as in `Cannot start`: `start`.
   * @throws {ActorError} `invalid-options` if there is any problem: a line for each in its message, and all of
   * them as `details.problems`. Nothing was done; safe to repeat with other options.
   */
  throwIfAny(what: string): void {
    const problems = [...this.#problems];
    if (problems.length === 0) return;
    const count = problems.length === 1 ? "1 option has to change" : `${problems.length} options have to change`;
    const lines = problems.map(({ name, value, allowed }) => `  ${name} is ${value}; allowed: ${allowed}`);
    throw new ActorError("invalid-options", [`Cannot ${what}: ${count}`, ...lines].join("\n"), {
      details: { problems },
    });
  }

  #expect(name: string, value: unknown, isAllowed: boolean, allowed: string, { optional = false }: Presence): void {
    if (isAllowed || (optional && value === undefined)) return;
    this.problem(name, value, allowed);
  }
}

/** Stands for a value that must not be shown. */
const HIDDEN = Symbol("a secret");

/** Characters of a text that are shown of it. */
const SHOWN_CHARS_MAX = 80;

/** Any value in a few words that take nothing from it but its type, unless it is a primitive. */
function describe(value: unknown): string {
  if (value === undefined) return "not given";
  if (value === HIDDEN) return "a secret";
  if (typeof value === "string") return JSON.stringify(shortened(value));
  if (typeof value === "function") return "a function";
  if (typeof value === "bigint") return `${shortened(String(value))}n`;
  if (typeof value !== "object" || value === null) return Object.is(value, -0) ? "-0" : shortened(String(value));
  return Array.isArray(value) ? `an array of ${value.length}` : "an object";
}

/** What is wrong with a secret, in words that say nothing of it. */
function faultOfSecret(value: unknown, min: number, max: number): string | undefined {
  if (value === undefined) return describe(value);
  if (typeof value !== "string") return "a secret that is no text";
  if (value.length < min) return "a secret that is too short";
  return value.length > max ? "a secret that is too long" : undefined;
}

function shortened(text: string): string {
  return text.length <= SHOWN_CHARS_MAX ? text : `${text.slice(0, SHOWN_CHARS_MAX)}…`;
}

function isInRange(value: unknown, { min, max }: NumberRange): boolean {
  return typeof value === "number" && value >= min && value <= max;
}

function pathOf(name: string, key: string): string {
  return name === "" ? key : `${name}.${key}`;
}

/** Characters of a name that is compared with others: the work grows with the square of it. */
const COMPARED_CHARS_MAX = 64;

/** The allowed key that `key` was probably meant to be: the nearest, unless a third of it would have to change. */
function nearestKey(key: string, allowedKeys: readonly string[]): string | undefined {
  if (key.length > COMPARED_CHARS_MAX) return undefined;
  let nearest: string | undefined;
  let nearestEdits = Infinity;
  for (const allowed of allowedKeys) {
    const edits = editsBetween(key.toLowerCase(), allowed.toLowerCase());
    if (edits >= nearestEdits || edits * 3 > Math.max(key.length, allowed.length)) continue;
    nearest = allowed;
    nearestEdits = edits;
  }
  return nearest;
}

/**
 * How many characters must be added, removed, replaced or swapped with their neighbour to make one text the
 * other: the restricted Damerau–Levenshtein distance ("optimal string alignment").
 */
function editsBetween(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const edits = [row];
    for (let column = 1; column <= to.length; column++) {
      const isSame = from[row - 1] === to[column - 1];
      const isSwapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      const added = (edits[column - 1] ?? 0) + 1;
      const removed = (last[column] ?? 0) + 1;
      const replaced = (last[column - 1] ?? 0) + (isSame ? 0 : 1);
      const swapped = isSwapped ? (beforeLast[column - 2] ?? 0) + 1 : Infinity;
      edits.push(Math.min(added, removed, replaced, swapped));
    }
    beforeLast = last;
    last = edits;
  }
  return last[to.length] ?? 0;
}
