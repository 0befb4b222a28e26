/**
 * moleculer, a peer: services of two processes over its TCP transporter. It has no actors: a receiver is a number in the
 * payload of an event. The same file is the other process, when it is told ports.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import process from "node:process";
import { askConcurrently, askOneByOne, type AskToAdd } from "../asking.ts";
import { scriptCommand } from "../child.ts";
import { freePorts } from "../../examples/demo/ports.ts";
import { type Contests, type Outcome, secondsNow, takePart, type Task } from "../contestant.ts";
import { BATCH_MESSAGES, BATCHES_IN_FLIGHT, type Payment, paymentOf, Sending } from "../flow.ts";
import { type MoleculerBroker, moleculerBroker, type MoleculerContext } from "./moleculer_broker.ts";

const SENDERS = 20;
const RECEIVERS = 20_000;
const MEET_MS = 20_000;
/** The argument before the ports, in the other process. */
const PEER = "--peer";

interface Pay extends Payment {
  readonly from: number;
  readonly to: number;
}

const CONTESTS: Contests = {
  "S5.tell": tell,
  "S6.one-in-flight": async (task) => askOneByOne(task, await adder(), 1),
  "S6.hundred-in-flight": async (task) => askConcurrently(task, await adder(), 100, true),
};

const sendings: Sending[] = [];
const totals: number[] = [];
let toCount: (from: number, total: number) => void = () => {};
let opened: Promise<MoleculerBroker> | undefined;

async function tell(task: Task): Promise<Outcome> {
  const broker = await here();
  await broker.call("receivers.reset", {});
  const { promise, resolve } = Promise.withResolvers<void>();
  sendings.splice(0, sendings.length, ...Array.from({ length: SENDERS }, () => new Sending(task, 1 / SENDERS)));
  totals.fill(0);
  const startedAt = secondsNow();
  let to = 1;
  function sendBatch(sending: Sending, from: number): void {
    if (!sending.nextBatch()) return;
    for (let id = sending.sent - sending.batchMessages; id < sending.sent; id++) {
      to = to * 48_271 % 0x7fffffff;
      const pay: Pay = { ...paymentOf(id), from, to: to % RECEIVERS };
      void broker.emit("pay", pay);
    }
  }
  toCount = (from, total) => {
    const sending = sendings[from];
    if (sending === undefined) return;
    totals[from] = total;
    sending.counted();
    sendBatch(sending, from);
    if (sendings.every(({ isDrained }) => isDrained)) resolve();
  };
  for (let batch = 0; batch < BATCHES_IN_FLIGHT; batch++) sendings.forEach(sendBatch);
  await promise;
  const seconds = secondsNow() - startedAt;
  const delivered = totals.reduce((sum, total) => sum + total, 0);
  return { sent: sendings.reduce((sum, { sent }) => sum + sent, 0), delivered, seconds };
}

async function adder(): Promise<AskToAdd> {
  const broker = await here();
  await broker.call("receivers.reset", {});
  return (amount) => broker.call("receivers.add", { amount }) as Promise<number>;
}

function here(): Promise<MoleculerBroker> {
  return opened ??= open();
}

async function open(): Promise<MoleculerBroker> {
  const [mine = 0, theirs = 0] = await freePorts(2);
  const command = scriptCommand("./peers/moleculer.ts");
  if (command === undefined) throw new Error("Cannot measure: bench/peers/moleculer.ts is not there");
  const child = spawn(command.file, [...command.arguments, PEER, `${mine}`, `${theirs}`], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  if (child.stdout !== null) await once(createInterface({ input: child.stdout }), "line");
  const broker = moleculerBroker({ here: mine, there: theirs }, "here");
  broker.createService({
    name: "senders",
    events: {
      // By the name of this parameter moleculer knows that the handler is told a context.
      counted(ctx: MoleculerContext<{ readonly from: number; readonly total: number }>) {
        toCount(ctx.params.from, ctx.params.total);
      },
    },
  });
  await broker.start();
  await broker.waitForServices(["receivers"], MEET_MS);
  await broker.call("receivers.meet", {}); // Events to who is not known yet are lost without a word.
  return broker;
}

async function serve(here: number, there: number): Promise<void> {
  process.stdin.once("end", () => process.exit(0));
  process.stdin.resume();
  const broker = moleculerBroker({ here, there }, "there");
  const received = new Int32Array(RECEIVERS);
  let counts: number[] = [];
  let sum = 0;
  broker.createService({
    name: "receivers",
    actions: {
      reset() {
        counts = [];
        sum = 0;
      },
      async meet() {
        await broker.waitForServices(["senders"], MEET_MS);
      },
      add({ params }: MoleculerContext<{ readonly amount: number }>) {
        return sum += params.amount;
      },
    },
    events: {
      pay(ctx: MoleculerContext<Pay>) {
        const { from, to, amount } = ctx.params;
        received[to] = (received[to] ?? 0) + amount;
        const total = (counts[from] ?? 0) + amount;
        counts[from] = total;
        if (total % BATCH_MESSAGES === 0) void broker.emit("counted", { from, total });
      },
    },
  });
  await broker.start();
  console.log("ready");
}

const at = process.argv.indexOf(PEER);
if (at >= 0) await serve(Number(process.argv[at + 1]), Number(process.argv[at + 2]));
else await takePart(({ scenario }) => CONTESTS[scenario]);
