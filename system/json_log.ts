/**
 * Logs to give to `start`: one line of JSON an entry for machines, or one of text for people, from a level on.
 *
 * @module
 */
import { OptionsCheck } from "../core/options_check.ts";
import type { Log } from "../core/ports.ts";
import { jsonText, printable } from "./json_text.ts";

/** How much an entry matters: what each level is for is said at {@link Log}. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** Options of a log. */
export interface LogOptions {
  /** Entries below this level are left out. Default `"info"`. */
  readonly level?: LogLevel;
  /**
   * Takes one line, without the end of line. Called on the thread that logs, so on every worker too. What it throws is
   * lost, with the line. Default: writes it to standard error.
   */
  readonly write?: (line: string) => unknown;
}

const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/**
 * A log of one JSON object a line: `{"time":"…","level":"warn","message":"…","fields":{…}}`; `fields` is missing when the
 * entry has none. Errors come with name, code, stack and causes; a bigint as text; what cannot be shown, such as a cycle
 * or a getter that throws, as a word in brackets. Long texts and large values are cut. Its functions never throw.
 *
 * @throws {ActorError} `invalid-options`, with every problem.
 *
 * @example
 * ```ts
 * await ActorSystem.start({ name: "demo", entry: import.meta.url, kinds: [Counter], log: jsonLog({ level: "info" }) });
 * ```
 */
export function jsonLog(options: LogOptions = {}): Log {
  return logOf(options, (level, message, fields) => {
    const shown = fields === undefined ? "{}" : jsonText(fields);
    const head = `{"time":${jsonText(new Date())},"level":"${level}","message":${jsonText(message)}`;
    return shown === "{}" ? `${head}}` : `${head},"fields":${shown}}`;
  });
}

/**
 * A log of one line of text an entry: `troupe warn a worker ended thread=2`. With `{ level: "warn" }` it is the one that
 * a system has which was given none. Its functions never throw.
 *
 * @throws {ActorError} `invalid-options`, with every problem.
 */
export function textLog(options: LogOptions = {}): Log {
  return logOf(options, (level, message, fields) => `troupe ${level} ${messageAsText(message)}${fieldsAsText(fields)}`);
}

type Fields = Readonly<Record<string, unknown>> | undefined;

/** A program without types logs anything. */
function messageAsText(message: unknown): string {
  return typeof message === "string" ? printable(message) : jsonText(message);
}

function fieldsAsText(fields: Fields): string {
  try {
    return Object.entries(fields ?? {}).map(([name, value]) => ` ${name}=${jsonText(value)}`).join("");
  } catch {
    return ` fields=${jsonText(fields)}`; // A getter throws: this shows which.
  }
}

function logOf(
  options: LogOptions,
  lineOf: (level: LogLevel, message: string, fields: Fields) => string,
): Log {
  const check = new OptionsCheck();
  check.unknownKeys("", options, ["level", "write"]);
  check.oneOf("level", options.level, LEVELS, { optional: true });
  check.function("write", options.write, { optional: true });
  check.throwIfAny("make a log");
  const { level: least = "info", write = (line: string) => console.error(line) } = options;
  const entry = (level: LogLevel): Log[LogLevel] => {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(least)) return () => {};
    return (message, fields) => {
      try {
        const written = write(lineOf(level, message, fields));
        // It may wait: then its failure comes later, and must not end the process either.
        if (written instanceof Promise) written.catch(() => {});
      } catch {
        // There is nowhere left to say so.
      }
    };
  };
  return { debug: entry("debug"), info: entry("info"), warn: entry("warn"), error: entry("error") };
}
