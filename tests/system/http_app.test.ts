/**
 * What a node answers to HTTP, without a port: statuses, reasons, and what it never does.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Health } from "../../system/health.ts";
import { httpApp, type HttpSource } from "../../system/http_app.ts";

const GOOD: Health = { isLive: true, isReady: true, reasons: [] };
const FROZEN: Health = { isLive: true, isReady: false, reasons: ["its lease is frozen", "it is leaving"] };
const DEAD: Health = { isLive: false, isReady: false, reasons: ["the event loop was 9000 ms late"] };
const TEXT = "# HELP a b\n# TYPE a gauge\na 1\n";

/** What the app told its log. */
const failures: string[] = [];

function answer(path: string, source: Partial<HttpSource> = {}, init: RequestInit = {}): Promise<Response> {
  const app = httpApp({
    health: () => GOOD,
    lagMs: () => 2.4,
    scrape: () => Promise.resolve({ contentType: "text/plain; version=0.0.4; charset=utf-8", text: TEXT }),
    failed: (failed, thrown) => failures.push(`${failed} ${String(thrown)}`),
    ...source,
  });
  return Promise.resolve(app.fetch(new Request(`http://node:7001${path}`, init)));
}

describe("the HTTP side of a node", () => {
  const verdicts: readonly (readonly [path: string, health: Health, status: number, body: unknown])[] = [
    ["/livez", GOOD, 200, { status: "live", reasons: [], lagMs: 2 }],
    ["/livez", FROZEN, 200, { status: "live", reasons: [], lagMs: 2 }],
    ["/livez", DEAD, 503, { status: "not-live", reasons: DEAD.reasons, lagMs: 2 }],
    ["/readyz", GOOD, 200, { status: "ready", reasons: [], lagMs: 2 }],
    ["/readyz", FROZEN, 503, { status: "not-ready", reasons: FROZEN.reasons, lagMs: 2 }],
    ["/readyz", DEAD, 503, { status: "not-ready", reasons: DEAD.reasons, lagMs: 2 }],
    ["/readyz?verbose=1", GOOD, 200, { status: "ready", reasons: [], lagMs: 2 }],
  ];
  for (const [path, health, status, body] of verdicts) {
    it(`${path} says ${status} of a node with ${JSON.stringify(health.reasons)}`, async () => {
      const response = await answer(path, { health: () => health });
      assert.equal(response.status, status);
      assert.match(response.headers.get("Content-Type") ?? "", /^application\/json/);
      assert.equal(response.headers.get("Cache-Control"), "no-store");
      assert.deepEqual(await response.json(), body);
    });
  }

  it("/metrics is the text of the scrape, as Prometheus expects it", async () => {
    const response = await answer("/metrics");
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
    assert.equal(await response.text(), TEXT);
  });

  it("answers HEAD like GET, without the body", async () => {
    for (const path of ["/livez", "/readyz", "/metrics"]) {
      const [get, head] = [await answer(path), await answer(path, {}, { method: "HEAD" })];
      assert.equal(head.status, get.status);
      assert.equal(head.headers.get("Content-Type"), get.headers.get("Content-Type"));
      assert.equal(await head.text(), "");
    }
    assert.equal((await answer("/readyz", { health: () => DEAD }, { method: "HEAD" })).status, 503);
  });

  it("says 404 to everything else, and repeats nothing of it", async () => {
    const paths = ["/", "/livez/", "/livez/x", "/LIVEZ", "//livez", "/metrics%00", "/%E0%A4%A", "/../livez/..", "/<b>"];
    for (const path of paths) {
      const response = await answer(path);
      assert.equal(response.status, 404, path);
      assert.ok(!(await response.text()).includes("<b>"));
    }
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"]) {
      assert.equal((await answer("/livez", {}, { method })).status, 404, method);
    }
  });

  it("reads no body", async () => {
    let pulls = 0;
    const body = new ReadableStream({ pull: () => void pulls++ }, { highWaterMark: 0 });
    const init = { method: "POST", body, duplex: "half" } as RequestInit;
    for (const path of ["/livez", "/metrics", "/"]) assert.equal((await answer(path, {}, init)).status, 404);
    assert.equal(pulls, 0);
  });

  it("says 500 when the metrics fail, tells the log why, and the client nothing", async () => {
    failures.length = 0;
    const response = await answer("/metrics", { scrape: () => Promise.reject(new RangeError("secret place")) });
    assert.equal(response.status, 500);
    assert.ok(!(await response.text()).includes("secret"));
    assert.deepEqual(failures, ["/metrics RangeError: secret place"]);
  });

  it("asks for no scrape to say how a node is", async () => {
    const scrape = () => assert.fail("a worker was asked");
    for (const path of ["/livez", "/readyz", "/"]) await answer(path, { scrape });
  });
});
