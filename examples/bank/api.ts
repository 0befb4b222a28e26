/**
 * The bank over HTTP, the same at every node. Every answer is JSON, and every answer but a 2xx says why:
 * `{ error, reason }`, and from 500 on the `fate` of the request too.
 *
 * | Status   | What happened                                         | The client                            |
 * | -------- | ----------------------------------------------------- | ------------------------------------- |
 * | 200      | done                                                  |                                       |
 * | 400, 411, 413 | the request makes no sense; nothing was done     | mends it                              |
 * | 404      | no such route or account                              |                                       |
 * | 409      | refused, for good: this id will never move money      | takes a new id, if it wants another   |
 * | 503      | nothing was done                                      | repeats it                            |
 * | 500, 504 | nobody knows whether it was done                      | repeats it with the same id           |
 *
 * Runs on the main thread.
 *
 * @module
 */
import { Hono } from "hono";
import type { Context } from "hono";
import { ActorError, type ActorSystem, type Fate } from "../../mod.ts";
import { Account, type Answer } from "./account.ts";
import { showCluster, showHere } from "./cluster_pages.ts";
import { type Decoded, decodeDeposit, decodeTransfer, idProblem, isId } from "./requests.ts";
import { readTotal, type Total } from "./total.ts";
import { Transfer } from "./transfer.ts";

/** Bytes of one body: a transfer needs 250. At the limit: 413. */
const BODY_BYTES_MAX = 4096;

const REASONS: Readonly<Record<Exclude<Answer, "done">, string>> = {
  "insufficient-funds": "the account does not hold that much",
  "account-unknown": "there is no such account; an account begins with a deposit",
  "balance-limit": "the account would hold more than an account may hold",
  "bank-full": "the bank has no room for another account",
};

/** The routes of the bank that `system` runs. */
export function bankApi(system: ActorSystem): Hono {
  const api = new Hono();
  api.use(async (c, next) => refusalOfBody(c) ?? await next());
  api.post("/accounts/:id/deposits", async (c) => {
    return await submit(c, system, decodeDeposit(c.req.param("id"), await bodyOf(c)));
  });
  api.post("/transfers", async (c) => await submit(c, system, decodeTransfer(await bodyOf(c))));
  api.get("/accounts/:id", async (c) => await showAccount(c, system, c.req.param("id")));
  const total = sharedWhileUnderWay(() => readTotal(system));
  api.get("/total", async (c) => c.json<Total>(await total()));
  api.get("/cluster", async (c) => c.json(await showCluster(system)));
  api.get("/cluster/here", async (c) => c.json(await showHere(system)));
  api.notFound((c) => problem(c, 404, "route-unknown", `there is no ${c.req.method} ${c.req.path.slice(0, 80)}`));
  api.onError((thrown, c) => failed(c, thrown));
  return api;
}

async function submit(c: Context, system: ActorSystem, decoded: Decoded): Promise<Response> {
  if ("problem" in decoded) return problem(c, 400, "bad-request", decoded.problem);
  const { id, order } = decoded.submission;
  const outcome = await system.grain(Transfer, id).ask.submit(order);
  if (outcome.status === "refused") return problem(c, 409, outcome.reason, REASONS[outcome.reason]);
  return c.json({ id, ...order, status: outcome.status });
}

async function showAccount(c: Context, system: ActorSystem, id: string): Promise<Response> {
  if (!isId(id)) return problem(c, 400, "bad-request", idProblem("the account", id));
  const { isOpen, balance, underWay } = await system.grain(Account, id).ask.books();
  return isOpen ? c.json({ id, balance, underWay }) : problem(c, 404, "account-unknown", REASONS["account-unknown"]);
}

/**
 * Why the body is not read. Its length must be said before it comes, or it could only be refused after it has
 * filled the memory.
 */
function refusalOfBody(c: Context): Response | undefined {
  if (c.req.header("Transfer-Encoding") !== undefined) {
    return problem(c, 411, "length-required", "the request does not say Content-Length");
  }
  const bytes = Number(c.req.header("Content-Length") ?? 0);
  if (bytes <= BODY_BYTES_MAX) return undefined;
  return problem(c, 413, "body-too-large", `the body has ${bytes} bytes; allowed are ${BODY_BYTES_MAX}`);
}

/** The body as a value; what is not JSON is no value at all, and the decoder will say what it misses. */
async function bodyOf(c: Context): Promise<unknown> {
  try {
    return await c.req.json();
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}

/** The fate of a failure is what the client has to know; its code is for the log. */
function failed(c: Context, thrown: unknown): Response {
  if (!(thrown instanceof ActorError)) {
    console.error(`${c.req.method} ${c.req.path} failed:`, thrown);
    return problem(c, 500, "bug", "the bank failed; repeat it with the same id", "unknown");
  }
  const { code, fate, message } = thrown;
  if (code === "id-reused") return problem(c, 409, code, message);
  if (fate === "not-delivered") return problem(c, 503, code, `${message}; repeat it`, fate);
  return problem(c, 504, code, `${message}; repeat it with the same id`, fate);
}

function problem(c: Context, status: Status, error: string, reason: string, fate?: Fate): Response {
  if (status === 503) c.header("Retry-After", "1");
  return c.json({ error, reason, fate }, status);
}

type Status = 400 | 404 | 409 | 411 | 413 | 500 | 503 | 504;

/** Reading all accounts is dear: whoever asks meanwhile gets the reading under way. */
function sharedWhileUnderWay<Result>(read: () => Promise<Result>): () => Promise<Result> {
  let underWay: Promise<Result> | undefined;
  return () =>
    underWay ??= read().finally(() => {
      underWay = undefined;
    });
}
