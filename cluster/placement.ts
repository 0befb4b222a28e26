/**
 * Which node an actor is put on, among those that may have it. Pure: chance, loads and whose turn it is are arguments.
 *
 * One idea: first who may, then who does. The first is a rule of the cluster and holds for every actor; the second is
 * the user's choice, down to a function of their own.
 *
 * Invariant: the chosen node is one of the eligible. A user's function that throws or names another node is a refusal
 * with a reason: it never gets an actor to where it must not be, nor an exception into the runtime.
 *
 * @module
 */
import type { NodeId } from "../core/ids.ts";
import { below, type Random } from "../core/random.ts";
import type { Member } from "./view.ts";

/** How a node is chosen among the eligible ones. */
export type Placement =
  /** Each in turn, the oldest first. */
  | { readonly kind: "round-robin" }
  /** Any, each as likely. */
  | { readonly kind: "random" }
  /** The less loaded of two chosen at random, by load for its capacity. */
  | { readonly kind: "least-load" }
  /** This node; refused when it is not eligible. */
  | { readonly kind: "local" }
  /** Whatever the user's function says; `undefined` when it wants none of them. */
  | { readonly kind: "function"; readonly choose: (candidates: readonly Member[]) => NodeId | undefined };

/** What an actor asks of its node. */
export interface Demand {
  /** Only nodes with this role. Empty: any. */
  readonly role: string;
  /** Name of its kind, which the node must be able to run. */
  readonly kind: string;
}

/** What a choice depends on beside the candidates. */
export interface ChoiceContext {
  readonly self: NodeId;
  readonly random: Random;
  /** Actors there and on their way there, or any other number from 0 in which nodes can be compared. */
  readonly loadOf: (id: NodeId) => number;
  /** How many choices in turn there were before: a whole number from 0. */
  readonly counter: number;
}

/** Why no node was chosen. */
export type ChoiceRefusal =
  /** No member that is up has the role and the kind. */
  | "no-candidate"
  /** This node is not eligible. */
  | "not-local"
  /** The user's function threw. */
  | "choice-threw"
  /** The user's function named a node that is not eligible. */
  | "choice-stranger"
  /** The user's function named no node. */
  | "choice-none";

/** A node, or why there is none. */
export type Choice =
  | { readonly kind: "chosen"; readonly node: NodeId }
  /** `detail` says more, for people; empty when there is nothing more to say. */
  | { readonly kind: "refused"; readonly reason: ChoiceRefusal; readonly detail: string };

/** The members that may have an actor: up, with its role and its kind; in the order of the view. */
export function eligible(members: readonly Member[], { role, kind }: Demand): readonly Member[] {
  return members.filter((member) =>
    member.status === "up" && (role === "" || member.roles.includes(role)) && member.kinds.includes(kind)
  );
}

/** Chooses among `candidates`, which are {@link eligible}. */
export function chooseNode(placement: Placement, candidates: readonly Member[], context: ChoiceContext): Choice {
  if (candidates.length === 0) return refused("no-candidate");
  switch (placement.kind) {
    case "round-robin":
      return chosen(candidates[context.counter % candidates.length]);
    case "random":
      return chosen(candidates[below(context.random, candidates.length)]);
    case "least-load":
      return chosen(lessLoaded(candidates, context));
    case "local":
      return chosen(candidates.find(({ id }) => id === context.self), "not-local");
    case "function":
      return asked(placement.choose, candidates);
    default:
      return placement satisfies never;
  }
}

/**
 * The less loaded of two different ones. Two are nearly as good as asking all, and unlike the best of all, the best of
 * two is not the same one for every node that asks with the same stale numbers (Michael Mitzenmacher, "The Power of Two
 * Choices in Randomized Load Balancing", 2001).
 */
function lessLoaded(candidates: readonly Member[], { random, loadOf }: ChoiceContext): Member | undefined {
  const first = below(random, candidates.length);
  if (candidates.length === 1) return candidates[first];
  const other = (first + 1 + below(random, candidates.length - 1)) % candidates.length;
  const [one, two] = [candidates[first], candidates[other]];
  if (one === undefined || two === undefined) return one;
  // As products, so that no quotient of odd numbers decides.
  return loadOf(two.id) * one.capacity < loadOf(one.id) * two.capacity ? two : one;
}

function asked(choose: (candidates: readonly Member[]) => unknown, candidates: readonly Member[]): Choice {
  let answer: unknown;
  try {
    answer = choose([...candidates]); // Its own list, to sort as it likes.
  } catch (thrown) {
    return refused("choice-threw", textOf(thrown));
  }
  if (answer === undefined || answer === null) return refused("choice-none");
  return chosen(candidates.find(({ id }) => id === answer), "choice-stranger", textOf(answer));
}

function chosen(member: Member | undefined, otherwise: ChoiceRefusal = "no-candidate", detail = ""): Choice {
  return member === undefined ? refused(otherwise, detail) : { kind: "chosen", node: member.id };
}

function refused(reason: ChoiceRefusal, detail = ""): Choice {
  return { kind: "refused", reason, detail };
}

/** What a user's code gave us, as text; it may be anything, its conversion to text included. */
function textOf(value: unknown): string {
  try {
    return String(value instanceof Error ? value.message : value).slice(0, DETAIL_CHARS_MAX);
  } catch {
    return "";
  }
}

/** Characters of a detail: it goes into events and errors. At the limit it is cut. */
const DETAIL_CHARS_MAX = 256;
