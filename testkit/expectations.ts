/**
 * What a user expects of a simulated world: claims that hold all the time, or in the end. Mutable; one per world.
 *
 * One idea: a claim is looked at whenever an actor may have changed something, so the first moment at which it is wrong
 * is the moment that is reported.
 *
 * @module
 */
import { SimulationViolation } from "./scenario.ts";

/** A claim about a world. */
export interface Expectation {
  /** Whether it holds all the time, or comes true once. */
  readonly kind: "always" | "eventually";
  /** What is claimed, as the end of a sentence: "no account owes money". */
  readonly text: string;
  /** Whether it is so now. Called often: looks, and changes nothing. */
  readonly holds: () => boolean;
  /** Simulated milliseconds it may take to come true; only for `eventually`. */
  readonly withinMs: number;
}

/** Milliseconds until an `eventually` must have come true, unless it says otherwise. */
export const EVENTUALLY_MS_DEFAULT = 60_000;

/** Holds from now on, whatever happens. */
export function always(text: string, holds: () => boolean): Expectation {
  return { kind: "always", text, holds, withinMs: Infinity };
}

/** Comes true within so many simulated milliseconds, once. */
export function eventually(text: string, holds: () => boolean, withinMs: number = EVENTUALLY_MS_DEFAULT): Expectation {
  return { kind: "eventually", text, holds, withinMs };
}

/** The claims of one world. */
export class Expectations {
  readonly #always: Expectation[] = [];
  readonly #open: { readonly expectation: Expectation; readonly untilMs: number }[] = [];

  add(expectation: Expectation, nowMs: number): void {
    if (expectation.kind === "always") this.#always.push(expectation);
    else this.#open.push({ expectation, untilMs: nowMs + expectation.withinMs });
  }

  /** Throws the first claim that is broken now. */
  check(nowMs: number): void {
    for (const { text, holds } of this.#always) {
      if (!holds()) throw new SimulationViolation("always", `It does not always hold that ${text}`);
    }
    for (let index = this.#open.length - 1; index >= 0; index--) {
      const open = this.#open[index];
      if (open === undefined) continue;
      const { expectation: { text, holds, withinMs }, untilMs } = open;
      if (holds()) this.#open.splice(index, 1);
      else if (nowMs > untilMs) {
        throw new SimulationViolation("eventually", `It did not come true within ${withinMs} ms that ${text}`);
      }
    }
  }
}
