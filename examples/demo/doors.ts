/**
 * The bank as its customers know it: several nodes, each with a door of its own, all of them the same bank. Whoever
 * finds one closed tries the next. Touches sockets.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { HttpClient, type Reply } from "./http_client.ts";

/** Milliseconds until a request is given up that gets no answer at any door. Nothing the bank does takes that long. */
const PATIENCE_MS = 60_000;
/** Milliseconds before the first repeat and at most; doubles in between. */
const WAIT_MS_MIN = 20;
const WAIT_MS_MAX = 500;

/** An answer, and the index of the node that gave it. */
export type Answer = Extract<Reply, { kind: "answer" }> & { readonly node: number };

/** One exchange of a request: when it was sent, and what came of it when. */
export interface Exchange {
  readonly sentMs: number;
  readonly endedMs: number;
  readonly reply: Reply;
}

/** A way to ask one node. */
export type Ask = (http: HttpClient) => Promise<Reply>;

/** The doors of all nodes. */
export class Doors {
  /** Aborts when nobody is to ask any more. */
  readonly signal: AbortSignal;
  readonly #clients: readonly HttpClient[];

  /** @param connectionsMax To each node. */
  constructor(urls: readonly string[], connectionsMax: number, signal: AbortSignal) {
    this.signal = signal;
    this.#clients = urls.map((url) => new HttpClient(url, connectionsMax));
  }

  get count(): number {
    return this.#clients.length;
  }

  /** Asks at one door, once. Rejects only when {@link signal} has aborted. */
  async askAt(node: number, ask: Ask): Promise<Reply> {
    this.signal.throwIfAborted();
    const http = this.#clients[node];
    if (http === undefined) throw new RangeError(`Cannot ask at door ${node}: there are ${this.#clients.length}`);
    return await ask(http);
  }

  /**
   * Asks at one door after the other, the first time at `first`, until the bank says what happened. `seen` is told of
   * every exchange. Rejects when it takes longer than {@link PATIENCE_MS}, or {@link signal} aborts.
   */
  async untilAnswered(first: number, ask: Ask, seen: (exchange: Exchange) => void): Promise<Answer> {
    const endMs = Date.now() + PATIENCE_MS;
    for (let tries = 0;; tries++) {
      const node = (first + tries) % this.count;
      const sentMs = Date.now();
      const reply = await this.askAt(node, ask);
      const endedMs = Date.now();
      seen({ sentMs, endedMs, reply });
      if (reply.kind === "answer") return { ...reply, node };
      if (endedMs >= endMs) throw new Error(`no answer in ${PATIENCE_MS} ms: ${reply.code}, ${reply.reason}`);
      await delay(Math.min(WAIT_MS_MAX, WAIT_MS_MIN * 2 ** tries), undefined, { signal: this.signal });
    }
  }

  close(): void {
    for (const http of this.#clients) http.close();
  }
}
