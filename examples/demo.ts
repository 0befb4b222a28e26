/**
 * The demo: a bank on three processes, customers who send it thousands of HTTP requests, and a node that is killed in
 * the middle. Says at the end whether all the money is still there. `--help` lists the options.
 *
 * @module
 */
import process from "node:process";
import { mainOfDemo } from "./demo/main.ts";
import { NODE_ENTRY, programOn } from "./demo/programs.ts";

process.exitCode = await mainOfDemo(
  process.argv.slice(2),
  ({ runtimes }) => (node, args) => programOn(runtimes?.[node], NODE_ENTRY, args),
);
