/**
 * The kinds that the nodes of these tests run. All of them write down what they do.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import process from "node:process";
import { type AnyKind, type Context, kind, type StopReason } from "../../mod.ts";
import { logRun, nextRun } from "./run_log.ts";

/** What an account holds. */
export interface AccountState {
  balance: number;
  /** Cents that came from outside, ever. */
  deposited: number;
  /** Postings that were decided, with the decision: whoever asks again hears the same. */
  readonly posted: Map<string, Decision>;
}

/** What became of a posting. */
export type Decision = "done" | "too-little";

/** Money, stored. A posting with the same name moves it once, however often it is asked for. */
export const Account = kind("account", {
  state: (): AccountState => ({ balance: 0, deposited: 0, posted: new Map() }),
  store: true,
  // After a failed save the memory is ahead of the store: begin again from the store.
  supervision: { on: { "store-failed": "restart" } },
  handlers: {
    /** Adds `cents`, or takes them. `isDeposit`: they come from outside. */
    async post(ctx, posting: string, attempt: string, cents: number, isDeposit: boolean): Promise<Decision> {
      const run = began(ctx, attempt);
      try {
        const known = ctx.state.posted.get(posting);
        if (known !== undefined) return known;
        const decision = ctx.state.balance + cents < 0 ? "too-little" : "done";
        ctx.state.posted.set(posting, decision);
        if (decision === "done") ctx.state.balance += cents;
        if (decision === "done" && isDeposit) ctx.state.deposited += cents;
        run.waits();
        await ctx.save();
        run.resumes();
        return decision;
      } finally {
        run.ends();
      }
    },
    balance(ctx): number {
      const run = began(ctx, "");
      run.ends();
      return ctx.state.balance;
    },
  },
});

interface TracerState {
  /** One life of one activation: it is not stored. */
  readonly life: string;
  count: number;
}

/** Does nothing but tell when it does it: for so long in one go, or asleep. */
export const Tracer = kind("tracer", {
  state: (): TracerState => ({ life: randomUUID(), count: 0 }),
  handlers: {
    /** Keeps its thread for `ms` milliseconds. */
    spin(ctx, attempt: string, ms: number): number {
      const run = began(ctx, attempt);
      const endMs = performance.now() + ms;
      while (performance.now() < endMs);
      run.ends();
      return ++ctx.state.count;
    },
    /** Waits for `ms` milliseconds of the runtime's clock, three times. */
    async nap(ctx, attempt: string, ms: number): Promise<number> {
      const run = began(ctx, attempt);
      for (let naps = 0; naps < 3; naps++) {
        run.waits();
        await ctx.sleep(ms);
        run.resumes();
      }
      run.ends();
      return ++ctx.state.count;
    },
    life: (ctx): string => ctx.state.life,
    count: (ctx): number => ctx.state.count,
  },
});

/** Of which there is one: says where it is by which process answers. */
export const Keeper = kind("keeper", {
  state: () => ({ life: randomUUID(), pid: process.pid }),
  handlers: {
    where: (ctx): { readonly life: string; readonly pid: number } => ({ ...ctx.state }),
  },
});

/** A grain that begins anew at once when its node is gone. */
export const Restless = kind("restless", {
  relocation: "eager",
  state: () => ({ pid: process.pid }),
  handlers: { where: (ctx): number => ctx.state.pid },
});

/** An actor that ends with its node. */
export const Loyal = kind("loyal", {
  relocation: "none",
  state: () => ({ pid: process.pid }),
  handlers: { where: (ctx): number => ctx.state.pid },
});

/** Watches tracers, and remembers how they ended. Begins where it is asked for. */
export const Watcher = kind("watcher", {
  placement: "local",
  state: () => ({ ended: [] as (readonly [key: string, reason: StopReason])[] }),
  handlers: {
    watch(ctx, name: string) {
      ctx.watch(ctx.actor(Tracer, name));
    },
    ended: (ctx): readonly (readonly [key: string, reason: StopReason])[] => ctx.state.ended,
  },
  onTerminated(ctx, ref, reason) {
    ctx.state.ended.push([ref.key, reason]);
  },
});

/** All of them. */
export const KINDS: readonly AnyKind[] = [Account, Tracer, Keeper, Restless, Loyal, Watcher];

/** Says that a run has begun; what comes back says the rest. */
function began(ctx: Context<AccountState> | Context<TracerState>, attempt: string) {
  const { key } = ctx;
  const activation = ctx.fence ?? ("life" in ctx.state ? ctx.state.life : "");
  const run = nextRun();
  logRun("begins", key, activation, run, attempt);
  return {
    waits: () => logRun("waits", key, activation, run, attempt),
    resumes: () => logRun("resumes", key, activation, run, attempt),
    ends: () => logRun("ends", key, activation, run, attempt),
  };
}
