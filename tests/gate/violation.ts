/**
 * One finding of the gate, and how it is printed. Pure.
 *
 * @module
 */

export interface Violation {
  /** Path from the root of the repository. */
  readonly path: string;
  /** Counted from 1. */
  readonly line: number;
  /** What stands there and why it may not. */
  readonly message: string;
}

/** `core/ring.ts:12: what and why`: a form that editors and terminals open at the line. */
export function formatViolation({ path, line, message }: Violation): string {
  return `${path}:${line}: ${message}`;
}

/** By file, then by line. */
export function compareViolations(a: Violation, b: Violation): number {
  if (a.path !== b.path) return a.path < b.path ? -1 : 1;
  return a.line - b.line;
}
