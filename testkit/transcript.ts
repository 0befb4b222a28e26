/**
 * The lines of a traced run: when, on which host, what. Pure.
 *
 * One idea: one event, one line, the same width up to the text, so that a run can be read, searched and compared.
 *
 * Invariant: nothing here is called in a run that is not traced.
 *
 * @module
 */
import type { ProcessEffect, ProcessInput, Subject } from "./process.ts";
import type { PlanItem } from "./fault_plan.ts";

/** Takes the lines of a run. */
export type Tracer = (line: string) => void;

/** One line of a transcript. `host` is `undefined` for what concerns the whole world. */
export function traceLine(nowUs: number, host: number | undefined, text: string): string {
  const seconds = (nowUs / 1_000_000).toFixed(6).padStart(11);
  return `${seconds}  ${host === undefined ? "--" : `n${host}`.padEnd(3)}  ${text}`;
}

/** What a process was told; `undefined` for a tick, which nobody wants to read 20 times a second. */
export function inputLine<F, O, N>(subject: Subject<F, O, N>, input: ProcessInput<F, O>): string | undefined {
  switch (input.kind) {
    case "tick":
      return undefined;
    case "frame":
      return `<- ${input.from} ${subject.frameName(input.frame)}  ${input.lane}#${input.generation}`;
    case "linkLost":
      return `link to ${input.peer} lost  ${input.lane}#${input.generation}`;
    case "discovered":
      return `discovered ${input.addresses.join(" ")}`;
    case "lag":
      return `lagged ${Math.round(input.ms)} ms`;
    case "operation":
      return `asked for ${subject.operationLine?.(input.operation) ?? JSON.stringify(input.operation)}`;
    default:
      return input satisfies never;
  }
}

/** What a process did. */
export function effectLine<F, O, N>(subject: Subject<F, O, N>, effect: ProcessEffect<F, N>): string {
  switch (effect.kind) {
    case "send":
      return `-> ${effect.to} ${subject.frameName(effect.frame)}  ${effect.lane}`;
    case "greet":
      return `-> ${effect.address} ${subject.frameName(effect.frame)}  greeting`;
    case "retire":
      return `retires: ${effect.reason}`;
    case "note":
      return `*  ${subject.noteLine(effect.note)}`;
    default:
      return effect satisfies never;
  }
}

/** What goes wrong. Operations have their own line at the host that takes them. */
export function itemLine<O>(item: PlanItem<O>): string {
  const { kind, atMs: _atMs, ...rest } = item;
  return `!! ${kind} ${JSON.stringify(rest)}`;
}
