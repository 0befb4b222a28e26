/**
 * Frames from outside: whatever a peer sends, this says what it is, or why it is nothing. Pure.
 *
 * One idea: this is the only door. Behind it every machine may count on what the types say; in front of it nothing is
 * believed.
 *
 * Invariant: a frame is taken as a whole or not at all, and nothing throws.
 *
 * @module
 */
import type { Frame } from "./cluster_core.ts";
import { detectorMessage } from "./decode_detector.ts";
import { directoryMessageOf } from "./decode_directory.ts";
import { engineMessageOf } from "./decode_engine.ts";
import { routerMessage } from "./decode_router.ts";
import { epoch, type FrameLimits, label } from "./decode_values.ts";
import { type Decoder, type Fields, Problem, record } from "./decoding.ts";

/** Why something is no frame: what is wrong, and where. For counters and logs, never parsed. */
export interface FrameProblem {
  readonly problem: string;
}

/** Decodes frames. Never throws on what a codec has decoded. */
export type FrameDecoder = (raw: unknown) => Frame | FrameProblem;

/** The decoder for the frames of one cluster. To be made once. */
export function frameDecoder(limits: FrameLimits): FrameDecoder {
  const decoders: { readonly [Part in Frame["part"]]: Decoder<Extract<Frame, { readonly part: Part }>> } = {
    engine: record({ ...HEADER, part: exactly("engine"), message: engineMessageOf(limits) }),
    detector: record({ ...HEADER, part: exactly("detector"), message: detectorMessage }),
    directory: record({ ...HEADER, part: exactly("directory"), message: directoryMessageOf(limits) }),
    router: record({ ...HEADER, part: exactly("router"), message: routerMessage }),
  };
  return (raw) => {
    const part = partOf(raw);
    if (part === undefined) return { problem: "the frame is for no part of a node" };
    const frame = decoders[part](raw);
    if (frame instanceof Problem) return { problem: `frame${frame.path} ${frame.reason}` };
    const foreign = whyForeign(frame);
    return foreign === undefined ? frame : { problem: foreign };
  };
}

/** Decodes one frame. Where there are many, make a {@link frameDecoder} once. */
export function decodeFrame(raw: unknown, limits: FrameLimits): Frame | FrameProblem {
  return frameDecoder(limits)(raw);
}

/** Whether a decoded frame is none. */
export function isFrameProblem(decoded: Frame | FrameProblem): decoded is FrameProblem {
  return "problem" in decoded;
}

const HEADER: Fields<Pick<Frame, "clusterId" | "epoch">> = { clusterId: label, epoch };

function exactly<const Word extends string>(word: Word): Decoder<Word> {
  const problem = new Problem(`is not ${word}`);
  return (raw) => raw === word ? word : problem;
}

function partOf(raw: unknown): Frame["part"] | undefined {
  if (typeof raw !== "object" || raw === null || !("part" in raw)) return undefined;
  switch (raw.part) {
    case "engine":
    case "detector":
    case "directory":
    case "router":
      return raw.part;
    default:
      return undefined;
  }
}

/** Members speak of views of their own cluster only, and name the epoch of the one they have. */
function whyForeign({ part, message, clusterId }: Frame): string | undefined {
  if (part !== "engine") return undefined;
  switch (message.kind) {
    case "commit":
    case "accept":
      return message.view.clusterId === clusterId
        ? undefined
        : "the frame has a view of a cluster its sender is not in";
    case "promise":
      if (message.accepted === undefined || message.accepted.view.clusterId === clusterId) return undefined;
      return "the frame has a view of a cluster its sender is not in";
    default:
      return undefined;
  }
}
