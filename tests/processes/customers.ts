/**
 * Customers of a bank that a group of nodes runs: they move money between accounts through any node, and ask again until
 * they know what became of it. Beside them others keep actors busy that store nothing.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";
import { decodeFromBytes } from "../../core/codec.ts";
import { Asks } from "./asks.ts";
import type { NodeChild } from "./node_child.ts";
import type { NodeGroup } from "./node_group.ts";
import type { AccountState } from "./node_kinds.ts";

/** Milliseconds one ask waits. */
const ASK_MS = 2_000;
/** Cents each account begins with. */
const DEPOSIT_CENTS = 10_000;
/** Cents one transfer moves at most. */
const TRANSFER_CENTS_MAX = 100;
/** Milliseconds between two attempts of one posting, and after each thing a customer has done. */
const AGAIN_MS = 50;
const PAUSE_MS = 15;
/** Milliseconds after which a posting that nobody has decided never will be: a limit, not an expectation. */
const PATIENCE_MS = 40_000;

/** What customers use. */
export interface Town {
  readonly accounts: readonly string[];
  /** Actors without a store, grains and spawned ones. */
  readonly tracers: readonly { readonly to: "grain" | "actor"; readonly name: string }[];
}

/** The customers. */
export class Customers {
  readonly asks: Asks = new Asks();
  readonly #group: NodeGroup;
  readonly #town: Town;
  #lives: Promise<void>[] = [];
  #isOver = false;
  #count = 0;
  #turn = 0;

  constructor(group: NodeGroup, town: Town) {
    this.#group = group;
    this.#town = town;
  }

  /** Cents that were put in from outside. */
  get deposited(): number {
    return this.#town.accounts.length * DEPOSIT_CENTS;
  }

  /** Fills the accounts. */
  async open(): Promise<void> {
    await Promise.all(
      this.#town.accounts.map((account) => this.#post(account, `${account}-opens`, DEPOSIT_CENTS, true)),
    );
  }

  /** So many begin to move money, and so many to keep the tracers busy. */
  begin(moverCount: number, tracerCount: number): void {
    this.#isOver = false;
    this.#lives = [
      ...Array.from({ length: moverCount }, () => this.#move()),
      ...Array.from({ length: tracerCount }, () => this.#trace()),
    ];
    for (const life of this.#lives) life.catch(() => {}); // `end` says so.
  }

  /** Resolves when all have come to the end of what they were at, which they must. */
  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#lives);
  }

  /** Posts nothing to each account through `node`, until each has answered there: so often at most. */
  async reachAll(node: NodeChild, word: string): Promise<void> {
    await Promise.all(this.#town.accounts.map(async (account) => {
      await this.#post(account, `${word}-${node.name}-${account}`, 0, false, () => node);
    }));
  }

  async #move(): Promise<void> {
    while (!this.#isOver) {
      const id = `transfer-${++this.#count}`;
      const [from, to] = this.#pair();
      const cents = 1 + Math.floor(Math.random() * TRANSFER_CENTS_MAX);
      const taken = await this.#post(from, `${id}-takes`, -cents, false);
      if (taken === "done") await this.#post(to, `${id}-gives`, cents, false);
      await delay(PAUSE_MS);
    }
  }

  async #trace(): Promise<void> {
    const { tracers } = this.#town;
    while (!this.#isOver) {
      const number = ++this.#count;
      const tracer = tracers[number % tracers.length];
      const node = this.#nextNode();
      if (tracer !== undefined && node !== undefined) {
        const [handler, ms] = number % 3 === 0 ? ["nap", 5] : ["spin", 2];
        const name = `trace-${number}`;
        const order = { do: "ask", ...tracer, kind: "tracer", handler, args: [name, ms], timeoutMs: ASK_MS } as const;
        await this.asks.ask(node, name, order);
      }
      await delay(PAUSE_MS);
    }
  }

  #pair(): readonly [string, string] {
    const { accounts } = this.#town;
    const from = Math.floor(Math.random() * accounts.length);
    const to = (from + 1 + Math.floor(Math.random() * (accounts.length - 1))) % accounts.length;
    return [accounts[from] ?? "", accounts[to] ?? ""];
  }

  /** The account's decision, however often it takes to hear it. */
  async #post(
    account: string,
    posting: string,
    cents: number,
    isDeposit: boolean,
    nodeOf: () => NodeChild | undefined = () => this.#nextNode(),
  ): Promise<unknown> {
    const endMs = performance.now() + PATIENCE_MS;
    for (let number = 1; performance.now() < endMs; number++) {
      const node = nodeOf();
      const attempt = `${posting}-${number}`;
      const args = [posting, attempt, cents, isDeposit];
      const order = { do: "ask", to: "grain", kind: "account", name: account, handler: "post", args } as const;
      const outcome = node && await this.asks.ask(node, attempt, { ...order, timeoutMs: ASK_MS });
      if (outcome?.kind === "value") return outcome.value;
      await delay(AGAIN_MS);
    }
    throw new Error(`${posting} had no answer in ${PATIENCE_MS} ms\n${await this.#group.describe()}`);
  }

  /** Any that runs and was ready once, in turns: also one that is cut off. */
  #nextNode(): NodeChild | undefined {
    const there = this.#group.running.filter(({ first }) => first !== undefined);
    return there[this.#turn++ % Math.max(1, there.length)];
  }
}

/** The books, from the file itself. Only for a process that has no store of its own open there. */
export function readBooks(storePath: string): { readonly balance: number; readonly deposited: number } {
  const database = new DatabaseSync(storePath, { readOnly: true });
  try {
    let [balance, deposited] = [0, 0];
    for (const row of database.prepare("SELECT bytes FROM states WHERE key LIKE 'account:%'").all()) {
      if (!(row["bytes"] instanceof Uint8Array)) throw new TypeError("a state is bytes");
      const account = decodeFromBytes(row["bytes"]) as AccountState;
      balance += account.balance;
      deposited += account.deposited;
    }
    return { balance, deposited };
  } finally {
    database.close();
  }
}
