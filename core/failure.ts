/**
 * Everything that can go wrong with a message, as data. One error class crosses threads, links and
 * stores unchanged: a code from one table, what may have happened to the message (its fate), details
 * and the chain of causes. Pure.
 *
 * @module
 */

/**
 * What the sender may assume happened to its message.
 *
 * - `not-delivered`: no handler ran. Safe to send again.
 * - `delivered`: the handler ran and failed. Sending again runs it again.
 * - `unknown`: the handler may or may not have run. Send again only what may happen twice.
 */
export type Fate = "not-delivered" | "delivered" | "unknown";

/** Every code the runtime itself uses, with its fate. Users' own codes are any other kebab-case word. */
export const FATE_OF_CODE = {
  /** `start` or a spawn was given options out of range; `details.problems` lists all of them. */
  "invalid-options": "not-delivered",
  /** A name is empty, too long, reserved or has a character that names cannot have. */
  "invalid-name": "not-delivered",
  /** An actor of this name is already running. */
  "name-taken": "not-delivered",
  /** The kind was not given to `start`. */
  "kind-unknown": "not-delivered",
  /** The kind has no handler of this name. */
  "handler-unknown": "not-delivered",
  /** No actor has this name. */
  "actor-not-found": "not-delivered",
  /** The actor stopped before it took the message. */
  "actor-stopped": "not-delivered",
  /** The actor could not start: its state, its `onStart` or its stored state failed. */
  "start-failed": "not-delivered",
  /** The receiver's mailbox holds its limit. */
  "mailbox-full": "not-delivered",
  /** The ring to the receiver's thread holds its limit. */
  "lane-full": "not-delivered",
  /** This thread waits for its limit of replies. */
  "asks-full": "not-delivered",
  /** The encoded message is larger than `maxMessageBytes`. */
  "message-too-large": "not-delivered",
  /** A value in the message cannot travel; `details.path` says which. */
  "value-cannot-travel": "not-delivered",
  /** No reply came before the deadline. */
  "ask-timeout": "unknown",
  /** The receiver dequeued the ask after its deadline and did not run it. */
  "ask-expired": "not-delivered",
  /** The caller's signal aborted the wait. */
  "ask-aborted": "unknown",
  /** The ask would wait for an actor that waits for it; `details.path` is the cycle. */
  "call-cycle": "not-delivered",
  /** A chain of asks has its limit of hops. */
  "call-chain-too-long": "not-delivered",
  /** A handler threw something that is not an `ActorError`. */
  "handler-failed": "delivered",
  /** The handler ran, but its reply cannot travel; `details.path` says which value. */
  "reply-cannot-travel": "delivered",
  /** The actor was restarted while the handler was waiting. */
  "actor-restarted": "delivered",
  /** The stash holds its limit. */
  "stash-full": "delivered",
  /** The actor has its limit of timers, pipes, children or watches. */
  "limit-reached": "delivered",
  /** The handler's context was used after its handler ended. */
  "context-ended": "delivered",
  /** The worker thread that ran the actor died. */
  "worker-lost": "unknown",
  /** The system is stopping and accepts no more. */
  "system-stopping": "not-delivered",
  /** Another activation wrote under a higher fencing token. */
  "fenced-write": "not-delivered",
  /** The store did not answer in time or failed; the write may have happened. */
  "store-failed": "unknown",
  /** The kind is not stored. */
  "store-missing": "not-delivered",
  /** No resource of this name was provided. */
  "resource-unknown": "not-delivered",
  /** Bytes from a ring, socket, file or store do not decode. */
  "malformed-bytes": "not-delivered",
  /** The operation does not exist for this kind of ref (e.g. an ask to a broadcast router). */
  "not-supported": "not-delivered",
  /** This node's lease is out: its clustered actors neither run nor send. */
  "lease-lost": "not-delivered",
  /** This node was removed from the cluster; it comes back under a new id. */
  "fenced": "unknown",
  /** The owner of the name's partition did not answer in time; with fate `unknown` a write may have happened. */
  "partition-unavailable": "not-delivered",
  /** No member has the role and the kind, or none takes more. */
  "no-eligible-node": "not-delivered",
  /** The message waited its limit for its receiver to be somewhere. */
  "relocation-timeout": "not-delivered",
  /** Too many messages wait for this receiver, or on this node. */
  "buffer-full": "not-delivered",
  /** The link to the receiver's node ended while the message was on it, or with the receiver. */
  "link-lost": "unknown",
  /** The receiver's node was removed from the cluster while the message was with it. */
  "node-lost": "unknown",
  /** It came to its receiver's node by a link that was replaced, and its activation has stopped. */
  "old-link": "not-delivered",
  /** It came from a node that is not in the cluster, or before that node had named its view. */
  "sender-gone": "not-delivered",
  /** It came back from where it should not have been: sent again, it might overtake another. */
  "stray-bounce": "not-delivered",
  /** Discovery could not say which addresses to try: no answer in time, or none that can be trusted to be whole. */
  "discovery-failed": "not-delivered",
  /** No cluster was founded or found in time; the message says who was seen and why each handshake failed. */
  "bootstrap-timeout": "not-delivered",
  /** The cluster did not become as large in time as grains need it, and was told to fail then. */
  "barrier-timeout": "not-delivered",
  /** The actor runs on this node: `remoteActor` gives only those of others. */
  "actor-is-local": "not-delivered",
} as const satisfies Readonly<Record<string, Fate>>;

/** A code of the runtime. */
export type RuntimeCode = keyof typeof FATE_OF_CODE;

/** Extra facts about a failure: plain data that can travel. */
export type FailureDetails = Readonly<Record<string, unknown>>;

