import { describeEngine } from "../contract/engine.ts";
import { embeddedWorlds } from "./engine_world.ts";

describeEngine("the embedded engine", embeddedWorlds());
