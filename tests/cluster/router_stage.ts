/**
 * One router on a stage: told everything by commands of one line, answering with what it wants done, as text.
 *
 * | Command | Tells the router of node A |
 * | --- | --- |
 * | `view 2 A,B` | a view of epoch 2 with the members A and B |
 * | `lease frozen` | how its lease stands |
 * | `up B 1`, `lost B 1` | that a generation of the link to B is up, or has ended |
 * | `send k hello` | to send; with `ask=7,500` it is ask 7 for 500 ms, with `outside` no clustered actor sends it |
 * | `resolved k B@1`, `absent k busy` | what the directory says: activation 1 of `k` is on B; or why nobody is |
 * | `recv B user k@1 hello` | what came from B, by generation 1 of its link; `recv B/2` by another one |
 * | `act k@1 live` | how an activation of its own node stands |
 * | `reached 1`, `answered 1 ok`, `refused 1 mailbox-full` | what the host did with the first it was given |
 * | `back k@1 2 moved 1,2` | that the host, having seen two, hands back the first and the second |
 * | `advance 100` | that 100 ms pass, with a tick every 10 |
 *
 * A line that begins with `>` in a transcript is a command, an indented line what came of it, all else is prose.
 *
 * @module
 */
import { epoch, instant, nodeId } from "../../core/ids.ts";
import type { AbsentReason, PublicStatus } from "../../cluster/directory_protocol.ts";
import type { LeaseStatus, Version } from "../../cluster/engine.ts";
import { createRouter, type RouterState, stepRouter } from "../../cluster/router.ts";
import type {
  Arrived,
  BounceReason,
  Place,
  RouterEffect,
  RouterInput,
  RouterMessage,
  UserFrame,
} from "../../cluster/router_protocol.ts";
import { ALL_RULES } from "../../cluster/rules.ts";
import { viewOf } from "./router_world.ts";

const TICK_MS = 10;

/** A router of node A. */
export class RouterStage {
  readonly router: RouterState = createRouter(nodeId("A"), ALL_RULES, { mono: instant(0), wall: 0 });
  readonly enqueued: Arrived[] = [];
  nowMs = 0;

  /** A member with a lease, and links to B and C. */
  static ready(): RouterStage {
    const stage = new RouterStage();
    for (const command of ["view 1 A,B,C", "lease held", "up B 1", "up C 1", "recv B mark 1", "recv C mark 1"]) {
      stage.tell(command);
    }
    return stage;
  }

  /** What the router wants, one line an effect. */
  tell(command: string): string[] {
    const [word = "", ...rest] = command.split(" ");
    if (word === "advance") return this.#advance(Number(rest[0]));
    return this.#step(this.#inputOf(word, rest));
  }

  #advance(ms: number): string[] {
    const lines: string[] = [];
    for (const end = this.nowMs + ms; this.nowMs < end;) {
      this.nowMs = Math.min(end, this.nowMs + TICK_MS);
      for (const line of this.#step({ kind: "tick" })) lines.push(`${this.nowMs}: ${line}`);
    }
    return lines;
  }

  #step(input: RouterInput): string[] {
    const out: RouterEffect[] = [];
    stepRouter(this.router, input, { mono: instant(this.nowMs), wall: this.nowMs }, out);
    return out.map((effect) => this.#line(effect));
  }

  #inputOf(word: string, rest: readonly string[]): RouterInput {
    const [one = "", two = "", three = "", four = ""] = rest;
    switch (word) {
      case "view":
        return { kind: "view", view: viewOf(Number(one), two.split(",").map(nodeId)) };
      case "lease":
        return { kind: "lease", status: one as LeaseStatus };
      case "up":
        return { kind: "linkUp", peer: nodeId(one), generation: Number(two) };
      case "lost":
        return { kind: "linkLost", peer: nodeId(one), generation: Number(two) };
      case "send":
        return this.#send(rest);
      case "resolved": {
        const { node, token } = placeOf(two);
        return { kind: "resolved", key: one, holder: node, token };
      }
      case "absent":
        return { kind: "absent", key: one, reason: two as AbsentReason };
      case "act":
        return { kind: "activation", ...activationOf(one), status: two as PublicStatus };
      case "recv": {
        const [from = "", generation = "1"] = one.split("/");
        const message = messageOf(two, rest.slice(2));
        return { kind: "received", from: nodeId(from), generation: Number(generation), message };
      }
      case "reached":
        return { kind: "flushReached", arrived: this.#arrived(one) };
      case "answered":
        return { kind: "answered", arrived: this.#arrived(one), outcome: { kind: "ok", value: two } };
      case "refused":
        return { kind: "refused", arrived: this.#arrived(one), code: two, fate: "not-delivered" };
      case "back": {
        const items = four === "" ? [] : four.split(",").map((index) => this.#arrived(index));
        const reason = three as BounceReason;
        const hint = optionOf(rest, "hint");
        const to = hint === undefined ? undefined : placeOf(hint);
        return { kind: "handedBack", ...activationOf(one), items, through: Number(two), reason, hint: to };
      }
      case "abort":
        return { kind: "abortAsk", askId: Number(one) };
      default:
        throw new Error(`no such command: ${word}`);
    }
  }

  #send(rest: readonly string[]): RouterInput {
    const [target = "", payload = ""] = rest;
    const [askId, waitMs] = (optionOf(rest, "ask") ?? "").split(",");
    const ask = waitMs === undefined
      ? undefined
      : { id: Number(askId), deadline: instant(this.nowMs + Number(waitMs)) };
    const sender = rest.includes("outside") ? undefined : { key: "s", token: versionOf("1") };
    const bytes = Number(optionOf(rest, "bytes") ?? "10");
    return { kind: "send", letter: { target, actorKind: "kind", sender, ask, bytes, payload } };
  }

  #arrived(index: string): Arrived {
    const arrived = this.enqueued[Number(index) - 1];
    if (arrived === undefined) throw new Error(`nothing was enqueued as ${index}`);
    return arrived;
  }

  #line(effect: RouterEffect): string {
    switch (effect.kind) {
      case "transmit":
        return `to ${effect.to}/${effect.generation} ${textOf(effect.message)}`;
      case "resolve":
        return `resolve ${effect.key}${effect.previous === undefined ? "" : ` not ${placeText(effect.previous)}`}`;
      case "reply":
        return `ask ${effect.askId} ends: ${
          effect.outcome.kind === "ok" ? effect.outcome.value : effect.outcome.failure.code
        }`;
      case "failed":
        return `ask ${effect.askId} fails: ${effect.code}, ${effect.fate}`;
      case "deadLetter":
        return `dead ${effect.payload}: ${effect.reason}`;
      case "enqueue": {
        const index = this.enqueued.push(effect.arrived);
        return `enqueue ${index} at ${effect.key}@${effect.token.seq} ${textOf(effect.arrived.frame)}`;
      }
      case "viewWanted":
        return `view ${effect.epoch} wanted from ${effect.from}`;
      case "closeLink":
        return `close ${effect.peer}/${effect.generation}: ${effect.reason}`;
      default:
        return effect satisfies never;
    }
  }
}