/** What {@link ActorError} takes beside its code and message. */
export interface ActorErrorOptions {
  /** Plain data about the failure. */
  readonly details?: FailureDetails;
  /** What caused it. */
  readonly cause?: unknown;
  /** The fate; by default the code's own, and `delivered` for a user's code. */
  readonly fate?: Fate;
}

/**
 * The one error class of Troupe. Handlers throw it to refuse; asks reject with it.
 *
 * @example
 * ```ts
 * throw new ActorError("insufficient-funds", `balance is ${balance}`, { details: { balance } });
 * ```
 */
export class ActorError extends Error {
  /** Always `ActorError`, whatever a minifier makes of the class. */
  override readonly name = "ActorError";
  /** A kebab-case word: one of {@link FATE_OF_CODE}, or the user's own. */
  readonly code: string;
  /** What the sender may assume happened to the message. */
  readonly fate: Fate;
  /** Plain data about the failure. */
  readonly details: FailureDetails;

  /** An error with `code` and a message for people. */
  constructor(code: string, message: string, options: ActorErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.fate = options.fate ?? fateOf(code);
    this.details = options.details ?? {};
  }
}

/** The fate of `code`: from the table for the runtime's codes, `delivered` for a user's. */
export function fateOf(code: string): Fate {
  return isRuntimeCode(code) ? FATE_OF_CODE[code] : "delivered";
}

/** Whether `code` is one of the runtime's own. */
export function isRuntimeCode(code: string): code is RuntimeCode {
  return Object.hasOwn(FATE_OF_CODE, code);
}

/** A failure as it travels: what {@link ActorError} holds, without the class. */
export interface FailureData {
  /** See {@link ActorError.code}. */
  readonly code: string;
  /** What happened, for people. */
  readonly message: string;
  /** See {@link ActorError.fate}. */
  readonly fate: Fate;
  /** See {@link ActorError.details}. */
  readonly details: FailureDetails;
  /** The cause's own data, at most {@link CAUSES_MAX} deep. */
  readonly cause?: FailureData;
}

/** How many causes of causes travel with a failure; deeper ones are cut. */
export const CAUSES_MAX = 8;

/**
 * Any thrown value as an {@link ActorError}: itself if it is one, else `handler-failed` with the
 * thrown value's name and message. A non-error (`throw "x"`, `throw undefined`) is described, not lost.
 * Never throws, whatever the value's getters do.
 */
export function toActorError(thrown: unknown): ActorError {
  if (isA(ActorError, thrown)) return thrown;
  if (!isA(Error, thrown)) {
    const shown = describeThrown(thrown);
    return new ActorError("handler-failed", `A handler threw ${shown}`, { details: { thrown: shown } });
  }
  const name = textOf(thrown, "name");
  return new ActorError("handler-failed", `${name}: ${textOf(thrown, "message")}`, {
    details: { name },
    cause: thrown,
  });
}

/** The data of `error`, ready to travel. */
export function toFailureData(error: ActorError, depth: number = 0): FailureData {
  const data = { code: error.code, message: error.message, fate: error.fate, details: error.details };
  const cause = depth < CAUSES_MAX ? fieldOf(error, "cause") : undefined;
  return cause === undefined ? data : { ...data, cause: toFailureData(causeOf(cause), depth + 1) };
}

/** The error that `data` describes. The stack is this thread's: where the failure arrived. */
export function fromFailureData(data: FailureData): ActorError {
  return new ActorError(data.code, data.message, {
    fate: data.fate,
    details: data.details,
    cause: data.cause === undefined ? undefined : fromFailureData(data.cause),
  });
}

/** Decodes what claims to be {@link FailureData}; `undefined` when it is not. Trusts nothing. */
export function decodeFailure(raw: unknown, depth: number = 0): FailureData | undefined {
  if (!isPlainRecord(raw) || depth > CAUSES_MAX) return undefined;
  const { code, message, fate, details, cause } = raw;
  if (typeof code !== "string" || typeof message !== "string" || !isFate(fate)) return undefined;
  if (!isPlainRecord(details)) return undefined;
  if (cause === undefined) return { code, message, fate, details };
  const decodedCause = decodeFailure(cause, depth + 1);
  return decodedCause === undefined ? undefined : { code, message, fate, details, cause: decodedCause };
}

function causeOf(cause: unknown): ActorError {
  if (isA(ActorError, cause)) return cause;
  if (!isA(Error, cause)) return new ActorError("error", describeThrown(cause));
  const name = textOf(cause, "name");
  const message = `${name}: ${textOf(cause, "message")}`;
  return new ActorError("error", message, { details: { name }, cause: fieldOf(cause, "cause") });
}

// An error is a value of the user's: a field may be anything, a getter or a proxy may throw.

function isA<Class extends ActorError | Error>(
  type: abstract new (...args: never[]) => Class,
  value: unknown,
): value is Class {
  try {
    return value instanceof type;
  } catch {
    return false;
  }
}

function fieldOf(error: Error, field: "name" | "message" | "cause"): unknown {
  try {
    return error[field];
  } catch {
    return undefined;
  }
}

function textOf(error: Error, field: "name" | "message"): string {
  const value = fieldOf(error, field);
  return typeof value === "string" ? value : safeString(value);
}

function isFate(value: unknown): value is Fate {
  return value === "not-delivered" || value === "delivered" || value === "unknown";
}

function isPlainRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function describeThrown(value: unknown): string {
  const text = typeof value === "string" ? JSON.stringify(value) : safeString(value);
  return `${typeof value} ${text.slice(0, 200)}`;
}

function safeString(value: unknown): string {
  try {
    return String(value);
  } catch {
    return "that cannot be printed";
  }
}
