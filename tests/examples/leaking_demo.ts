/**
 * The demo with nodes of a bank that loses money.
 *
 * @module
 */
import process from "node:process";
import { mainOfDemo } from "../../examples/demo/main.ts";
import { programOn } from "../../examples/demo/programs.ts";

const entry = new URL("./leaking_node.ts", import.meta.url);
process.exitCode = await mainOfDemo(process.argv.slice(2), () => (_node, args) => programOn(undefined, entry, args));
