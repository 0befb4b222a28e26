/**
 * What every engine promises to the machines above it, as tests: call {@link describeEngine} from a test file with a way
 * to make a small cluster. The promises are numbered, so that whoever breaks one can be told which.
 *
 * @module
 */
import { describe } from "node:test";
import { loadTests } from "./engine_load.ts";
import { mapTests } from "./engine_map.ts";
import { viewTests } from "./engine_views.ts";
import type { EngineFactory, EngineWorldOptions } from "./engine_world.ts";

/** How much is done, beside how the worlds are made. */
export interface EngineScale {
  /** Names in the test of many of them. */
  readonly keys: number;
  /** Times that one name is claimed and released. */
  readonly cycles: number;
}

/** What runs in every check. */
export const USUAL_SCALE: EngineScale = { keys: 2_000, cycles: 3_000 };

/** Registers the contract's tests for the engine that `make` makes. */
export function describeEngine(name: string, make: EngineFactory, scale: EngineScale = USUAL_SCALE): void {
  const options: EngineWorldOptions = { nodeCount: 3, partitionCount: 7, replicaCount: 3, seed: 1 };
  describe(`${name} keeps the contract of an engine`, () => {
    mapTests(make, options);
    viewTests(make, options);
    loadTests(make, options, scale);
  });
}
