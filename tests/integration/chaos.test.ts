/**
 * A random program on a system whose workers die at random: everything that was asked ends, once and with a code, and
 * whatever comes after it is served. The seed is in the name of the test.
 *
 * @module
 */
import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { describe, it } from "node:test";
import { below, fraction, type Random, seededRandom } from "../../core/random.ts";
import { ActorError, type ActorSystem, FATE_OF_CODE } from "../../mod.ts";
import { settles } from "../fixtures/conditions.ts";
import { freshName } from "../fixtures/plan.ts";
import {
  Bomb,
  Bulk,
  Counter,
  Echo,
  type ExplodeWay,
  Faulty,
  Fragile,
  Gate,
  Listener,
  News,
  Publisher,
  Relay,
  startTheatre,
  Watcher,
} from "../fixtures/theatre.ts";

const STEPS = 800;
const WORKERS = 3;
/** Of a thousand steps so many end a worker. */
const DEATHS = 6;
const WAYS: readonly ExplodeWay[] = ["exit", "exit-zero", "timer", "rejection"];

describe("a random program", () => {
  for (const [seed, stopsEarly] of [[1, false], [2, true], [3, false]] as const) {
    it(`of seed ${seed}${stopsEarly ? ", stopped in the middle," : ""} hangs nowhere and fails only with codes`, {
      timeout: 60_000,
    }, async () => {
      const system = await startTheatre({
        name: freshName("chaos"),
        workers: WORKERS,
        options: { ringBytes: 1 << 16, askTimeoutMs: 5_000 },
      });
      const random = seededRandom(seed);
      const outcomes: Promise<string>[] = [];
      for (let step = 0; step < STEPS; step++) {
        const isDeath = below(random, 1000) < DEATHS;
        outcomes.push(codeOf(isDeath ? death(system, random) : deed(system, random)));
        if (fraction(random) < 0.2) await turn();
      }
      const stopped = stopsEarly ? system.stop({ timeoutMs: 5_000 }) : undefined;
      const codes = await settles("everything that was asked", Promise.all(outcomes));
      for (const code of new Set(codes)) assert.ok(code === "ok" || Object.hasOwn(FATE_OF_CODE, code), code);
      await settles("an early stop", Promise.resolve(stopped));
      if (!stopsEarly) {
        for (let index = 0; index < NAMES; index++) {
          assert.equal(await system.grain(Echo, `n${index}`).with({ timeoutMs: 30_000 }).ask.echo(index), index);
        }
      }
      await settles("stop", system.stop({ timeoutMs: 10_000 }));
    });
  }
});

const NAMES = 12;

function death(system: ActorSystem, random: Random): Promise<unknown> {
  return system.grain(Bomb, nameOf(random)).ask.explode(WAYS[below(random, WAYS.length)] ?? "exit");
}

function deed(system: ActorSystem, random: Random): Promise<unknown> {
  const name = nameOf(random);
  const other = nameOf(random);
  const deeds: readonly (() => unknown)[] = [
    () => system.grain(Echo, name).ask.echo({ list: [1, { text: "x" }] }),
    () => system.grain(Echo, name).ask.bytes(below(random, 200_000)),
    () => system.grain(Echo, name).ask.length(new Uint8Array(below(random, 200_000))),
    () => system.grain(Relay, name).ask.relay(other, [1]),
    () => system.grain(Relay, name).ask.askThrough(system.grain(Counter, other)),
    () => system.grain(Relay, name).ask.flood(system.grain(Bulk, other), 50, 100),
    () => system.grain(Counter, name).tell.add(1),
    () => system.grain(Gate, name).ask.block(below(random, 10)),
    () => system.grain(Faulty, name).ask.bug(),
    () => system.spawn(`s${name}`, Bomb),
    () => system.spawn(`s${name}`, Fragile),
    () => system.actor(Fragile, `s${name}`).ask.fail(),
    () => system.spawnMany(Array.from({ length: 10 }, () => `s${nameOf(random)}`), Counter),
    () => system.stop(`s${name}`, { drain: fraction(random) < 0.5 }),
    () => system.stop(system.grain(Counter, name)),
    () => system.actorExists(`s${name}`),
    () => system.grain(Watcher, name).ask.watchBomb(`s${other}`),
    () => system.grain(Listener, name).ask.listen(),
    () => system.grain(Publisher, name).ask.publish(5),
    () => system.publish(News, ["main", 1]),
    () => system.stats(),
    () => Array.fromAsync(system.actors()),
  ];
  return new Promise((resolve) => resolve((deeds[below(random, deeds.length)] ?? (() => {}))()));
}

function nameOf(random: Random): string {
  return `n${below(random, NAMES)}`;
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "ok";
  } catch (thrown) {
    return thrown instanceof ActorError ? thrown.code : String(thrown);
  }
}
