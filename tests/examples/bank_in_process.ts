/**
 * A bank for tests: the bank's own kinds and routes on the main thread, without workers, files and sockets.
 *
 * @module
 */
import { Account } from "../../examples/bank/account.ts";
import { bankApi } from "../../examples/bank/api.ts";
import { Directory } from "../../examples/bank/directory.ts";
import { LedgerClock } from "../../examples/bank/ledger_clock.ts";
import { Transfer } from "../../examples/bank/transfer.ts";
import { ActorSystem, type Log, memoryStore, type StoreProvider } from "../../mod.ts";

/** An answer of the API, read. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** A bank that is called instead of connected to. */
export class TestBank implements AsyncDisposable {
  readonly system: ActorSystem;
  readonly #api: ReturnType<typeof bankApi>;

  constructor(system: ActorSystem) {
    this.system = system;
    this.#api = bankApi(system);
  }

  static async open(store: StoreProvider = memoryStore(), askTimeoutMs: number = 5_000): Promise<TestBank> {
    const kinds = [Account, Transfer, Directory, LedgerClock];
    return new TestBank(await ActorSystem.start({ name: "bank", kinds, store, workers: 0, askTimeoutMs, log: SILENT }));
  }

  async send(method: string, path: string, body?: string, headers: Record<string, string> = {}): Promise<Answer> {
    const response = await this.#api.request(path, { method, body, headers });
    return { status: response.status, body: await response.json() };
  }

  get(path: string): Promise<Answer> {
    return this.send("GET", path);
  }

  post(path: string, body: unknown): Promise<Answer> {
    return this.send("POST", path, JSON.stringify(body));
  }

  deposit(account: string, id: string, amount: number): Promise<Answer> {
    return this.post(`/accounts/${account}/deposits`, { id, amount });
  }

  transfer(id: string, from: string, to: string, amount: number): Promise<Answer> {
    return this.post("/transfers", { id, from, to, amount });
  }

  async balance(account: string): Promise<unknown> {
    const { body } = await this.get(`/accounts/${account}`);
    return fieldOf(body, "balance");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.system.stop();
  }
}

/** One field of an answer's body. */
export function fieldOf(body: unknown, name: string): unknown {
  return typeof body === "object" && body !== null ? new Map(Object.entries(body)).get(name) : undefined;
}
