import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { answerIn, decodeSettings, lineOf, requestIn } from "../../bench/cluster/node_lines.ts";

describe("lines of a node", () => {
  it("carry requests and answers", () => {
    const request = { id: 3, command: "flood", argument: { seconds: 2 } };
    assert.deepEqual(requestIn(lineOf(request)), request);
    assert.deepEqual(answerIn(lineOf({ id: 3, result: [1, 2] })), { id: 3, result: [1, 2] });
    assert.deepEqual(answerIn(lineOf({ id: 3, error: "no" })), { id: 3, error: "no" });
    assert.deepEqual(answerIn(lineOf({ id: 3, result: undefined })), { id: 3, result: undefined });
  });

  it("leave logs alone, and whatever else a process prints", () => {
    for (const line of ["", "troupe warn no link", "{", "[1]", "{}", `{"id":"3"}`, "null"]) {
      assert.equal(answerIn(line), undefined, line);
    }
  });

  it("refuse what is no request, and no settings", () => {
    assert.throws(() => requestIn(`{"id":1}`), /Cannot read a request/);
    for (const text of ["", "{}", `{"index":0,"ports":[1]}`, `{"index":0,"ports":[1],"profile":"slow"}`]) {
      assert.throws(() => decodeSettings(text), /Cannot read the settings/, text);
    }
    const settings = { index: 1, ports: [4, 5], profile: "fast" } as const;
    assert.deepEqual(decodeSettings(JSON.stringify(settings)), settings);
  });
});
