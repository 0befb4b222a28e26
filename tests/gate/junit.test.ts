import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readJunit } from "./junit.ts";

/** What `deno test --junit-path` writes for one file: steps stand beside the `describe`s that hold them. */
const DENO = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="8" failures="3" errors="0" time="0.163">
    <testsuite name="./tests/a.test.ts" tests="2" disabled="0" errors="0" failures="1">
        <testcase name="alpha" classname="./tests/a.test.ts" time="0.009" line="2" col="1">
            <failure message="1 test step failed">1 test step failed.</failure>
        </testcase>
        <testcase name="top" classname="./tests/a.test.ts" time="0.000" line="4" col="1">
        </testcase>
    </testsuite>
    <testsuite name="ext:deno_node/testing.ts" tests="8" disabled="2" errors="0" failures="2">
        <testcase name="alpha &gt; a &lt;&amp;&quot;" classname="ext:deno_node/testing.ts" line="1" col="21231">
        </testcase>
        <testcase name="alpha &gt; skipped" classname="ext:deno_node/testing.ts" line="1" col="21231">
            <skipped/>
        </testcase>
        <testcase name="alpha &gt; inner" classname="ext:deno_node/testing.ts" line="1" col="21231">
            <failure message="1 test step failed">1 test step failed.</failure>
        </testcase>
        <testcase name="alpha &gt; inner &gt; holds" classname="ext:deno_node/testing.ts" line="1" col="21231">
        </testcase>
        <testcase name="alpha &gt; inner &gt; fails" classname="ext:deno_node/testing.ts" line="1" col="21231">
            <failure message="Uncaught AssertionError: &lt;testcase name=&quot;no&quot;&gt;

1 !== 2
">AssertionError: &lt;testcase name=&quot;neither&quot;&gt;</failure>
        </testcase>
    </testsuite>
</testsuites>`;

/** What `bun test --reporter=junit` writes for the same file. */
const BUN = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="bun test" tests="5" assertions="0" failures="1" skipped="1" time="0.057636872">
  <testsuite name="tests/a.test.ts" file="tests/a.test.ts" tests="5" failures="1" skipped="1" hostname="vm">
    <testsuite name="alpha" file="tests/a.test.ts" line="2" tests="4" failures="1" skipped="1" hostname="vm">
      <testcase name="a &lt;&amp;&quot;" classname="alpha" time="0.000024" file="tests/a.test.ts" line="2" />
      <testcase name="skipped" classname="alpha" time="0" file="tests/a.test.ts" line="2">
        <skipped message="TODO" />
      </testcase>
      <testsuite name="inner" file="tests/a.test.ts" line="3" tests="2" failures="1" skipped="0" hostname="vm">
        <testcase name="holds" classname="inner &gt; alpha" time="0.000058" file="tests/a.test.ts" line="3" />
        <testcase name="fails" classname="inner &gt; alpha" time="0.00175" file="tests/a.test.ts" line="3">
          <failure type="AssertionError" message="&#10;1 !== 2&#10;">AssertionError</failure>
        </testcase>
      </testsuite>
    </testsuite>
    <testcase name="top" classname="" time="0.000042" file="tests/a.test.ts" line="4" />
  </testsuite>
</testsuites>`;

describe("readJunit()", () => {
  it("counts the leaves of the same file alike for both runtimes", () => {
    const counts = { passed: 3, failed: 1, skipped: 1 };
    assert.deepEqual(readJunit(DENO, "deno").counts, counts);
    assert.deepEqual(readJunit(BUN, "bun").counts, counts);
  });

  it("names the files that have a test in the report, as they were asked for", () => {
    assert.ok(readJunit(DENO, "deno").files.has("tests/a.test.ts"));
    assert.deepEqual([...readJunit(BUN, "bun").files], ["tests/a.test.ts"]);
  });

  it("keeps a describe that failed by itself, once, though others stand around it", () => {
    const failed = (name: string): string => `<testcase name="${name}" classname="./a"><failure/></testcase>`;
    const xml = failed("a") + failed("a &gt; b") + `<testcase name="a &gt; b &gt; c" classname="./a"></testcase>`;
    assert.deepEqual(readJunit(xml, "deno").counts, { passed: 1, failed: 1, skipped: 0 });
  });

  it("takes a name with an arrow in it for one test on Bun, which nests", () => {
    const xml = `<testcase name="a" /><testcase name="a &gt; b" />`;
    assert.equal(readJunit(xml, "bun").counts.passed, 2);
  });

  it("reads no tests from what a test printed", () => {
    const xml = `<testcase name="a"><system-out><![CDATA[<testcase name="b"><failure>]]></system-out></testcase>`;
    assert.deepEqual(readJunit(xml, "bun").counts, { passed: 1, failed: 0, skipped: 0 });
  });

  it("counts nothing in a report that was cut off before its first test", () => {
    assert.deepEqual(readJunit("<?xml version", "deno").counts, { passed: 0, failed: 0, skipped: 0 });
  });
});
