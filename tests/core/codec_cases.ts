/**
 * What the codec's tests have in common: there and back, bytes as hex, and the failure of what must fail.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { decodeFromBytes, encodeToBytes } from "../../core/codec.ts";
import { ActorError } from "../../core/failure.ts";
import type { RefCodec } from "../../core/ref_data.ts";

/** What `value` is after it was encoded and decoded. */
export function roundTrip(value: unknown, refs?: RefCodec): unknown {
  return decodeFromBytes(encodeToBytes(value, refs), refs);
}

/** The bytes of `value`, as hex digits. */
export function hexOf(value: unknown): string {
  return Buffer.from(encodeToBytes(value)).toString("hex");
}

/** The value whose bytes are the hex digits `hex`. */
export function decodeHex(hex: string): unknown {
  return decodeFromBytes(Uint8Array.from(Buffer.from(hex, "hex")));
}

/** The ActorError that `run` throws; anything else it throws passes. */
export function failureOf(run: () => unknown): ActorError {
  try {
    run();
  } catch (thrown) {
    if (thrown instanceof ActorError) return thrown;
    throw thrown;
  }
  return assert.fail("nothing was thrown");
}

/** Where in `value` the encoder found what cannot travel. */
export function refusedPath(value: unknown): unknown {
  const failure = failureOf(() => encodeToBytes(value));
  assert.equal(failure.code, "value-cannot-travel");
  assert.equal(failure.fate, "not-delivered");
  return failure.details.path;
}

/** Arrays in arrays, `depth` of them. */
export function nested(depth: number): unknown {
  let value: unknown = [];
  for (let count = 1; count < depth; count++) value = [value];
  return value;
}
