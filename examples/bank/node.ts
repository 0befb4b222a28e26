/**
 * One node of the bank: the actor system and the HTTP server in front of it. The program that calls
 * `startBank` runs again in every worker thread, and there the call never returns: the worker runs accounts
 * and transfers until it is told to end.
 *
 * @module
 */
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { ActorSystem, type AnyKind, sqliteStore, type StoreProvider, type SystemOptions } from "../../mod.ts";
import { Account } from "./account.ts";
import { Directory } from "./directory.ts";
import { CLOCK_NAME, LedgerClock } from "./ledger_clock.ts";
import { Transfer } from "./transfer.ts";

/** Times the node tries to begin the clock, and milliseconds between two of them: longer than a view takes to change. */
const CLOCK_TRIES_MAX = 30;
const CLOCK_WAIT_MS = 500;

/** What a bank is started with. All threads must be given the same. */
export interface BankOptions extends Pick<SystemOptions, "listen" | "cluster"> {
  /** `import.meta.url` of the program that makes this call. Not needed with `workers: 0`. */
  readonly entry?: string;
  readonly store: StoreProvider;
  /** Worker threads; default: what the machine runs at once. */
  readonly workers?: number;
  /** Where it listens for customers; `0` is any free port. */
  readonly port: number;
  /** Kinds beside the bank's own. */
  readonly kinds?: readonly AnyKind[];
}

/** A bank that runs. */
export interface Bank extends AsyncDisposable {
  readonly system: ActorSystem;
  readonly url: string;
}

/**
 * Starts the bank. Rejects with everything that is wrong with its options, when a port is taken, or when no cluster is
 * found.
 */
export async function startBank({ port, kinds = [], ...options }: BankOptions): Promise<Bank> {
  const system = await ActorSystem.start({
    name: "bank",
    kinds: [Account, Transfer, Directory, LedgerClock, ...kinds],
    ...options,
  });
  try {
    await beginClock(system);
    // Only here, on the main thread, is the web needed: a worker never comes this far.
    const [{ bankApi }, { listen }] = await Promise.all([import("./api.ts"), import("./server.ts")]);
    const server = await listen(bankApi(system), port);
    return { system, url: server.url, [Symbol.asyncDispose]: () => stopBank(server, system) };
  } catch (thrown) {
    await system.stop();
    throw thrown;
  }
}

/** The options that the environment says: what a process knows, all its threads know. */
export function bankOptionsOf(environment: Readonly<Record<string, string | undefined>> = process.env): BankOptions {
  const { BANK_DB = "bank.db", BANK_WORKERS, BANK_PORT = "8080" } = environment;
  return {
    store: sqliteStore({ path: BANK_DB }),
    workers: BANK_WORKERS === undefined ? undefined : Number(BANK_WORKERS),
    port: Number(BANK_PORT),
  };
}

/** Every node asks for the clock; one of them gets it. A cluster that is just losing a node has no answer for a while. */
async function beginClock(system: ActorSystem): Promise<void> {
  for (let tries = 1;; tries++) {
    try {
      await system.singleton(CLOCK_NAME, LedgerClock);
      return;
    } catch (thrown) {
      if (tries === CLOCK_TRIES_MAX) throw thrown;
      await delay(CLOCK_WAIT_MS);
    }
  }
}

/** First the door, then the house: requests under way still find their actors. */
async function stopBank(server: { stop(): Promise<void> }, system: ActorSystem): Promise<void> {
  await server.stop();
  await system.stop();
}
