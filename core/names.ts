/**
 * Names users give, and the keys made of them. A key says which actor is meant everywhere: in a thread's
 * table, on a ring, in a store. `:` and `/` cannot be in a name, so keys never collide. Pure.
 *
 * @module
 */
import { ActorError } from "./failure.ts";
import type { ActorKey } from "./ids.ts";
import { KEY_CHARS_MAX, NAME_CHARS_MAX } from "./limits.ts";

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
const HANDLER = /^[a-zA-Z][a-zA-Z0-9_]*$/;
// A ref to a router has its strategy and size behind the name.
const KEY =
  /^(?:[a-zA-Z0-9][a-zA-Z0-9_.-]*:)?[a-zA-Z0-9][a-zA-Z0-9_.-]*(?:\/[a-zA-Z0-9][a-zA-Z0-9_.-]*)*(?:~[a-z-]+~[0-9]{1,4})?$/;
/** Names with a meaning in JavaScript: a facade must not look like a promise or shadow its class. */
const HANDLERS_REFUSED: ReadonlySet<string> = new Set(["then", "constructor", "toString", "valueOf", "toJSON"]);

/** Whether `name` may name a system, kind, actor or grain: a letter or digit, then those, `_`, `.` and `-`; at most 255. */
export function isName(name: unknown): name is string {
  return typeof name === "string" && name.length <= NAME_CHARS_MAX && NAME.test(name);
}

/** Whether `name` may name a handler. */
export function isHandlerName(name: string): boolean {
  return name.length <= NAME_CHARS_MAX && HANDLER.test(name) && !HANDLERS_REFUSED.has(name);
}

/** Whether `key` has the form of a key. */
export function isKey(key: unknown): key is ActorKey {
  return typeof key === "string" && key.length <= KEY_CHARS_MAX && KEY.test(key);
}

/** The key of a top-level actor. Throws `invalid-name`. */
export function actorKey(name: string): ActorKey {
  return checkedName(name) as ActorKey;
}

/** The key of a grain. Throws `invalid-name`. */
export function grainKey(kind: string, name: string): ActorKey {
  return `${kind}:${checkedName(name)}` as ActorKey;
}

/** The key of a child. Throws `invalid-name`. */
export function childKey(parent: ActorKey, name: string): ActorKey {
  const key = `${parent}/${checkedName(name)}`;
  if (key.length <= KEY_CHARS_MAX) return key as ActorKey;
  throw new ActorError(
    "invalid-name",
    `Cannot name an actor ${key.slice(0, 80)}…: its path has over ${KEY_CHARS_MAX} characters`,
  );
}

/** The part of a key that decides partition and thread: children live with their root. */
export function rootOf(key: string): string {
  const slash = key.indexOf("/");
  return slash < 0 ? key : key.slice(0, slash);
}

/** Whether the key names a grain (not one of its children). */
export function isGrainKey(key: ActorKey): boolean {
  return key.includes(":") && !key.includes("/");
}

function checkedName(name: unknown): string {
  if (isName(name)) return name;
  const shown = typeof name === "string" ? JSON.stringify(name.slice(0, 80)) : `a value of type ${typeof name}`;
  throw new ActorError(
    "invalid-name",
    `Cannot name an actor ${shown}: a name is a letter or digit, then letters, digits, "_", "." or "-", at most ${NAME_CHARS_MAX}`,
  );
}