/** The same transcript with the output of a fresh run. */
export function replayRouter(text: string): string {
  const stage = new RouterStage();
  const lines: string[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("  ")) continue;
    lines.push(line);
    if (line.startsWith("> ")) lines.push(...stage.tell(line.slice(2)).map((came) => `  ${came}`));
  }
  return lines.join("\n");
}

function messageOf(word: string, rest: readonly string[]): RouterMessage {
  const [one = "", two = "", three = ""] = rest;
  switch (word) {
    case "user":
      return frameOf(rest);
    case "bounced": {
      const hint = optionOf(rest, "hint");
      const to = hint === undefined ? undefined : placeOf(hint);
      return { kind: "bounced", frame: frameOf(rest), reason: three as BounceReason, hint: to };
    }
    case "flush": {
      const { key, token } = activationOf(two);
      return { kind: "flush", flushId: Number(one), target: key, token };
    }
    case "flushAck":
      return { kind: "flushAck", flushId: Number(one) };
    case "reply":
      return { kind: "reply", askId: Number(one), outcome: { kind: "ok", value: two } };
    case "mark":
      return { kind: "epochMark", epoch: epoch(Number(one)) };
    default:
      throw new Error(`no such message: ${word}`);
  }
}

function frameOf(rest: readonly string[]): UserFrame {
  const [to = "", payload = ""] = rest;
  const ask = optionOf(rest, "ask");
  const { key, token } = activationOf(to);
  return {
    kind: "user",
    target: key,
    token,
    actorKind: "kind",
    sender: { key: "s", token: versionOf("1") },
    askId: ask === undefined ? undefined : Number(ask),
    remainingMs: ask === undefined ? undefined : 1_000,
    waitedMs: Number(optionOf(rest, "waited") ?? "0"),
    bytes: Number(optionOf(rest, "bytes") ?? "10"),
    payload,
  };
}

function textOf(message: RouterMessage): string {
  switch (message.kind) {
    case "user":
      return `user ${message.target}@${message.token.seq} ${message.payload}${askText(message)}`;
    case "bounced":
      return `bounced ${textOf(message.frame)} ${message.reason}${
        message.hint ? ` try ${placeText(message.hint)}` : ""
      }`;
    case "flush":
      return `flush ${message.flushId} ${message.target}@${message.token.seq}`;
    case "flushAck":
      return `flushAck ${message.flushId}`;
    case "reply":
      return `reply ${message.askId} ${
        message.outcome.kind === "ok" ? message.outcome.value : message.outcome.failure.code
      }`;
    case "epochMark":
      return `mark ${message.epoch}`;
    default:
      return message satisfies never;
  }
}

function askText({ askId, remainingMs }: UserFrame): string {
  return askId === undefined ? "" : ` ask ${askId} for ${remainingMs} ms`;
}

function optionOf(rest: readonly string[], name: string): string | undefined {
  return rest.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
}

function placeOf(text: string): Place {
  const [node = "", seq = ""] = text.split("@");
  return { node: nodeId(node), token: versionOf(seq) };
}

function placeText({ node, token }: Place): string {
  return `${node}@${token.seq}`;
}

function activationOf(text: string): { readonly key: string; readonly token: Version } {
  const [key = "", seq = ""] = text.split("@");
  return { key, token: versionOf(seq) };
}

function versionOf(seq: string): Version {
  return { cfg: epoch(1), seq: Number(seq) };
}
