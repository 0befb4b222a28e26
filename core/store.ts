/**
 * Where the state of `store: true` kinds lives: an interface of three operations, and the fencing token
 * that makes a second writer harmless. Stores are in `stores/`; this is what they promise, and what every
 * one of them refuses at the door. Pure (types, the token's arithmetic, and checks).
 *
 * @module
 */
import { assert } from "./assert.ts";
import { ActorError } from "./failure.ts";
import type { Brand } from "./ids.ts";
import { KEY_CHARS_MAX, STATE_BYTES_MAX } from "./limits.ts";
import type { OptionProblem } from "./options_check.ts";

/**
 * Right to write one key: `(generation, configuration, sequence)`, compared in that order, as one string
 * of fixed width whose text order is its numeric order. The generation comes from the store and grows with
 * every life of the cluster; the other two grow with every activation inside one life.
 */
export type FencingToken = Brand<string, "FencingToken">;

/** The highest generation a token can carry: one a life of the cluster, so nobody gets there. */
export const GENERATION_MAX = 0xffff_ffff;

const GENERATION_DIGITS = 8;
const CONFIGURATION_DIGITS = 8;
const SEQUENCE_DIGITS = 13;

/** The token's text: hexadecimal digits, fixed width, parts joined by a dot. */
export const TOKEN_PATTERN = /^[0-9a-f]{8}\.[0-9a-f]{8}\.[0-9a-f]{13}$/;

/** The token of one activation. All three are whole numbers, `0` or more; the first two below 2^32. */
export function fencingToken(generation: number, configuration: number, sequence: number): FencingToken {
  return [
    digits(generation, GENERATION_DIGITS),
    digits(configuration, CONFIGURATION_DIGITS),
    digits(sequence, SEQUENCE_DIGITS),
  ].join(".") as FencingToken;
}

/** The store generation a token was made under. */
export function generationOfToken(token: FencingToken): number {
  return Number.parseInt(token.slice(0, GENERATION_DIGITS), 16);
}

/** Reads a token from a store; `undefined` when the text is not one. */
export function decodeToken(raw: unknown): FencingToken | undefined {
  return typeof raw === "string" && TOKEN_PATTERN.test(raw) ? raw as FencingToken : undefined;
}

/** What a store holds for one key. */
export interface StoredState {
  /** The token of the activation that wrote it. */
  readonly token: FencingToken;
  /** The encoded state, as it was saved. */
  readonly bytes: Uint8Array;
}

/** What became of a save. `fenced` changed nothing: `stored` is the higher token that refused it. */
export type SaveResult =
  | { readonly kind: "saved" }
  | { readonly kind: "fenced"; readonly stored: FencingToken };

/**
 * One open store, used by one thread. Operations take effect in the order they were asked for: a load
 * after a save of the same key sees that save.
 *
 * All operations reject with an `ActorError` and may be repeated. Refused at the door, certainly without
 * effect, fate `not-delivered`: `store-failed` (the store is closed, or holds its limit of waiting
 * operations), `invalid-name` (see {@link refusalOfKey}), `message-too-large` (see
 * {@link refusalOfState}). Taken in and failed later (in time, on the medium), fate `unknown`:
 * `store-failed`. What is read and makes no sense: `malformed-bytes`.
 *
 * The fate is the store operation's own. For the message whose handler awaited it, the handler ran.
 */
export interface StateStore {
  /** The state under `key`, or `undefined` when there is none. The bytes belong to the caller. */
  load(key: string): Promise<StoredState | undefined>;
  /**
   * Writes `bytes` under `key` unless a higher token wrote there. Equal tokens overwrite: one
   * activation saves many times. Resolves when the write is as durable as the store promises. The
   * caller leaves `bytes` unchanged until then; afterwards the store holds no reference to them.
   */
  save(key: string, token: FencingToken, bytes: Uint8Array): Promise<SaveResult>;
  /**
   * The generation of `clusterId`: the number given to it before, or the highest number given to
   * anyone plus one, in one transaction. Starts at 1. Asked once by a node before its first activation.
   */
  generationOf(clusterId: string): Promise<number>;
  /** Writes what is waiting, lets go of the medium, and refuses everything from now on. Safe to repeat. */
  close(): Promise<void>;
}

/**
 * How to open a store. It is plain code in the entry file, so every thread evaluates it; each thread
 * that runs actors opens its own {@link StateStore}, and all of them see the same data.
 */
export interface StoreProvider {
  /** What kind of store, for logs and options: `sqlite`, `memory`. */
  readonly kind: string;
  /** What is wrong with the provider's options: of one option, or in words. Empty when nothing is. */
  problems(): readonly (OptionProblem | string)[];
  /**
   * Opens the store for the calling thread. Rejects, not delivered: `invalid-options` when there are
   * problems, `not-supported` when the runtime lacks what it needs, `store-failed` otherwise.
   */
  open(): Promise<StateStore>;
  /**
   * Whether every thread that opens it sees the same data. A store in one thread's memory does not:
   * `start` refuses it together with workers.
   */
  readonly isShared: boolean;
}

/**
 * Why no store takes `key`: it is empty, over `KEY_CHARS_MAX` characters, or has half a surrogate pair,
 * which UTF-8 cannot tell from any other. `what` names it in the message. `undefined`: it is fine.
 */
export function refusalOfKey(key: string, what = "key"): ActorError | undefined {
  if (key.length > 0 && key.length <= KEY_CHARS_MAX && key.isWellFormed()) return undefined;
  const reason = key.isWellFormed()
    ? `it has ${key.length} characters and a ${what} has 1 to ${KEY_CHARS_MAX}`
    : "it has half of a surrogate pair";
  return new ActorError("invalid-name", `Cannot use ${JSON.stringify(key.slice(0, 64))} as a ${what}: ${reason}`);
}

/** Why no store takes a state: it is over `STATE_BYTES_MAX`. `undefined`: it is fine. */
export function refusalOfState(bytes: Uint8Array): ActorError | undefined {
  if (bytes.byteLength <= STATE_BYTES_MAX) return undefined;
  return new ActorError(
    "message-too-large",
    `Cannot save a state of ${bytes.byteLength} bytes: a store takes at most ${STATE_BYTES_MAX}`,
    { details: { bytes: bytes.byteLength, bytesMax: STATE_BYTES_MAX } },
  );
}

function digits(value: number, width: number): string {
  assert(Number.isSafeInteger(value) && value >= 0, "a part of a token is a whole number from 0");
  const text = value.toString(16).padStart(width, "0");
  assert(text.length === width, "a part of a token fits its digits");
  return text;
}
