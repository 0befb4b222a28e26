/**
 * The bank's customers: a process of its own that knows the bank by its URL and nothing else. It sends the plan
 * over connections that stay open, repeats with the same id whatever ended without an answer, and at the end
 * reads the books, through the API like everybody.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { inParallel } from "../bank/in_parallel.ts";
import type { Total } from "../bank/total.ts";
import { type BankBooks, Books } from "./books.ts";
import type { ClientReport } from "./client_report.ts";
import { HttpClient, type Reply } from "./http_client.ts";
import { Measures, percentile } from "./measures.ts";
import { accountNames, openings, type Planned, planOf, type PlanOptions } from "./plan.ts";

/** Requests under way at once, each on a connection of its own. */
const REQUESTS_AT_ONCE = 64;
/** Times one request is sent, and milliseconds before the first repeat and at most; together about ten seconds. */
const TRIES_MAX = 16;
const WAIT_MS_MIN = 20;
const WAIT_MS_MAX = 1_000;
/** Looks at whether the bank is quiet, and milliseconds between them. */
const QUIET_LOOKS_MAX = 60;
const QUIET_WAIT_MS = 250;

/** What the client does, and how it tells how far it is. */
export interface ClientOptions extends PlanOptions {
  readonly url: string;
  /** Called after every request. */
  readonly progress: (sent: number) => void;
}

/** Runs the whole plan. Rejects when a request gets no answer: then nobody can know what the bank must hold. */
export async function runClient(options: ClientOptions): Promise<ClientReport> {
  const http = new HttpClient(options.url, REQUESTS_AT_ONCE);
  try {
    const books = new Books(await readBooks(http));
    const run: Run = { http, books, measures: new Measures(), progress: options.progress };
    const startMs = performance.now();
    await inParallel(openings(options), REQUESTS_AT_ONCE, (planned) => carryOut(run, planned));
    await inParallel(planOf(options), REQUESTS_AT_ONCE, (planned) => carryOut(run, planned));
    const seconds = (performance.now() - startMs) / 1000;
    return reportOf(run.measures, seconds, books.verdict(await readBooks(http)));
  } finally {
    http.close();
  }
}

interface Run {
  readonly http: HttpClient;
  readonly books: Books;
  readonly measures: Measures;
  readonly progress: (sent: number) => void;
}

type Answer = Extract<Reply, { kind: "answer" }>;

/** One planned request from its first try to its answer. */
async function carryOut(run: Run, planned: Planned): Promise<void> {
  const again = planned.copies === 2 ? untilAnswered(run, planned) : undefined;
  const [answer, copy] = await Promise.all([untilAnswered(run, planned), again]);
  if (copy !== undefined && JSON.stringify(copy) !== JSON.stringify(answer)) {
    run.books.contradiction(`two answers to one request: ${JSON.stringify([answer, copy])}`);
  }
  enter(run, planned, answer);
}

/** Repeats with the same id: whatever the bank has done already, it will not do twice. */
async function untilAnswered(run: Run, planned: Planned): Promise<Answer> {
  const { measures } = run;
  const accounts = accountsOf(planned);
  for (let tries = 1;; tries++) {
    const sinceMs = performance.now();
    const reply = await send(run.http, planned);
    const nowMs = performance.now();
    run.progress(measures.latencies.push(nowMs - sinceMs));
    if (reply.kind === "answer") {
      measures.succeeded(accounts, nowMs);
      return reply;
    }
    measures[reply.kind]++;
    measures.interrupted(accounts, sinceMs);
    if (tries === TRIES_MAX) throw new Error(`${JSON.stringify(planned)} got no answer: ${JSON.stringify(reply)}`);
    measures.retries++;
    await delay(Math.min(WAIT_MS_MAX, WAIT_MS_MIN * 2 ** (tries - 1)));
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

/** Writes an answer into the client's own books. */
function enter({ books, measures }: Run, planned: Planned, { status, body }: Answer): void {
  if (planned.kind === "read") {
    measures.reads++;
  } else if (status === 200) {
    measures.moved++;
    books.moved(
      planned.kind === "transfer" ? planned.from : undefined,
      planned.kind === "transfer" ? planned.to : planned.account,
      planned.amount,
    );
  } else if (status === 409) {
    measures.refused++;
  } else {
    books.contradiction(`${status} ${JSON.stringify(body)} to ${JSON.stringify(planned)}`);
  }
}

function accountsOf(planned: Planned): readonly string[] {
  return planned.kind === "transfer" ? [planned.from, planned.to] : [planned.account];
}

/** Waits until nothing is under way, then reads every account and the total. */
async function readBooks(http: HttpClient): Promise<BankBooks> {
  const total = await quietTotal(http);
  const balances = new Map<string, number>();
  await inParallel(accountNames(), REQUESTS_AT_ONCE, async (account) => {
    const { status, body } = await readUntilAnswered(http, `/accounts/${account}`);
    balances.set(account, status === 404 ? 0 : numberIn(body, "balance"));
  });
  return { balances, total };
}

async function quietTotal(http: HttpClient): Promise<Total> {
  for (let look = 1;; look++) {
    const total = decodeTotal((await readUntilAnswered(http, "/total")).body);
    if (total.isExact || look === QUIET_LOOKS_MAX) return total;
    await delay(QUIET_WAIT_MS);
  }
}

async function readUntilAnswered(http: HttpClient, path: string): Promise<Answer> {
  for (let tries = 1;; tries++) {
    const reply = await http.get(path);
    if (reply.kind === "answer") return reply;
    if (tries === TRIES_MAX) throw new Error(`Cannot read ${path}: ${JSON.stringify(reply)}`);
    await delay(WAIT_MS_MAX);
  }
}

function decodeTotal(body: unknown): Total {
  return {
    accounts: numberIn(body, "accounts"),
    balance: numberIn(body, "balance"),
    deposited: numberIn(body, "deposited"),
    underWay: numberIn(body, "underWay"),
    isExact: typeof body === "object" && body !== null && "isExact" in body && body.isExact === true,
  };
}

function numberIn(body: unknown, name: string): number {
  const value: unknown = typeof body === "object" && body !== null
    ? new Map(Object.entries(body)).get(name)
    : undefined;
  if (typeof value === "number") return value;
  throw new Error(`Cannot read the answer ${JSON.stringify(body)}: ${name} is not a number`);
}

function reportOf(measures: Measures, seconds: number, verdict: ClientReport["verdict"]): ClientReport {
  const { latencies, recoveries, moved, refused, reads, retries, unknown, unavailable } = measures;
  return {
    counts: {
      requests: latencies.length,
      seconds,
      p50Ms: percentile(latencies, 0.5),
      p99Ms: percentile(latencies, 0.99),
      moved,
      refused,
      reads,
      retries,
      unknown,
      unavailable,
      interrupted: recoveries.length,
      recoveryP50Ms: percentile(recoveries, 0.5),
      recoveryMaxMs: percentile(recoveries, 1),
    },
    verdict,
  };
}
