/**
 * Why a value cannot travel, and where in the message it is. The encoder throws a {@link Refusal} where it
 * stands, and every container that is left on the way out adds its own step: nothing is paid for a path
 * until there is a failure. Pure.
 *
 * @module
 */
import { AssertionFailure } from "./assert.ts";
import { ActorError, toActorError } from "./failure.ts";
import { VALUE_DEPTH_MAX } from "./limits.ts";

const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;
/** Characters of one key shown in a path. */
const KEY_CHARS_SHOWN = 80;

/** The way from a container to the value inside it, as one would write it in code. */
export type Step =
  | { readonly kind: "property"; readonly key: string }
  | { readonly kind: "index"; readonly index: number }
  | { readonly kind: "map-key"; readonly index: number }
  | { readonly kind: "map-value"; readonly key: unknown }
  | { readonly kind: "set-value"; readonly index: number };

/** Thrown inside the encoder only; {@link cannotTravel} makes it the sender's failure. */
export class Refusal {
  /** What cannot travel, as the middle of a sentence: `a function`. */
  readonly reason: string;
  /** What was thrown while the value was read. */
  readonly cause: unknown;
  /** What was left on the way out, the innermost first. */
  readonly containers: object[] = [];
  /** The way taken in each of {@link containers}. */
  readonly steps: Step[] = [];

  /** `reason` names what cannot travel. */
  constructor(reason: string, cause?: unknown) {
    this.reason = reason;
    this.cause = cause;
  }
}

/** The refusal of a value nested deeper than {@link VALUE_DEPTH_MAX}; whether it is a cycle is looked up later. */
export function tooDeep(): Refusal {
  return new Refusal(`nesting deeper than ${VALUE_DEPTH_MAX}`);
}

/**
 * What to throw on when `thrown` leaves `container`: a refusal with this step added. A message that is too
 * large stays that, and a bug of ours a bug; anything else came from a getter or a proxy of the sender.
 */
export function leaving(thrown: unknown, container: object, step: Step | undefined): unknown {
  const failure = asFailure(thrown);
  if (failure instanceof Refusal && step !== undefined) {
    failure.containers.push(container);
    failure.steps.push(step);
  }
  return failure;
}

/** What to throw to the sender for whatever ended the encoding. */
export function encodingFailure(thrown: unknown): unknown {
  const failure = asFailure(thrown);
  return failure instanceof Refusal ? cannotTravel(failure) : failure;
}

/** The failure of a value that cannot travel: `details.path` says where it is, e.g. `[1].items[3].callback`. */
export function cannotTravel(refusal: Refusal): ActorError {
  const cycle = cycleOf(refusal);
  const reason = cycle === undefined ? refusal.reason : "a value that contains itself";
  const path = textOf(cycle ?? refusal.steps.toReversed());
  const where = path === "" ? "the value" : path;
  return new ActorError("value-cannot-travel", `Cannot encode ${where}: ${reason} cannot travel`, {
    details: { path, reason },
    cause: refusal.cause,
  });
}

/**
 * What to throw for `thrown` when it came from encoding `message`, as `actor.handler`: an argument that cannot travel is
 * named with it, the rest stays. `outer` is where the arguments stand in what was encoded.
 */
export function ofMessage(thrown: unknown, message: string, outer: string = ""): unknown {
  if (!(thrown instanceof ActorError) || thrown.code !== "value-cannot-travel") return thrown;
  const { path, reason } = thrown.details;
  const inner = String(path).startsWith(outer) ? String(path).slice(outer.length) : String(path);
  return new ActorError("value-cannot-travel", `Cannot encode ${inner} of ${message}: ${reason} cannot travel`, {
    details: { path: inner, reason },
    cause: thrown.cause,
  });
}

/** The steps to the first container met twice on the way in, if there is one. */
function cycleOf(refusal: Refusal): readonly Step[] | undefined {
  const seen = new Set<object>();
  const containers = refusal.containers.toReversed();
  for (const [depth, container] of containers.entries()) {
    if (seen.has(container)) return refusal.steps.toReversed().slice(0, depth);
    seen.add(container);
  }
  return undefined;
}

function textOf(steps: readonly Step[]): string {
  return steps.map(stepText).join("").replace(/^\./, "");
}

function stepText(step: Step): string {
  switch (step.kind) {
    case "property":
      return IDENTIFIER.test(step.key) ? `.${short(step.key)}` : `[${JSON.stringify(short(step.key))}]`;
    case "index":
      return `[${step.index}]`;
    case "map-key":
      return `.keys()[${step.index}]`;
    case "map-value":
      return `.get(${keyText(step.key)})`;
    case "set-value":
      return `.values()[${step.index}]`;
    default:
      return step satisfies never;
  }
}

function keyText(key: unknown): string {
  if (typeof key === "string") return JSON.stringify(short(key));
  return typeof key === "object" && key !== null ? "…" : short(String(key));
}

function short(text: string): string {
  return text.length <= KEY_CHARS_SHOWN ? text : `${text.slice(0, KEY_CHARS_SHOWN)}…`;
}

/** The sender may have thrown anything, even a proxy that throws when it is asked what it is. */
function asFailure(thrown: unknown): Refusal | ActorError | AssertionFailure {
  if (isA(Refusal, thrown) || isA(AssertionFailure, thrown)) return thrown;
  const failure = toActorError(thrown);
  if (failure === thrown && failure.code === "message-too-large") return failure;
  return new Refusal(`a value that throws when it is read (${short(failure.message)})`, thrown);
}

function isA<Instance>(Class: abstract new (...args: never[]) => Instance, thrown: unknown): thrown is Instance {
  try {
    return thrown instanceof Class;
  } catch {
    return false;
  }
}
