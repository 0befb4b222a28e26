/**
 * What nodes say to each other on a NATS subject: a question, "who is there?", and its answers. Text in JSON, so that
 * `nats sub` shows it to people. Pure.
 *
 * One idea: anybody can publish on a subject. Each message names its cluster, and what names another one, or makes no
 * sense, is nothing.
 *
 * Invariant: whatever the bytes, a decoded message is one of this cluster, and its address is an address.
 *
 * @module
 */
import { parseAddress } from "./address.ts";

/** A message of this cluster. */
export type NatsMessage =
  /** `from` looks for nodes; answers name this find. */
  | { readonly kind: "question"; readonly find: string; readonly from: string }
  | { readonly kind: "answer"; readonly find: string; readonly from: string; readonly address: string };

/** Why bytes are no message of this cluster: they make no sense, or are another cluster's or another version's. */
export type Ignored = "malformed" | "foreign";

/** Bytes of a message, at most: the longest names and addresses fit. Longer ones are malformed. */
export const MESSAGE_BYTES_MAX = 1_024;

/** The version of the format, under the key by which it is told from other text. */
const VERSION = 1;
const TOKEN = /^[A-Za-z0-9]{1,64}$/;

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** The message as bytes. */
export function encodeMessage(system: string, message: NatsMessage): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ troupe: VERSION, system, ...message }));
}

/** The message that `bytes` are, or why they are none. Never throws. */
export function decodeMessage(bytes: Uint8Array, system: string): NatsMessage | Ignored {
  const raw = recordOf(bytes);
  if (raw === undefined || typeof raw.system !== "string" || !Number.isSafeInteger(raw.troupe)) return "malformed";
  if (raw.system !== system || raw.troupe !== VERSION) return "foreign";
  const { kind, find, from, address } = raw;
  if (!isToken(find) || !isToken(from)) return "malformed";
  if (kind === "question") return { kind, find, from };
  const parsed = parseAddress(address);
  return kind === "answer" && parsed !== undefined ? { kind, find, from, address: parsed.text } : "malformed";
}

/** Whether `text` can stand for a node or a find: in a message, and in a subject. */
function isToken(text: unknown): text is string {
  return typeof text === "string" && TOKEN.test(text);
}

function recordOf(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  if (bytes.length > MESSAGE_BYTES_MAX) return undefined;
  try {
    const raw: unknown = JSON.parse(utf8.decode(bytes));
    return typeof raw === "object" && raw !== null ? { ...raw } : undefined;
  } catch {
    return undefined;
  }
}
