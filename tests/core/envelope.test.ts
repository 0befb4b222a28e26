/**
 * Chains of asks as data.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { type ChainLink, chainPath, isInChain } from "../../core/envelope.ts";
import type { ActorKey } from "../../core/ids.ts";

function chainOf(...handlers: readonly string[]): ChainLink | undefined {
  let chain: ChainLink | undefined;
  handlers.forEach((handler, index) => {
    chain = { invocation: index + 1, key: `a${index}` as ActorKey, handler, hops: index + 1, previous: chain };
  });
  return chain;
}

describe("a chain of asks", () => {
  it("knows every run that waits in it, and no other", () => {
    const chain = chainOf("x", "y", "z");
    assert.deepEqual([0, 1, 2, 3, 4].map((invocation) => isInChain(chain, invocation)), [
      false,
      true,
      true,
      true,
      false,
    ]);
    assert.equal(isInChain(undefined, 1), false);
  });

  it("is shown with its first caller first", () => {
    assert.deepEqual(chainPath(chainOf("x", "y")), ["a0.x", "a1.y"]);
    assert.deepEqual(chainPath(undefined), []);
  });
});
