/**
 * The log of a system that was given none: warnings and errors, one line each, on standard error.
 *
 * @module
 */
import type { Log } from "../core/ports.ts";

/** Writes warnings and errors to the console. */
export const consoleLog: Log = {
  debug: () => {},
  info: () => {},
  warn: (message, fields) => console.error(lineOf("warn", message, fields)),
  error: (message, fields) => console.error(lineOf("error", message, fields)),
};

function lineOf(level: string, message: string, fields: Readonly<Record<string, unknown>> | undefined): string {
  const shown = Object.entries(fields ?? {}).map(([name, value]) => ` ${name}=${JSON.stringify(value)}`);
  return `troupe ${level} ${message}${shown.join("")}`;
}
