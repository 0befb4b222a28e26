/**
 * What a node answers to HTTP: whether it lives, whether it is ready, and its metrics. On the main thread.
 *
 * One idea: health is what the main thread knows without asking anybody, so that no worker can hang a probe. A main thread
 * that is stuck itself says nothing, and the prober's own limit speaks for it.
 *
 * | Path       | Status                                    |
 * | ---------- | ----------------------------------------- |
 * | `/livez`   | 200, or 503: start the process again      |
 * | `/readyz`  | 200, or 503: send it no requests          |
 * | `/metrics` | 200, or 500: there is a line in the log   |
 * | all others | 404                                       |
 *
 * Invariant: no body of a request is read, and nothing of a request stands in an answer.
 *
 * @module
 */
import { Hono } from "hono";
import type { Context } from "hono";
import type { Health } from "./health.ts";
import type { Scrape } from "./metrics.ts";

/** What {@link httpApp} shows. */
export interface HttpSource {
  readonly health: () => Health;
  /** Milliseconds the event loop is late, or was lately. */
  readonly lagMs: () => number;
  readonly scrape: () => Promise<Scrape>;
  /** Told of what went wrong while a request was answered. */
  readonly failed: (path: string, thrown: unknown) => void;
}

/** The routes of one node. */
export function httpApp(source: HttpSource): Hono {
  const app = new Hono();
  app.use(async (c, next) => {
    await next();
    c.header("Cache-Control", "no-store");
    c.header("X-Content-Type-Options", "nosniff");
  });
  app.get("/livez", (c) => {
    const { isLive, reasons } = source.health();
    return verdict(c, isLive, isLive ? "live" : "not-live", isLive ? [] : reasons, source.lagMs());
  });
  app.get("/readyz", (c) => {
    const { isReady, reasons } = source.health();
    return verdict(c, isReady, isReady ? "ready" : "not-ready", reasons, source.lagMs());
  });
  app.get("/metrics", async (c) => {
    const { text, contentType } = await source.scrape();
    return c.body(text, 200, { "Content-Type": contentType });
  });
  app.notFound((c) => c.text("Not found: there are /livez, /readyz and /metrics\n", 404));
  app.onError((thrown, c) => {
    source.failed(c.req.path, thrown);
    return c.text("Failed: the log of this node says why\n", 500);
  });
  return app;
}

function verdict(c: Context, isGood: boolean, status: string, reasons: readonly string[], lagMs: number): Response {
  return c.json({ status, reasons, lagMs: Math.round(lagMs) }, isGood ? 200 : 503);
}
