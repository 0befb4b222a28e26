/**
 * What the systems of two nodes say to each other beside their machines: topics, watches, listings. How they lie on the
 * wire, and how they are decoded. Pure.
 *
 * One idea: these words need no agreement, only a link: each is said at most once, in order while a link lasts, and is
 * said again in another form (interest, watches) when a link is new.
 *
 * @module
 */
import { malformed } from "../core/byte_reader.ts";
import { decodeFromBytes, encodeToBytes } from "../core/codec.ts";
import type { ActorKey } from "../core/ids.ts";
import { STOP_REASONS, type StopReason } from "../core/lifecycle.ts";
import { isKey } from "../core/names.ts";

/** The first byte of such a word: no layout of a machine's frame has it. */
const MARK = 0x20;

/** What a system says to another. */
export type PeerWord =
  /** Somebody here subscribes to a topic, or nobody does any longer. */
  | { readonly kind: "interest"; readonly topic: string; readonly isInterested: boolean }
  /** Say again what you subscribe to and watch: what was said before this node knew the other as a member is lost. */
  | { readonly kind: "again" }
  /** A value of a topic, encoded, for all subscribers there. */
  | { readonly kind: "published"; readonly topic: string; readonly value: Uint8Array }
  /** `watcher`, an actor here, wants to know when `key` there ends; or no longer. */
  | {
    readonly kind: "watch" | "unwatch";
    readonly watcher: ActorKey;
    readonly key: ActorKey;
    readonly actorKind: string;
  }
  /** `key` has ended; for `watcher` there. `moved`: it goes on elsewhere. */
  | {
    readonly kind: "terminated";
    readonly watcher: ActorKey;
    readonly key: ActorKey;
    readonly actorKind: string;
    readonly reason: StopReason;
  }
  /** A page of the actors there, behind `after`. */
  | { readonly kind: "list"; readonly id: number; readonly after: ActorKey | undefined; readonly count: number }
  | {
    readonly kind: "listed";
    readonly id: number;
    readonly actors: readonly { readonly kind: string; readonly key: ActorKey }[];
  };

/** Whether bytes of a link are a word of a system. */
export function isPeerWord(bytes: Uint8Array): boolean {
  return bytes[0] === MARK;
}

/** A word as bytes. */
export function encodePeerWord(word: PeerWord): Uint8Array {
  const body = encodeToBytes(word);
  const bytes = new Uint8Array(body.length + 1);
  bytes[0] = MARK;
  bytes.set(body, 1);
  return bytes;
}

/** The word that bytes are. Throws `malformed-bytes`. */
export function decodePeerWord(bytes: Uint8Array): PeerWord {
  const raw = fieldsOf(decodeFromBytes(bytes, undefined, 1));
  const { kind } = raw;
  switch (kind) {
    case "interest":
      return { kind, topic: textOf(raw.topic), isInterested: raw.isInterested === true };
    case "again":
      return { kind };
    case "published":
      if (!(raw.value instanceof Uint8Array)) throw malformed("a value is bytes");
      return { kind, topic: textOf(raw.topic), value: raw.value };
    case "watch":
    case "unwatch":
      return { kind, watcher: keyOf(raw.watcher), key: keyOf(raw.key), actorKind: textOf(raw.actorKind) };
    case "terminated": {
      const reason = STOP_REASONS.find((known) => known === raw.reason);
      if (reason === undefined) throw malformed("there is no such reason to stop");
      return { kind, watcher: keyOf(raw.watcher), key: keyOf(raw.key), actorKind: textOf(raw.actorKind), reason };
    }
    case "list":
      return {
        kind,
        id: countOf(raw.id),
        after: raw.after === undefined ? undefined : keyOf(raw.after),
        count: Math.min(countOf(raw.count), PAGE_MAX),
      };
    case "listed":
      return { kind, id: countOf(raw.id), actors: listOf(raw.actors) };
    default:
      throw malformed("there is no such word");
  }
}

/** Actors of one page at most. */
const PAGE_MAX = 4_096;
const TEXT_CHARS_MAX = 1_024;

function listOf(raw: unknown): readonly { readonly kind: string; readonly key: ActorKey }[] {
  if (!Array.isArray(raw) || raw.length > PAGE_MAX) throw malformed("a page of actors is expected");
  return raw.map((item) => {
    const { kind, key } = fieldsOf(item);
    return { kind: textOf(kind), key: keyOf(key) };
  });
}

function fieldsOf(raw: unknown): Readonly<Record<string, unknown>> {
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) throw malformed("a word is an object");
  return raw as Readonly<Record<string, unknown>>;
}

function textOf(raw: unknown): string {
  if (typeof raw !== "string" || raw.length > TEXT_CHARS_MAX) throw malformed("a text is expected");
  return raw;
}

function keyOf(raw: unknown): ActorKey {
  if (!isKey(raw)) throw malformed("a key is expected");
  return raw;
}

function countOf(raw: unknown): number {
  if (typeof raw !== "number" || !Number.isSafeInteger(raw) || raw < 0) throw malformed("a count is expected");
  return raw;
}
