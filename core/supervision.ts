/**
 * What happens when an actor fails: a decision as data, from the policy of its kind, its history and the
 * error's code. Deciding is here; stopping and starting is the cell's. Pure.
 *
 * The directives are those of Erlang/OTP supervisors and Akka: resume, restart, stop, escalate.
 *
 * @module
 */
import { backoffMs } from "./backoff.ts";
import type { ActorError } from "./failure.ts";
import {
  BACKOFF_MS_MAX_DEFAULT,
  BACKOFF_MS_MIN_DEFAULT,
  RESTART_WINDOW_MS_DEFAULT,
  RESTARTS_DEFAULT,
  WAIT_MS_MAX,
} from "./limits.ts";
import type { OptionsCheck } from "./options_check.ts";
import type { Random } from "./random.ts";

/**
 * - `resume`: keep the state, take the next message.
 * - `restart`: new state (loaded again if stored), same mailbox, after a backoff.
 * - `stop`: end the actor; its queued messages are dead letters.
 * - `escalate`: the parent fails with the same error. At the top there is nobody above: stop.
 */
export type Directive = "resume" | "restart" | "stop" | "escalate";

/** The policy of a kind. Everything has a default. */
export interface SupervisionOptions {
  /** `one-for-one` (default): the failed actor alone. `all-for-one`: all children of its parent get the directive. */
  readonly strategy?: "one-for-one" | "all-for-one";
  /**
   * Error code → directive; `"*"` is any other. Default: an `ActorError` is a refusal and resumes, anything
   * else a handler throws (code `handler-failed`) restarts.
   */
  readonly on?: { readonly [code: string]: Directive };
  /** Restarts allowed within `windowMs`, `0` to 1,000,000. Default 10. Then the actor is stopped, `restart-budget-spent`. */
  readonly maxRestarts?: number;
  /** Milliseconds of the window, `1` to a day. Default 60,000. */
  readonly windowMs?: number;
  /** Waiting before each restart: doubles from `minMs` (default 100) to `maxMs` (default 30,000), with `jitter` 0 to 1 (default 0.2). */
  readonly backoff?: { readonly minMs?: number; readonly maxMs?: number; readonly jitter?: number };
}

/** A policy with its defaults filled in. */
export interface Supervision {
  /** Whom the directive is for. */
  readonly strategy: "one-for-one" | "all-for-one";
  /** Directives by error code. */
  readonly on: ReadonlyMap<string, Directive>;
  /** Restarts allowed within the window. */
  readonly maxRestarts: number;
  /** Milliseconds of the window. */
  readonly windowMs: number;
  /** Milliseconds before each restart, and their jitter. */
  readonly backoff: { readonly minMs: number; readonly maxMs: number; readonly jitter: number };
}

/** When an actor was restarted, oldest first; survives its restarts. */
export type RestartHistory = readonly number[];

/** What is to be done about one failure. */
export type Verdict =
  | { readonly kind: "resume" }
  | { readonly kind: "restart"; readonly delayMs: number; readonly history: RestartHistory }
  | { readonly kind: "stop"; readonly reason: "failed" | "restart-budget-spent" }
  | { readonly kind: "escalate" };

/** Codes that restart unless the policy says otherwise: the state may be half changed. */
const RESTARTING_CODES: ReadonlySet<string> = new Set(["handler-failed", "start-failed", "worker-lost"]);

/** The policy of `options`. */
export function supervisionOf(options: SupervisionOptions = {}): Supervision {
  const { backoff = {} } = options;
  return {
    strategy: options.strategy ?? "one-for-one",
    on: new Map(Object.entries(options.on ?? {})),
    maxRestarts: options.maxRestarts ?? RESTARTS_DEFAULT,
    windowMs: options.windowMs ?? RESTART_WINDOW_MS_DEFAULT,
    backoff: {
      minMs: backoff.minMs ?? Math.min(BACKOFF_MS_MIN_DEFAULT, backoff.maxMs ?? BACKOFF_MS_MIN_DEFAULT),
      maxMs: backoff.maxMs ?? Math.max(BACKOFF_MS_MAX_DEFAULT, backoff.minMs ?? 0),
      jitter: backoff.jitter ?? 0.2,
    },
  };
}

/**
 * What `policy` does about `error`. Same inputs, same verdict. `isFault`: the actor itself broke; `false` when it
 * threw an `ActorError`, its own refusal or one it was given by somebody it asked.
 */
