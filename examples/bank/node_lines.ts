/**
 * What a process of the clustered bank says on its standard output: lines of JSON, each with the time of the machine's
 * clock. Whoever started it reads them. Pure.
 *
 * @module
 */

import { fieldsOf, parsed } from "./json.ts";

/** What happened in the cluster, as one node saw it. */
export interface SeenEvent {
  /** The event's type, as `system.events()` has it. */
  readonly type: string;
  /** Number of the view it came with, where it came with one. */
  readonly epoch: number | undefined;
  /** The address of the node it is about, or its id where nobody knows an address any more. */
  readonly about: string | undefined;
  /** Whatever else is worth printing. */
  readonly detail: string;
}

/** One line. */
export type NodeLine =
  & { readonly atMs: number }
  & (
    /** The node is a member of the cluster and serves customers. */
    | { readonly kind: "ready"; readonly url: string; readonly address: string; readonly runtime: string }
    | { readonly kind: "event"; readonly event: SeenEvent }
    /** The last line of a node that could not begin. */
    | { readonly kind: "failed"; readonly reason: string }
    /** The last line of a node that was told to stop, and did so in good order. */
    | { readonly kind: "stopped" }
  );

/** `line` as text, without its end. */
export function encodeLine(line: NodeLine): string {
  return JSON.stringify(line);
}

/** Reads a line; `undefined` when it is not one: the program may print whatever else it likes. */
export function decodeLine(text: string): NodeLine | undefined {
  const { kind, atMs, ...rest } = fieldsOf(parsed(text));
  if (typeof atMs !== "number") return undefined;
  switch (kind) {
    case "ready":
      return { kind, atMs, url: textOf(rest.url), address: textOf(rest.address), runtime: textOf(rest.runtime) };
    case "event": {
      const { type, epoch, about, detail } = fieldsOf(rest.event);
      return {
        kind,
        atMs,
        event: {
          type: textOf(type),
          epoch: typeof epoch === "number" ? epoch : undefined,
          about: typeof about === "string" ? about : undefined,
          detail: textOf(detail),
        },
      };
    }
    case "failed":
      return { kind, atMs, reason: textOf(rest.reason) };
    case "stopped":
      return { kind, atMs };
    default:
      return undefined;
  }
}

function textOf(raw: unknown): string {
  return typeof raw === "string" ? raw : "";
}
