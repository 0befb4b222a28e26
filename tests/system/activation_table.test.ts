import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Version } from "../../cluster/engine.ts";
import { epoch } from "../../core/ids.ts";
import { ActivationTable } from "../../system/activation_table.ts";

interface Entry {
  readonly key: string;
  readonly token: Version;
  readonly text: string;
}

const KEYS = ["a", "b"];
const TOKENS: readonly Version[] = [{ cfg: epoch(1), seq: 1 }, { cfg: epoch(1), seq: 2 }, { cfg: epoch(2), seq: 1 }];

function nameOf(key: string, { cfg, seq }: Version): string {
  return `${key}/${cfg}/${seq}`;
}

describe("ActivationTable", () => {
  it("finds several activations of one key, each by its own token", () => {
    const table = new ActivationTable<Entry>();
    for (const token of TOKENS) table.set({ key: "a", token, text: nameOf("a", token) });
    for (const token of TOKENS) assert.equal(table.get("a", { ...token })?.text, nameOf("a", token));
    assert.equal(table.get("b", { cfg: epoch(1), seq: 1 }), undefined);
  });

  it("does what a map from key and token does, whatever is set and deleted in any order", () => {
    // Every sequence of five steps: set or delete one of two keys' three activations.
    const steps = KEYS.flatMap((key) =>
      TOKENS.flatMap((token) => [{ key, token, isSet: true }, { key, token, isSet: false }])
    );
    for (let code = 0; code < steps.length ** 4; code++) {
      const table = new ActivationTable<Entry>();
      const model = new Map<string, Entry>();
      let left = code;
      for (let count = 0; count < 4; count++, left = Math.floor(left / steps.length)) {
        const step = steps[left % steps.length];
        assert.ok(step);
        const { key, token, isSet } = step;
        const name = nameOf(key, token);
        const entry = { key, token, text: `${name} ${count}` };
        if (isSet) {
          table.set(entry);
          model.set(name, entry);
        } else assert.equal(table.delete(key, token), model.delete(name));
      }
      for (const key of KEYS) {
        for (const token of TOKENS) assert.equal(table.get(key, token), model.get(nameOf(key, token)));
      }
      assert.deepEqual(new Set(table.values()), new Set(model.values()));
    }
  });

  it("is empty after it was cleared", () => {
    const table = new ActivationTable<Entry>();
    for (const token of TOKENS) table.set({ key: "a", token, text: "" });
    table.clear();
    assert.deepEqual(table.values(), []);
    for (const token of TOKENS) assert.equal(table.get("a", token), undefined);
  });
});
