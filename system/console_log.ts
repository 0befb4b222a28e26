/**
 * The log of a system that was given none: warnings and errors, one line each, on standard error.
 *
 * @module
 */
import type { Log } from "../core/ports.ts";
import { textLog } from "./json_log.ts";

/** Writes warnings and errors to the console. */
export const consoleLog: Log = textLog({ level: "warn" });
