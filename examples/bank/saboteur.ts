/**
 * Kills the worker it lives on, as a bug in anybody's code would. A kind of the demo, not of the bank: nothing
 * that comes over HTTP can reach it.
 *
 * @module
 */
import { kind } from "../../mod.ts";

/** The kind whose only message is the last of its thread. */
export const Saboteur = kind("saboteur", {
  handlers: {
    /** Ends the thread, and everything on it, soon after this returns. */
    crash(): void {
      // Thrown by the handler, supervision would catch it. Nobody catches what a timer throws.
      setTimeout(() => {
        throw new Error("the saboteur has killed this worker");
      }, 0);
    },
  },
});
