/**
 * Random plans of traffic between actors, as fast-check makes and shrinks them.
 *
 * @module
 */
import fc from "fast-check";

/** How many actors there are. */
export const PEERS = 4;

/** What a message does: the name of its handler. */
export const DEEDS = ["quick", "slow", "peek", "look", "refuse", "fail", "leave", "forward", "put", "take"] as const;
/** A handler of a peer. */
export type Deed = typeof DEEDS[number];

/** One step of a random run. Indexes are taken modulo what there is. */
export type TrafficCommand =
  | {
    readonly do: "send";
    readonly from: number;
    readonly to: number;
    readonly deed: Deed;
    readonly isAsk: boolean;
    readonly times: number;
  }
  | {
    readonly do: "turn";
    readonly thread: number;
    readonly drain: number;
    readonly run: number;
    readonly flush: boolean;
  }
  | { readonly do: "open"; readonly which: number; readonly isOk: boolean }
  | { readonly do: "advance"; readonly ms: number }
  | { readonly do: "sweep"; readonly thread: number }
  | { readonly do: "stop"; readonly peer: number; readonly isDraining: boolean }
  | { readonly do: "abort"; readonly which: number }
  | { readonly do: "lose"; readonly thread: number };

/** What a run is made of beside its commands. */
export interface TrafficPlan {
  readonly workers: number;
  readonly mailbox: number;
  readonly reentrantMax: number;
  readonly ringBytes: number;
  /** The part of all hooks that wait for a gate, in tenths. */
  readonly slowHooks: number;
  readonly commands: readonly TrafficCommand[];
}

/** How likely each command is; those left out never happen. */
export type TrafficWeights = Partial<Record<TrafficCommand["do"], number>>;

/** A plan with commands of these weights. */
export function trafficPlan(
  weights: TrafficWeights,
  deeds: readonly Deed[],
  lengthMax: number,
): fc.Arbitrary<TrafficPlan> {
  const few = fc.integer({ min: 1, max: 3 });
  const index = fc.nat(11);
  const commands: Readonly<Record<TrafficCommand["do"], fc.Arbitrary<TrafficCommand>>> = {
    send: fc.record({
      do: fc.constant("send" as const),
      from: fc.integer({ min: -1, max: PEERS - 1 }),
      to: fc.nat(PEERS - 1),
      deed: fc.constantFrom(...deeds),
      isAsk: fc.boolean(),
      times: fc.integer({ min: 1, max: 6 }),
    }),
    turn: fc.record({ do: fc.constant("turn" as const), thread: fc.nat(2), drain: few, run: few, flush: fc.boolean() }),
    open: fc.record({ do: fc.constant("open" as const), which: index, isOk: fc.boolean() }),
    advance: fc.record({ do: fc.constant("advance" as const), ms: fc.constantFrom(1, 10, 50, 300, 6_000) }),
    sweep: fc.record({ do: fc.constant("sweep" as const), thread: fc.nat(2) }),
    stop: fc.record({ do: fc.constant("stop" as const), peer: fc.nat(PEERS - 1), isDraining: fc.boolean() }),
    abort: fc.record({ do: fc.constant("abort" as const), which: index }),
    lose: fc.record({ do: fc.constant("lose" as const), thread: fc.nat(1) }),
  };
  const weighted = Object.entries(weights).map(([name, weight]) => ({
    weight,
    arbitrary: commands[name as TrafficCommand["do"]],
  }));
  return fc.record({
    workers: fc.constantFrom(0, 1, 2),
    mailbox: fc.constantFrom(1, 2, 5),
    reentrantMax: fc.constantFrom(1, 2, 64),
    ringBytes: fc.constantFrom(1024, 4096),
    slowHooks: fc.constantFrom(0, 0, 3),
    commands: fc.array(fc.oneof(...weighted), { minLength: 1, maxLength: lengthMax, size: "max" }),
  });
}
