/**
 * The actors of the cluster scenarios. Evaluated in every thread; what is no state of an actor is state of its thread, for
 * a node has one worker: so receivers count together, as they would behind one socket.
 *
 * @module
 */
import process from "node:process";
import { type ActorRef, type AnyKind, type Context, kind, type ProtocolOfKind } from "../../mod.ts";
import { secondsNow, type Task } from "../contestant.ts";
import { BATCHES_IN_FLIGHT, type Payment, paymentOf, Sending } from "../flow.ts";

/** Milliseconds a sender waits that was refused. */
const REFUSED_MS = 1;
/** Messages a sender may hand over in one run when nobody counts them: then others run. */
const BURST_MESSAGES = 256;

type ReceiverProtocol = {
  pay(payment: Payment, from: number): void;
  bytes(payload: Uint8Array): void;
  touch(): number;
  reset(): void;
  received(): number;
};
type SenderProtocol = { counted(total: number): void };

/** What one sender has under way. */
interface Flow {
  readonly sending: Sending;
  readonly from: number;
  /** Messages that may be sent now. */
  left: number;
  /** State of a small generator: whom the next message is for. */
  seed: number;
  readonly drained: (delivered: number) => void;
}

/** What a sender without limits came to. */
export interface Pushed {
  readonly taken: number;
  readonly refused: number;
}

const flows = new Map<number, Flow>();
/** Refs of all receivers, made once a thread. */
let receivers: ActorRef<ReceiverProtocol>[] = [];
/** By sender: what the receivers of this thread have counted. */
let counts: number[] = [];
let receivedBytes = 0;

/** The name of a receiver. */
export function receiverName(index: number): string {
  return `receiver-${index}`;
}

/** The name of a sender. */
export function senderName(index: number): string {
  return `sender-${index}`;
}

/** Sends to receivers at random, as the flow of all tells allows. */
export const Sender = kind("sender", {
  mailbox: 4096,
  relocation: "none",
  reentrant: ["counted", "again"],
  handlers: {
    async flood(ctx: Context<unknown>, task: Task, share: number, from: number, receiverCount: number) {
      know(ctx, receiverCount);
      const { promise, resolve: drained } = Promise.withResolvers<number>();
      const sending = new Sending(task, share);
      const flow: Flow = { sending, from, left: 0, seed: from + 1, drained };
      flows.set(from, flow);
      for (let batch = 0; batch < BATCHES_IN_FLIGHT; batch++) allowOne(flow);
      send(ctx, flow);
      return { sent: await promise.then(() => sending.sent) };
    },
    counted(ctx: Context<unknown>, total: number) {
      const flow = flows.get(indexOf(ctx));
      if (flow === undefined) return;
      flow.sending.counted();
      allowOne(flow);
      send(ctx, flow);
      if (flow.left === 0 && flow.sending.isDrained) flow.drained(total);
    },
    again(ctx: Context<unknown>) {
      const flow = flows.get(indexOf(ctx));
      if (flow !== undefined) send(ctx, flow);
    },
    /** Sends without waiting for anybody, as long as it is told to: what is refused is counted. */
    async push(ctx: Context<unknown>, seconds: number, payloadBytes: number, receiverCount: number): Promise<Pushed> {
      know(ctx, receiverCount);
      const payload = new Uint8Array(payloadBytes).fill(7);
      const endsAt = secondsNow() + seconds;
      let seed = 1;
      let taken = 0;
      let refused = 0;
      while (secondsNow() < endsAt) {
        let isRefused = false;
        for (let count = 0; count < BURST_MESSAGES && !isRefused; count++) {
          seed = next(seed);
          isRefused = receivers[seed % receiverCount]?.tell.bytes(payload) === false;
          if (isRefused) refused++;
          else taken++;
        }
        await ctx.sleep(isRefused ? REFUSED_MS : 0);
      }
      return { taken, refused };
    },
  },
});

/** Counts, and tells each sender when it has counted one of its batches. */
export const Receiver = kind("receiver", {
  relocation: "none",
  handlers: {
    pay(ctx: Context<unknown>, _payment: Payment, from: number) {
      const total = (counts[from] ?? 0) + 1;
      counts[from] = total;
      if (total % BATCH === 0) senderOf(ctx, from).tell.counted(total);
    },
    bytes(_ctx: Context<unknown>, payload: Uint8Array) {
      receivedBytes += payload.length;
    },
    touch(): number {
      return 1;
    },
    reset() {
      counts = [];
      receivedBytes = 0;
    },
    received(): number {
      return counts.reduce((sum, count) => sum + count, 0);
    },
  },
});

/** Adds up, and answers with its total. */
export const Adder = kind("adder", {
  state: () => ({ total: 0 }),
  mailbox: 4096,
  relocation: "none",
  handlers: {
    reset(ctx) {
      ctx.state.total = 0;
    },
    add(ctx, amount: number): number {
      ctx.state.total += amount;
      return ctx.state.total;
    },
  },
});

/** A grain that is cold until somebody asks. */
export const Cold = kind("cold", {
  state: () => ({ total: 0 }),
  idleMs: Infinity,
  handlers: {
    add(ctx, amount: number): number {
      ctx.state.total += amount;
      return ctx.state.total;
    },
    where(): number {
      return process.pid;
    },
  },
});

/** Says where it runs. Spawned ones begin elsewhere when their node is gone; grains with their next message. */
export const Resident = kind("resident", {
  idleMs: Infinity,
  handlers: {
    where(): number {
      return process.pid;
    },
  },
});

/** A name that is taken, and no more. */
export const Claimed = kind("claimed", {
  relocation: "none",
  handlers: {
    touch(): number {
      return 1;
    },
  },
});

/** Every kind, in one order for all threads. */
export const KINDS: readonly AnyKind[] = [Sender, Receiver, Adder, Cold, Resident, Claimed];

/** The protocol of an adder. */
export type AdderProtocol = ProtocolOfKind<typeof Adder>;

const BATCH = new Sending({ scenario: "", contestant: "", seconds: 0, countMax: 0 }).batchMessages;

function allowOne(flow: Flow): void {
  if (flow.sending.nextBatch()) flow.left += flow.sending.batchMessages;
}

function send(ctx: Context<unknown>, flow: Flow): void {
  const { sending, from } = flow;
  while (flow.left > 0) {
    flow.seed = next(flow.seed);
    const receiver = receivers[flow.seed % receivers.length];
    if (receiver?.tell.pay(paymentOf(sending.sent - flow.left), from) === false) {
      return ctx.timers.once("again", REFUSED_MS, "again");
    }
    flow.left--;
  }
}

function know(ctx: Context<unknown>, receiverCount: number): void {
  if (receivers.length === receiverCount) return;
  receivers = Array.from({ length: receiverCount }, (_, index) => ctx.actor(Receiver, receiverName(index)));
}

function senderOf(ctx: Context<unknown>, from: number): ActorRef<SenderProtocol> {
  return ctx.actor(Sender, senderName(from));
}

function indexOf(ctx: Context<unknown>): number {
  return Number(ctx.name.slice(ctx.name.indexOf("-") + 1));
}

/** A linear congruential generator modulo 2^31 - 1 (Lehmer, with the multiplier of Park and Miller). */
function next(seed: number): number {
  return seed * 48_271 % 0x7fffffff;
}
