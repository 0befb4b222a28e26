/**
 * HTTP as a customer sees it: a few connections to one node that stay open, and for every request one of two ends: the
 * bank has said what happened, or it has not, and then what may be assumed. Touches sockets.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { Agent, type IncomingMessage, request } from "node:http";
import type { Fate } from "../../mod.ts";
import { fieldsOf, parsed } from "../bank/json.ts";

/** Milliseconds one request may take, after which nobody knows what became of it. */
const REQUEST_MS = 10_000;
/** Characters of an answer. The longest lists the names of everything on a node. */
const ANSWER_CHARS_MAX = 16 << 20;

/** What one request came to. */
export type Reply =
  /** The bank has said what happened, for good. */
  | { readonly kind: "answer"; readonly status: number; readonly body: unknown }
  /** It has not. A request may be repeated with the same id, whatever its fate. */
  | Failure;

/** Why there is no answer, and what may be assumed of the request. */
export interface Failure {
  readonly kind: "failure";
  /** The bank's own code, or one of a lost connection: `refused`, `lost`, `late`, `nonsense`. */
  readonly code: string;
  readonly fate: Fate;
  readonly reason: string;
}

/** Sends requests to one server. */
export class HttpClient {
  readonly #url: string;
  readonly #agent: Agent;

  /** @param connectionsMax More requests than this wait for a connection. */
  constructor(url: string, connectionsMax: number) {
    this.#url = url;
    this.#agent = new Agent({ keepAlive: true, maxSockets: connectionsMax });
  }

  get(path: string): Promise<Reply> {
    return this.#send("GET", path, undefined);
  }

  post(path: string, body: object): Promise<Reply> {
    return this.#send("POST", path, JSON.stringify(body));
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Never rejects: that a request failed is an answer too. */
  #send(method: string, path: string, body: string | undefined): Promise<Reply> {
    return new Promise((resolve) => {
      const lost = (error: Error) => resolve(failureOf(error));
      const headers = body === undefined
        ? {}
        : { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) };
      const options = { method, agent: this.#agent, headers };
      const sent = request(`${this.#url}${path}`, options, (response) => {
        response.on("error", lost);
        response.on("aborted", () => lost(new Error("the connection ended in the middle of the answer")));
        readAll(response, (text) => resolve(replyOf(response.statusCode ?? 0, text)));
      });
      sent.setTimeout(REQUEST_MS, () => sent.destroy(new Late()));
      sent.on("error", lost);
      sent.end(body);
    });
  }
}

class Late extends Error {
  override readonly message = `no answer in ${REQUEST_MS} ms`;
}

/** A connection that was refused has carried nothing; of any other nobody knows. */
function failureOf(error: Error): Failure {
  const { message: reason } = error;
  if (error instanceof Late) return { kind: "failure", code: "late", fate: "unknown", reason };
  const isRefused = codesOf(error).some((code) => code === "ECONNREFUSED" || code === "ConnectionRefused");
  return isRefused
    ? { kind: "failure", code: "refused", fate: "not-delivered", reason }
    : { kind: "failure", code: "lost", fate: "unknown", reason };
}

/** Its own, and where several addresses were tried, that of each try. */
function codesOf(error: Error): readonly unknown[] {
  const errors: readonly unknown[] = error instanceof AggregateError ? [error, ...error.errors] : [error];
  return errors.map((one) => typeof one === "object" && one !== null && "code" in one ? one.code : undefined);
}

function readAll(response: IncomingMessage, done: (text: string) => void): void {
  let text = "";
  response.setEncoding("utf8");
  response.on("data", (chunk: string) => {
    text += chunk;
    if (text.length > ANSWER_CHARS_MAX) response.destroy(new Error("the answer is too long"));
  });
  response.on("end", () => done(text));
}

function replyOf(status: number, text: string): Reply {
  const body = parsed(text);
  if (body === undefined || status < 200) {
    return { kind: "failure", code: "nonsense", fate: "unknown", reason: `${status}, and no JSON` };
  }
  if (status < 500) return { kind: "answer", status, body };
  const { error, reason, fate } = fieldsOf(body);
  return {
    kind: "failure",
    code: typeof error === "string" ? error : `status-${status}`,
    // What does not say that nothing was done may have done it.
    fate: fate === "not-delivered" || fate === "delivered" ? fate : "unknown",
    reason: typeof reason === "string" ? reason : text.slice(0, 200),
  };
}
