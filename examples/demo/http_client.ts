/**
 * HTTP as a client sees it: a few connections that stay open, and for every request one of three ends. Touches
 * sockets; runs in the client process.
 *
 * @module
 */
import { Agent, type IncomingMessage, request } from "node:http";

/** Milliseconds one request may take, after which nobody knows what became of it. */
const REQUEST_MS = 10_000;
/** Characters of an answer. The longest of the bank has 300. */
const ANSWER_CHARS_MAX = 65_536;

/** What one request came to. */
export type Reply =
  /** The bank has said what happened, for good. */
  | { readonly kind: "answer"; readonly status: number; readonly body: unknown }
  /** It has done nothing (503). */
  | { readonly kind: "unavailable" }
  /** It may have done it: 500, 504, a lost connection, no answer in time. */
  | { readonly kind: "unknown"; readonly reason: string };

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
      const lost = (error: Error) => resolve({ kind: "unknown", reason: error.message });
      const headers = body === undefined ? {} : { "Content-Type": "application/json", "Content-Length": body.length };
      const options = { method, agent: this.#agent, headers };
      const sent = request(`${this.#url}${path}`, options, (response) => {
        response.on("error", lost);
        readAll(response, (text) => resolve(replyOf(response.statusCode ?? 0, text)));
      });
      sent.setTimeout(REQUEST_MS, () => sent.destroy(new Error(`no answer in ${REQUEST_MS} ms`)));
      sent.on("error", lost);
      sent.end(body);
    });
  }
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
  if (status === 503) return { kind: "unavailable" };
  if (status >= 500 || status < 200) return { kind: "unknown", reason: `${status} ${text}` };
  try {
    return { kind: "answer", status, body: JSON.parse(text) };
  } catch {
    return { kind: "unknown", reason: `${status}, and no JSON` };
  }
}
