/**
 * What one worker was given and somebody waits for, by number. Pure; mutable, for one owner.
 *
 * Invariant: each is taken out once: when it is answered or comes back, when nobody waits any longer, or with its worker.
 *
 * @module
 */
import type { Arrived } from "../cluster/router_protocol.ts";

/** Asks and flushes that a worker has. */
export class Awaited {
  readonly #awaited = new Map<number, { readonly arrived: Arrived; readonly untilMs: number }>();
  #id = 0;

  /** Puts one in: under which number. `untilMs` is when nobody waits any longer. */
  add(arrived: Arrived, untilMs: number): number {
    const id = ++this.#id;
    // Only what an answer needs: the payload is with the worker.
    const { frame } = arrived;
    const light = frame.kind === "user" ? { ...arrived, frame: { ...frame, payload: undefined } } : arrived;
    this.#awaited.set(id, { arrived: light, untilMs });
    return id;
  }

  /** Takes one out, if it is there. */
  take(id: number): Arrived | undefined {
    const found = this.#awaited.get(id);
    this.#awaited.delete(id);
    return found?.arrived;
  }

  /** Takes all out, the oldest first. */
  takeAll(): readonly Arrived[] {
    const all = Array.from(this.#awaited.values(), ({ arrived }) => arrived);
    this.#awaited.clear();
    return all;
  }

  /** Forgets those nobody waits for any longer. */
  sweep(nowMs: number): void {
    for (const [id, { untilMs }] of this.#awaited) if (untilMs < nowMs) this.#awaited.delete(id);
  }
}
