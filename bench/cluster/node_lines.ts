/**
 * What a node and its parent write to each other: one JSON value a line. Pure. Other lines are somebody's log.
 *
 * @module
 */

/** How a node is started. */
export interface NodeSettings {
  /** Which of `ports` is its own. */
  readonly index: number;
  readonly ports: readonly number[];
  readonly profile: "default" | "fast";
}

/** A parent's wish. */
export interface Request {
  readonly id: number;
  readonly command: string;
  readonly argument: unknown;
}

/** A node's answer. The one with id 0 comes by itself, when the node is ready. */
export type Answer =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: string };

/** One line. */
export function lineOf(value: Request | Answer): string {
  return JSON.stringify(value);
}

/** The answer in a line; `undefined` when it is a log's. */
export function answerIn(line: string): Answer | undefined {
  const { id, result, error } = recordIn(line);
  if (typeof id !== "number") return undefined;
  return typeof error === "string" ? { id, error } : { id, result };
}

/** The request in a line. Throws when there is none. */
export function requestIn(line: string): Request {
  const { id, command, argument } = recordIn(line);
  if (typeof id === "number" && typeof command === "string") return { id, command, argument };
  throw new Error(`Cannot read a request: ${line}`);
}

/** The settings in a command line. Throws when there are none. */
export function decodeSettings(text: string): NodeSettings {
  const { index, ports, profile } = recordIn(text);
  if (typeof index === "number" && Array.isArray(ports) && (profile === "default" || profile === "fast")) {
    return { index, ports: ports.map(Number), profile };
  }
  throw new Error(`Cannot read the settings of a node: ${text}`);
}

function recordIn(text: string): Readonly<Record<string, unknown>> {
  if (!text.startsWith("{")) return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
