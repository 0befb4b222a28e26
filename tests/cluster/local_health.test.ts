/**
 * How a node judges itself.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  createLocalHealth,
  fade,
  HEALTH_SCORE_MAX,
  improve,
  mayAccuse,
  noteLag,
  patienceMs,
  pauseMs,
  worsen,
} from "../../cluster/local_health.ts";
import { at } from "./detector_rig.ts";

describe("local health", () => {
  it("waits longer the sicker it is: timeouts up to nine times, pauses up to three times", () => {
    const health = createLocalHealth();
    assert.deepEqual([patienceMs(health, 500), pauseMs(health, 1_000)], [500, 1_000]);
    for (let sign = 0; sign < 20; sign++) worsen(health, at(0));
    assert.deepEqual([patienceMs(health, 500), pauseMs(health, 1_000)], [4_500, 3_000]);
  });

  it("accuses nobody from the fourth sign on", () => {
    const health = createLocalHealth();
    for (let sign = 0; sign < 3; sign++) worsen(health, at(0));
    assert.equal(mayAccuse(health), true);
    worsen(health, at(0));
    assert.equal(mayAccuse(health), false);
  });

  it("takes a timer that is more than 150 ms late for a sign", () => {
    const health = createLocalHealth();
    noteLag(health, 150, at(0));
    assert.equal(health.score, 0);
    noteLag(health, 151, at(0));
    assert.equal(health.score, 1);
  });

  it("heals by one a second, however many probes succeed", () => {
    const health = createLocalHealth();
    for (let sign = 0; sign < 4; sign++) worsen(health, at(5_000));
    for (let probe = 0; probe < 10; probe++) improve(health, at(5_000 + probe * 99));
    assert.equal(health.score, 3);
    improve(health, at(6_000));
    assert.equal(health.score, 2);
  });

  it("fades by one in five seconds without signs, so that who has lost its only peer may say so", () => {
    const health = createLocalHealth();
    for (let sign = 0; sign < 4; sign++) worsen(health, at(1_000));
    for (let ms = 1_000; ms < 6_000; ms += 50) fade(health, at(ms));
    assert.equal(mayAccuse(health), false);
    fade(health, at(6_000));
    assert.equal(mayAccuse(health), true);
  });

  it("property: the score is whole and stays between 0 and 8", () => {
    const sign = fc.tuple(fc.constantFrom(worsen, improve, fade), fc.nat(3_000));
    fc.assert(fc.property(fc.array(sign), (signs) => {
      const health = createLocalHealth();
      let ms = 0;
      for (const [act, passedMs] of signs) {
        ms += passedMs;
        act(health, at(ms));
        assert.ok(Number.isInteger(health.score) && health.score >= 0 && health.score <= HEALTH_SCORE_MAX);
      }
    }));
  });
});
