/**
 * The embedded engine keeps the contract of engines, in the simulator.
 *
 * @module
 */
import { describe } from "node:test";
import { describeEngine } from "../contract/engine.ts";
import { embeddedWorlds } from "./engine_world.ts";

// Runners count a file's tests by where they are declared.
describe("the contract of engines", () => describeEngine("the embedded engine", embeddedWorlds()));
