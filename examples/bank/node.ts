/**
 * One node of the bank: the actor system and the HTTP server in front of it. The program that calls
 * `startBank` runs again in every worker thread, and there the call never returns: the worker runs accounts
 * and transfers until it is told to end.
 *
 * @module
 */
import process from "node:process";
import { ActorSystem, type AnyKind, sqliteStore, type StoreProvider } from "../../mod.ts";
import { Account } from "./account.ts";
import { Directory } from "./directory.ts";
import { Transfer } from "./transfer.ts";

/** What a bank is started with. All threads must be given the same. */
export interface BankOptions {
  /** `import.meta.url` of the program that makes this call. Not needed with `workers: 0`. */
  readonly entry?: string;
  readonly store: StoreProvider;
  /** Worker threads; default: what the machine runs at once. */
  readonly workers?: number;
  /** Where it listens; `0` is any free port. */
  readonly port: number;
  /** Kinds beside the bank's own. */
  readonly kinds?: readonly AnyKind[];
}

/** A bank that runs. */
export interface Bank extends AsyncDisposable {
  readonly system: ActorSystem;
  readonly url: string;
}

/** Starts the bank. Rejects with everything that is wrong with its options, or when its port is taken. */
export async function startBank({ entry, store, workers, port, kinds = [] }: BankOptions): Promise<Bank> {
  const system = await ActorSystem.start({
    name: "bank",
    kinds: [Account, Transfer, Directory, ...kinds],
    entry,
    store,
    workers,
  });
  try {
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

/** First the door, then the house: requests under way still find their actors. */
async function stopBank(server: { stop(): Promise<void> }, system: ActorSystem): Promise<void> {
  await server.stop();
  await system.stop();
}
