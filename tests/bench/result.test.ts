import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { resultIn } from "../../bench/result.ts";

const LINE =
  `{"scenario":"S1.one-pair","contestant":"nact","sent":10,"delivered":9,"seconds":0.5,"perSecond":1e9,"extra":{"a":1,"b":"x"}}`;

describe("resultIn()", () => {
  it("takes the last line of its scenario and contestant, and leaves logs alone", () => {
    const output = `info: {\n  "a": 1\n}\n${
      LINE.replace(`"sent":10`, `"sent":99`)
    }\n${LINE}\n{"scenario":"S2"}\ngoodbye\n`;
    const result = resultIn(output, "S1.one-pair", "nact");
    assert.equal(result.kind === "measured" && result.sent, 10);
  });

  it("divides by itself, and keeps only extras that are numbers", () => {
    assert.deepEqual(resultIn(LINE, "S1.one-pair", "nact"), {
      kind: "measured",
      sent: 10,
      delivered: 9,
      seconds: 0.5,
      perSecond: 18,
      extra: { a: 1 },
    });
  });

  it("gives a contestant's own reason for not running", () => {
    const line = `{"scenario":"S3","contestant":"comedy","notRun":"no threads here"}`;
    assert.deepEqual(resultIn(line, "S3", "comedy"), { kind: "not-run", reason: "no threads here" });
  });

  it("refuses what is no measurement", () => {
    for (const broken of [`"seconds":0`, `"seconds":-1`, `"seconds":"1"`, `"seconds":null`]) {
      const result = resultIn(LINE.replace(`"seconds":0.5`, broken), "S1.one-pair", "nact");
      assert.equal(result.kind, "not-run", broken);
    }
    assert.equal(resultIn(`{"scenario":`, "S1.one-pair", "nact").kind, "not-run");
    assert.equal(resultIn("", "S1.one-pair", "nact").kind, "not-run");
  });
});
