/**
 * Whether two values are the same in everything the codec promises to keep: `-0` and NaN, `undefined`,
 * the order of keys, Map and Set entries in order, dates (the broken one too), every kind of binary value
 * with its bytes, errors by class, name, message and cause. A hole counts as `undefined`, and an object
 * without prototype as a plain one, because that is what they become. Pure.
 *
 * @module
 */
import assert from "node:assert/strict";
import { ActorError } from "../../core/failure.ts";

/** Throws, saying where, unless `actual` is what `expected` becomes on its way. */
export function assertSame(actual: unknown, expected: unknown, path: string = "value"): void {
  if (typeof expected !== "object" || expected === null) {
    assert.ok(Object.is(actual, expected), `${path}: ${String(actual)} is not ${String(expected)}`);
    return;
  }
  if (typeof actual !== "object" || actual === null) return assert.fail(`${path}: ${String(actual)} is no object`);
  const prototype: unknown = Object.getPrototypeOf(expected) ?? Object.prototype;
  if (!(expected instanceof Error)) assert.equal(Object.getPrototypeOf(actual), prototype, `${path}: another class`);
  if (Array.isArray(expected)) return assertSameLists(actual as unknown[], [...expected], path);
  if (expected instanceof Map) return assertSameLists([...actual as Map<unknown, unknown>], [...expected], path);
  if (expected instanceof Set) return assertSameLists([...actual as Set<unknown>], [...expected], path);
  if (expected instanceof Date) return assertSame((actual as Date).getTime(), expected.getTime(), `${path}.getTime()`);
  if (expected instanceof Error) return assertSameErrors(actual as Error, expected, path);
  if (expected instanceof ArrayBuffer || ArrayBuffer.isView(expected)) {
    return assertSameLists(bytesOf(actual as ArrayBuffer), bytesOf(expected), path);
  }
  assertSameRecords(actual as Record<string, unknown>, expected as Record<string, unknown>, path);
}

function assertSameLists(actual: readonly unknown[], expected: readonly unknown[], path: string): void {
  assert.equal(actual.length, expected.length, `${path}.length`);
  for (const [index, value] of expected.entries()) assertSame(actual[index], value, `${path}[${index}]`);
}

function assertSameRecords(actual: Record<string, unknown>, expected: Record<string, unknown>, path: string): void {
  // Not as two arrays: of objects with many keys, the runner would print the difference for minutes.
  assertSameLists(Object.keys(actual), Object.keys(expected), `${path}: keys`);
  for (const [key, value] of Object.entries(expected)) assertSame(actual[key], value, `${path}.${key}`);
}

function assertSameErrors(actual: Error, expected: Error, path: string): void {
  assert.ok(actual instanceof Error, `${path}: not an Error`);
  assert.equal(actual instanceof ActorError, expected instanceof ActorError, `${path}: another class`);
  assert.equal(actual.name, expected.name, `${path}.name`);
  assert.equal(actual.message, expected.message, `${path}.message`);
  assertSame(actual.cause, expected.cause, `${path}.cause`);
  if (expected instanceof AggregateError) {
    assert.ok(actual instanceof AggregateError, `${path}: not an AggregateError`);
    assertSame(actual.errors, expected.errors, `${path}.errors`);
  }
  if (expected instanceof ActorError && actual instanceof ActorError) {
    assert.equal(actual.code, expected.code, `${path}.code`);
    assert.equal(actual.fate, expected.fate, `${path}.fate`);
    assertSame(actual.details, expected.details, `${path}.details`);
  }
}

function bytesOf(value: ArrayBuffer | ArrayBufferView): number[] {
  if (!ArrayBuffer.isView(value)) return [...new Uint8Array(value)];
  return [...new Uint8Array(value.buffer, value.byteOffset, value.byteLength)];
}
