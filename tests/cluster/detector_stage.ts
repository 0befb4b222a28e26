/**
 * Transcripts of one detector among peers that follow orders. A line that begins with `>` is a command, an indented line
 * what came of it, every other line is prose.
 *
 * | Command | Does |
 * | --- | --- |
 * | `view a b c` | installs a view of these members; the first is the detector itself, and leads |
 * | `dead b` | `b` answers nobody |
 * | `cut b` | `b` answers everybody but the detector |
 * | `back b` | `b` answers again |
 * | `close b` | the connection to `b` closes |
 * | `lag 300` | a timer is 300 ms late |
 * | `advance 1000` | lets 1,000 ms pass, in ticks of 50 |
 *
 * An output line begins with the milliseconds since the start. Probes that are answered are not shown.
 *
 * @module
 */
import { type NodeId, nodeId } from "../../core/ids.ts";
import { seededRandom } from "../../core/random.ts";
import { createDetector, type Detector, type DetectorInput, standingOf, stepDetector } from "../../cluster/detector.ts";
import type { DetectorEffect, DetectorMessage } from "../../cluster/detector_protocol.ts";
import { TIMINGS } from "../../cluster/settings.ts";
import { at, viewOf } from "./detector_rig.ts";

/** The same text with the output of a fresh run. */
export function replayDetector(text: string): string {
  const stage = new Stage();
  const lines: string[] = [];
  for (const line of text.split("\n").filter((one) => !one.startsWith("  "))) {
    lines.push(line);
    if (!line.startsWith("> ")) continue;
    stage.perform(line.slice(2).trim().split(/\s+/));
    lines.push(...stage.said.splice(0));
  }
  return lines.join("\n");
}

class Stage {
  readonly said: string[] = [];
  readonly #detector: Detector = createDetector({ self: nodeId("a"), timings: TIMINGS, random: seededRandom(1) });
  readonly #dead = new Set<string>();
  readonly #cut = new Set<string>();
  readonly #nacks: { readonly dueMs: number; readonly from: NodeId; readonly seq: number }[] = [];
  #nowMs = 0;
  #score = 0;
  #views = 0;

  perform([verb = "", first = "", ...rest]: readonly string[]): void {
    switch (verb) {
      case "view":
        return this.#give({ kind: "view", view: viewOf([first, ...rest].map(nodeId), ++this.#views) });
      case "dead":
        return void this.#dead.add(first);
      case "cut":
        return void this.#cut.add(first);
      case "back":
        this.#dead.delete(first);
        return void this.#cut.delete(first);
      case "close":
        return this.#give({ kind: "linkLost", peer: nodeId(first) });
      case "lag":
        return this.#give({ kind: "lag", ms: Number(first) });
      case "advance":
        for (const untilMs = this.#nowMs + Number(first); this.#nowMs < untilMs;) this.#tick();
        return;
      default:
        throw new Error(`There is no command ${verb}`);
    }
  }

  #tick(): void {
    this.#nowMs += TIMINGS.tickMs;
    while ((this.#nacks[0]?.dueMs ?? Infinity) <= this.#nowMs) {
      const nack = this.#nacks.shift();
      if (nack !== undefined) this.#hear(nack.from, { kind: "pingNack", seq: nack.seq });
    }
    this.#give({ kind: "tick" });
  }

  #hear(from: NodeId, message: DetectorMessage): void {
    this.#give({ kind: "message", from, message });
  }

  #give(input: DetectorInput): void {
    const before = new Map([...this.#detector.opinions.keys()].map((id) => [id, standingOf(this.#detector, id)]));
    const out: DetectorEffect[] = [];
    stepDetector(this.#detector, input, at(this.#nowMs), out);
    for (const id of this.#detector.opinions.keys()) {
      const standing = standingOf(this.#detector, id);
      if (before.has(id) && before.get(id) !== standing) this.#say(`${id} is ${standing}`);
    }
    for (const effect of out) this.#perform(effect);
    if (this.#detector.health.score === this.#score) return;
    this.#score = this.#detector.health.score;
    this.#say(`own health ${this.#score}`);
  }

  #perform(effect: DetectorEffect): void {
    if (effect.kind === "alert") return this.#say(`alert: ${effect.subject} ${effect.alert}`);
    const { to, message } = effect;
    const answers = !this.#dead.has(to) && !this.#cut.has(to);
    if (message.kind === "ping") {
      if (answers) return this.#hear(to, { kind: "pong", seq: message.seq });
      return this.#say(`ping ${to}${message.accused ? ", accused" : ""}: no answer`);
    }
    if (message.kind === "pingRequest") this.#ask(to, message.target, message.seq, answers);
  }

  #ask(to: NodeId, target: NodeId, seq: number, answers: boolean): void {
    const line = this.said.at(-1) ?? "";
    const question = ` to ping ${target}`;
    if (line.endsWith(question)) this.said[this.said.length - 1] = line.replace(question, `, ${to}${question}`);
    else this.#say(`ask ${to}${question}`);
    if (!answers) return;
    if (this.#dead.has(target)) this.#nacks.push({ dueMs: this.#nowMs + 400, from: to, seq });
    else this.#hear(to, { kind: "pongForward", seq });
  }

  #say(line: string): void {
    this.said.push(`  ${String(this.#nowMs).padStart(5)}  ${line}`);
  }
}