export function decide(
  policy: Supervision,
  error: ActorError,
  history: RestartHistory,
  nowMs: number,
  random: Random,
  isFault: boolean = true,
): Verdict {
  const directive = directiveFor(policy, error, isFault);
  switch (directive) {
    case "resume":
      return { kind: "resume" };
    case "stop":
      return { kind: "stop", reason: "failed" };
    case "escalate":
      return { kind: "escalate" };
    case "restart":
      return decideRestart(policy, history, nowMs, random);
    default:
      return directive satisfies never;
  }
}

/** A restart after its backoff, or a stop when `history` has used up the budget of `policy`. */
export function decideRestart(
  policy: Supervision,
  history: RestartHistory,
  nowMs: number,
  random: Random,
): Extract<Verdict, { kind: "restart" | "stop" }> {
  const recent = recentOf(policy, history, nowMs);
  if (recent.length >= policy.maxRestarts) return { kind: "stop", reason: "restart-budget-spent" };
  const delayMs = backoffMs(recent.length, policy.backoff, random);
  return { kind: "restart", delayMs, history: [...recent, nowMs] };
}

/** `history` after a restart that another actor's failure caused: it counts, but cannot spend the budget. */
export function remembered(policy: Supervision, history: RestartHistory, nowMs: number): RestartHistory {
  const all = [...recentOf(policy, history, nowMs), nowMs];
  return all.slice(Math.max(0, all.length - policy.maxRestarts));
}

/** The directive for `error`: the policy's own word for its code, then for any code, then the default. */
export function directiveFor(policy: Supervision, error: ActorError, isFault: boolean = true): Directive {
  return policy.on.get(error.code) ?? policy.on.get("*") ?? defaultDirective(error.code, isFault);
}

function defaultDirective(code: string, isFault: boolean): Directive {
  if (code === "fenced-write") return "stop";
  // A bug in an actor that was asked is no fault of the one that asked.
  return isFault && RESTARTING_CODES.has(code) ? "restart" : "resume";
}

function recentOf(policy: Supervision, history: RestartHistory, nowMs: number): RestartHistory {
  return history.filter((atMs) => nowMs - atMs < policy.windowMs);
}

const DIRECTIVES: readonly Directive[] = ["resume", "restart", "stop", "escalate"];
const CODE = /^(?:\*|[a-z0-9]+(?:-[a-z0-9]+)*)$/;

/** Adds every problem of `options` to `check`. */
export function checkSupervision(check: OptionsCheck, at: string, options: unknown): void {
  check.unknownKeys(at, options, ["strategy", "on", "maxRestarts", "windowMs", "backoff"]);
  if (!isBag(options)) return;
  check.oneOf(`${at}.strategy`, options.strategy, ["one-for-one", "all-for-one"], { optional: true });
  checkDirectives(check, `${at}.on`, options.on);
  check.wholeNumber(`${at}.maxRestarts`, options.maxRestarts, { min: 0, max: 1_000_000, optional: true });
  check.wholeNumber(`${at}.windowMs`, options.windowMs, { min: 1, max: WAIT_MS_MAX, optional: true });
  checkBackoff(check, `${at}.backoff`, options.backoff);
}

function checkDirectives(check: OptionsCheck, at: string, on: unknown): void {
  if (on === undefined) return;
  if (!isBag(on)) return check.problem(at, on, "an object: error code → directive");
  for (const [code, directive] of Object.entries(on)) {
    if (!CODE.test(code)) check.problem(at, code, "an error code in kebab-case, or `*`");
    if (code === "fenced-write" && directive !== "stop") check.problem(`${at}.${code}`, directive, "`stop` only");
    else check.oneOf(`${at}.${code}`, directive, DIRECTIVES, {});
  }
}

function checkBackoff(check: OptionsCheck, at: string, backoff: unknown): void {
  check.unknownKeys(at, backoff, ["minMs", "maxMs", "jitter"]);
  if (!isBag(backoff)) return;
  const { minMs, maxMs, jitter } = backoff;
  check.wholeNumber(`${at}.minMs`, minMs, { min: 0, max: WAIT_MS_MAX, optional: true });
  const least = typeof minMs === "number" ? minMs : 0;
  check.wholeNumber(`${at}.maxMs`, maxMs, { min: least, max: WAIT_MS_MAX, optional: true });
  check.number(`${at}.jitter`, jitter, { min: 0, max: 1, optional: true });
}

function isBag(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
