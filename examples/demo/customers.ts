/**
 * The bank's customers: they know its doors and nothing else. They carry out the plan, repeat with the same id
 * whatever ended without an answer, and keep books of what they were told.
 *
 * Invariant: a request that was begun ends with an answer of the bank, or the run fails with what it got instead.
 *
 * @module
 */
import { inParallel } from "../bank/in_parallel.ts";
import { Books } from "./books.ts";
import type { Answer, Doors, Exchange } from "./doors.ts";
import type { HttpClient, Reply } from "./http_client.ts";
import { Measures, Recovery } from "./measures.ts";
import type { Planned } from "./plan.ts";

/** Requests under way at once. */
export const REQUESTS_AT_ONCE = 64;

/** The customers of one run. */
export class Customers {
  readonly books: Books;
  readonly measures = new Measures();
  readonly #doors: Doors;
  readonly #underWay = new Set<string>();
  #recovery: Recovery | undefined = undefined;
  #nextDoor = 0;

  constructor(doors: Doors, books: Books) {
    this.#doors = doors;
    this.books = books;
  }

  /** Exchanges that have ended. */
  get sent(): number {
    return this.measures.latencies.length;
  }

  /** Ids of the transfers and deposits that wait for an answer. */
  get underWay(): ReadonlySet<string> {
    return this.#underWay;
  }

  /** From now on it is noted there when transfers and deposits are answered, by their ids. */
  watch(recovery: Recovery): void {
    this.#recovery = recovery;
  }

  /** Carries the requests out. Rejects with the first that gets no answer: then nobody can know what the bank must hold. */
  async carryOut(plan: Iterable<Planned>): Promise<void> {
    await inParallel(plan, REQUESTS_AT_ONCE, (planned) => this.#carryOut(planned));
  }

  async #carryOut(planned: Planned): Promise<void> {
    const again = planned.copies === 2 ? this.#untilAnswered(planned) : undefined;
    const [answer, copy] = await Promise.all([this.#untilAnswered(planned), again]);
    if (copy !== undefined && !isSame(copy, answer)) {
      this.books.contradiction(`two answers to one request: ${JSON.stringify([answer, copy])}`);
    }
    this.#enter(planned, answer);
  }

  async #untilAnswered(planned: Planned): Promise<Answer> {
    const { measures } = this;
    const id = planned.kind === "read" ? undefined : planned.id;
    measures.begun++;
    if (id !== undefined) this.#underWay.add(id);
    let tries = 0;
    const answer = await this.#doors.untilAnswered(
      this.#nextDoor++,
      (http) => send(http, planned),
      (exchange) => {
        if (tries++ > 0) measures.retries++;
        this.#note(planned, exchange);
      },
    );
    if (id !== undefined) this.#underWay.delete(id);
    measures.answered++;
    measures.answeredBy(answer.node);
    return answer;
  }

  #note(planned: Planned, { sentMs, endedMs, reply }: Exchange): void {
    this.measures.latencies.push(endedMs - sentMs);
    if (reply.kind === "failure") this.measures.failed(reply.fate, reply.code);
    // Whatever is watched was under way then, so that its answer comes after that, whenever it was sent.
    else if (planned.kind !== "read") this.#recovery?.succeeded(planned.id, endedMs, endedMs);
  }

  /** Writes an answer into the customers' own books. */
  #enter(planned: Planned, { status, body }: Answer): void {
    const { books, measures } = this;
    if (planned.kind === "read" && status === 200) {
      measures.reads++;
    } else if (planned.kind !== "read" && status === 200) {
      measures.moved++;
      if (planned.kind === "transfer") measures.transfers++;
      books.moved(
        planned.kind === "transfer" ? planned.from : undefined,
        planned.kind === "transfer" ? planned.to : planned.account,
        planned.amount,
      );
    } else if (planned.kind !== "read" && status === 409) {
      measures.refused++;
    } else {
      books.contradiction(`${status} ${JSON.stringify(body)} to ${JSON.stringify(planned)}`);
    }
  }
}

function send(http: HttpClient, planned: Planned): Promise<Reply> {
  switch (planned.kind) {
    case "deposit":
      return http.post(`/accounts/${planned.account}/deposits`, { id: planned.id, amount: planned.amount });
    case "transfer": {
      const { id, from, to, amount } = planned;
      return http.post("/transfers", { id, from, to, amount });
    }
    case "read":
      return http.get(`/accounts/${planned.account}`);
    default:
      return planned satisfies never;
  }
}

function isSame(one: Answer, other: Answer): boolean {
  return one.status === other.status && JSON.stringify(one.body) === JSON.stringify(other.body);
}
