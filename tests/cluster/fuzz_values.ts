/**
 * Changes one number, name or flag somewhere inside a value, so that it still has its type and makes no sense. Pure.
 *
 * @module
 */

/** Fields whose text is one of a few words: they stay as they are. */
const WORDS: ReadonlySet<string> = new Set([
  "kind",
  "part",
  "status",
  "why",
  "reason",
  "standing",
  "type",
  "alert",
  "absent",
  "rule",
]);

const TEXTS = ["a", "b", "c", "x", "", "a:1", "b:1", "k0", "k1", "fuzz-a-1", "fuzz-b-1"];

/** A deep copy in which the leaf of this number, counted through, is another one, or an array is longer or shorter. */
export function changed<T>(value: T, leaf: number, by: number): T {
  const counter = { next: 0 };
  copy(value, "", counter, -1, by);
  const target = leaf % Math.max(1, counter.next);
  counter.next = 0;
  return copy(value, "", counter, target, by) as T;
}

function copy(value: unknown, name: string, counter: { next: number }, target: number, by: number): unknown {
  if (WORDS.has(name)) return value;
  if (Array.isArray(value)) {
    const isTarget = counter.next++ === target;
    const copied = value.map((one) => copy(one, "", counter, target, by));
    if (!isTarget) return copied;
    return by % 2 === 0 ? copied.slice(1) : [...copied, ...copied.slice(0, 1)];
  }
  if (typeof value === "object" && value !== null && !(value instanceof Uint8Array)) {
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, copy(one, key, counter, target, by)]));
  }
  if (typeof value !== "number" && typeof value !== "string" && typeof value !== "boolean") return value;
  if (counter.next++ !== target) return value;
  if (typeof value === "boolean") return !value;
  if (typeof value === "string") return TEXTS[by % TEXTS.length];
  return [0, 1, 2, 3, value + 1, Math.max(0, value - 1), 2 ** 31, 2 ** 40, 300][by % 9];
}
