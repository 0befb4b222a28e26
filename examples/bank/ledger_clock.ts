/**
 * The ledger's clock: the one actor of which a whole cluster runs one. It counts the half seconds that the bank was
 * open and keeps the count in the store, under the fencing token of its present life.
 *
 * The one idea: a count that only one may continue. When its node is lost, the clock begins on another one, reads how
 * far it was, and goes on under a higher token; should its former life still believe that it is the clock, the store
 * refuses what it saves.
 *
 * @module
 */
import { kind } from "../../mod.ts";

/** What a cluster knows the clock by. */
export const CLOCK_NAME = "ledger-clock";
/** Milliseconds between two ticks. */
const TICK_MS = 500;

/** What the clock shows. */
export interface ClockReading {
  /** Ticks of all its lives: never fewer than before. */
  readonly ticks: number;
  /** Lives it has had, this one included. */
  readonly lives: number;
  /** The fencing token of this life: greater than that of every life before. */
  readonly token: string;
}

/** The kind of the clock. */
export const LedgerClock = kind("ledger-clock", {
  state: () => ({ ticks: 0, lives: 0 }),
  store: true,
  // What was counted and not saved must not be shown: begin again from the store.
  supervision: { on: { "store-failed": "restart" } },

  async onStart(ctx) {
    ctx.state.lives++;
    await ctx.save();
    ctx.timers.every("tick", TICK_MS, "tick");
  },

  handlers: {
    async tick(ctx): Promise<void> {
      ctx.state.ticks++;
      await ctx.save();
    },
    read(ctx): ClockReading {
      return { ...ctx.state, token: ctx.fence ?? "" };
    },
  },
});
