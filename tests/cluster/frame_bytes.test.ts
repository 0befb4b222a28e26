/**
 * Frames as bytes: what goes in comes out, the layouts stay as they are, and no bytes do worse than being refused.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Frame } from "../../cluster/cluster_core.ts";
import { frameDecoder, isFrameProblem } from "../../cluster/decode_frame.ts";
import { decodeFrameBytes, encodeFrame } from "../../cluster/frame_bytes.ts";
import type { UserFrame } from "../../cluster/router_protocol.ts";
import { encodeToBytes } from "../../core/codec.ts";
import { ActorError } from "../../core/failure.ts";
import { epoch } from "../../core/ids.ts";
import { SAMPLE_FRAMES, SAMPLE_LIMITS, SAMPLES } from "./frame_samples.ts";

const decode = frameDecoder(SAMPLE_LIMITS);
const [sampleUser, sampleTell] = SAMPLES.router.user;
assert.ok(sampleUser !== undefined && sampleTell !== undefined);

/** A message as workers send it: its payload is bytes. */
const ASK: Frame = userFrame({ ...sampleUser, bytes: 3, payload: Uint8Array.of(1, 2, 255) });
const TELL: Frame = userFrame({ ...sampleTell, bytes: 0, payload: new Uint8Array(0) });
const REPLY: Frame = {
  clusterId: "c-1",
  epoch: epoch(2),
  part: "router",
  message: { kind: "reply", askId: 7, outcome: { kind: "ok", value: Uint8Array.of(0xc0) } },
};
const CONTROL: Frame = {
  clusterId: "c-1",
  epoch: epoch(2),
  part: "detector",
  message: { kind: "ping", seq: 5, accused: false },
};
const FRAMES: readonly Frame[] = [...SAMPLE_FRAMES, ASK, TELL, REPLY];

describe("frames as bytes", () => {
  for (const frame of FRAMES) {
    it(`${frame.part}/${frame.message.kind} comes out as it went in`, () => {
      assert.deepStrictEqual(decodeFrameBytes(encodeFrame(frame), decode), frame);
    });
  }

  it("messages with bytes and answers with bytes are laid out by hand, everything else is one value", () => {
    assert.equal(encodeFrame(ASK)[0], 1);
    assert.equal(encodeFrame(REPLY)[0], 2);
    for (const frame of SAMPLE_FRAMES) assert.equal(encodeFrame(frame)[0], 0, frame.message.kind);
  });

  it("a message's bytes are copied: neither end sees what the other does with them later", () => {
    const payload = Uint8Array.of(1, 2, 3);
    const bytes = encodeFrame(userFrame({ ...sampleUser, bytes: 3, payload }));
    payload.fill(9);
    const frame = decodeFrameBytes(bytes, decode);
    bytes.fill(9);
    assert.deepEqual(payloadOf(frame), Uint8Array.of(1, 2, 3));
  });

  it("a frame that cannot be encoded throws, and the next one is as if it had not been", () => {
    const unknown = userFrame({ ...sampleUser, payload: () => {} });
    assert.throws(
      () => encodeFrame(unknown),
      (thrown) => thrown instanceof ActorError && thrown.code === "value-cannot-travel",
    );
    assert.deepStrictEqual(decodeFrameBytes(encodeFrame(ASK), decode), ASK);
  });

  it("a message that claims another size than its payload has is counted by its payload", () => {
    const frame = decodeFrameBytes(
      encodeFrame(userFrame({ ...sampleUser, bytes: 0, payload: new Uint8Array(5) })),
      decode,
    );
    assert.ok(!isFrameProblem(frame) && frame.part === "router" && frame.message.kind === "user");
    assert.equal(frame.message.bytes, 5);
  });

  describe("lie on the wire as they always did:", () => {
    const golden: readonly (readonly [what: string, frame: Frame, hex: string])[] = [
      [
        "a message",
        ASK,
        "0103000000632d3100000000000000400d0000006163636f756e743a616c69636500000000000010400000000000002240070000006163636f756e7401060000006c6564676572000000000000104000000000000022400000000000001c4000000000006489400000000000000000030000000102ff",
      ],
      [
        "a message nobody sent or waits for",
        TELL,
        "0103000000632d3100000000000000400d0000006163636f756e743a616c69636500000000000010400000000000002240070000006163636f756e7400000000000000f87f000000000000f87f000000000000000000000000",
      ],
      ["an answer", REPLY, "0203000000632d3100000000000000400000000000001c4001000000c0"],
      [
        "a word of the detector",
        CONTROL,
        "0084a9636c75737465724964a3632d31a565706f636802a470617274a86465746563746f72a76d65737361676583a46b696e64a470696e67a373657105a761636375736564c2",
      ],
    ];
    for (const [what, frame, hex] of golden) {
      it(what, () => {
        assert.equal(Buffer.from(encodeFrame(frame)).toString("hex"), hex);
        assert.deepStrictEqual(decodeFrameBytes(Buffer.from(hex, "hex"), decode), frame);
      });
    }
  });

  describe("refuse, and say why,", () => {
    const refusals: readonly (readonly [why: string, bytes: Uint8Array, reason: RegExp])[] = [
      ["nothing", new Uint8Array(0), /bytes are due/],
      ["a layout nobody knows", Uint8Array.of(3, ...encodeFrame(REPLY).subarray(1)), /no layout 3 of a frame/],
      ["a system's word", Uint8Array.of(0x20, ...encodeFrame(REPLY).subarray(1)), /no layout 32 of a frame/],
      ["a value that is no frame", Uint8Array.of(0, ...encodeToBytes({ part: "x" })), /for no part of a node/],
      ["a byte behind a payload", Uint8Array.of(...encodeFrame(ASK), 0), /nothing stands behind a payload/],
      ["a byte behind an answer", Uint8Array.of(...encodeFrame(REPLY), 0), /nothing stands behind a payload/],
      ["a byte behind a value", Uint8Array.of(...encodeFrame(CONTROL), 0), /Cannot decode/],
      ["a message for no actor", encodeFrame(userFrame({ ...ASK_MESSAGE, target: "no key!" })), /target is no key/],
      [
        "an epoch that is none",
        encodeFrame({ ...ASK, epoch: epoch(-1) }),
        /frame\.epoch is no whole number/,
      ],
      [
        "a sender's token that is none",
        encodeFrame(userFrame({ ...ASK_MESSAGE, sender: { key: "a", token: { cfg: epoch(0), seq: 1 } } })),
        /sender\.token\.cfg is no whole number/,
      ],
      [
        "a wait without end",
        encodeFrame(userFrame({ ...ASK_MESSAGE, remainingMs: Infinity })),
        /remainingMs is no number/,
      ],
      ["an ask of no number", encodeFrame(replyTo(NaN)), /askId is no whole number/],
    ];
    for (const [why, bytes, reason] of refusals) {
      it(why, () => {
        const decoded = decodeFrameBytes(bytes, decode);
        assert.ok(isFrameProblem(decoded), "it is no frame");
        assert.match(decoded.problem, reason);
      });
    }

    it("every frame that is cut short, wherever", () => {
      for (const frame of FRAMES) {
        const bytes = encodeFrame(frame);
        for (let length = 0; length < bytes.length; length++) {
          const decoded = decodeFrameBytes(bytes.subarray(0, length), decode);
          assert.ok(isFrameProblem(decoded), `${frame.message.kind} of ${length} of ${bytes.length} bytes`);
        }
      }
    });
  });

  it("property: whatever a user says arrives as it was said", () => {
    fc.assert(fc.property(userMessage(), (message) => {
      const frame = userFrame(message);
      assert.deepStrictEqual(decodeFrameBytes(encodeFrame(frame), decode), frame);
    }));
  });

  it("property: flipped bits and random bytes are refused, or are a frame that the decoder gives too", () => {
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(...FRAMES.map(encodeFrame)));
    const layout = fc.option(fc.constantFrom(0, 1, 2), { nil: undefined });
    const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 7 })), { maxLength: 4 });
    fc.assert(
      fc.property(bytes, layout, flips, (original, first, changes) => {
        const changed = original.slice();
        if (first !== undefined && changed.length > 0) changed[0] = first;
        for (const [at, bit] of changes) {
          const index = at % Math.max(1, changed.length);
          if (index < changed.length) changed[index] = (changed[index] ?? 0) ^ (1 << bit);
        }
        const decoded = decodeFrameBytes(changed, decode);
        if (isFrameProblem(decoded)) return;
        assert.deepStrictEqual(decode(decoded), decoded);
      }),
      { numRuns: 3_000 },
    );
  });
});

const ASK_MESSAGE: UserFrame = { ...sampleUser, bytes: 3, payload: Uint8Array.of(1, 2, 255) };

function userFrame(message: UserFrame): Frame {
  return { clusterId: "c-1", epoch: epoch(2), part: "router", message };
}

function replyTo(askId: number): Frame {
  return {
    ...REPLY,
    part: "router",
    message: { kind: "reply", askId, outcome: { kind: "ok", value: Uint8Array.of(1) } },
  };
}

function payloadOf(frame: ReturnType<typeof decodeFrameBytes>): unknown {
  assert.ok(!isFrameProblem(frame) && frame.part === "router" && frame.message.kind === "user");
  return frame.message.payload;
}

function userMessage(): fc.Arbitrary<UserFrame> {
  const key = fc.constantFrom("a", "account:alice", "parent/child", "account:alice/inner/deep", "x".repeat(255));
  const token = recordOf({ cfg: fc.integer({ min: 1, max: 2 ** 31 }).map(epoch), seq: fc.nat() });
  const ask = fc.option(recordOf({ id: fc.nat(), ms: fc.double({ min: 0, max: 2 ** 45, noNaN: true }) }));
  return recordOf({
    target: key,
    token,
    actorKind: fc.string({ maxLength: 255 }).map((text) => text.toWellFormed()),
    sender: fc.option(recordOf({ key, token }), { nil: undefined }),
    ask,
    waitedMs: fc.double({ min: 0, max: 2 ** 45, noNaN: true }),
    payload: fc.uint8Array({ maxLength: 300 }),
  }).map(({ ask, payload, ...rest }) => ({
    kind: "user",
    ...rest,
    // A decoder takes a zero as a zero, whatever its sign.
    waitedMs: rest.waitedMs + 0,
    askId: ask?.id,
    remainingMs: ask === null ? undefined : ask.ms + 0,
    bytes: payload.length,
    payload,
  }));
}

/** Without fast-check's records of no prototype, which no decoder gives. */
function recordOf<T>(model: { readonly [Name in keyof T]: fc.Arbitrary<T[Name]> }): fc.Arbitrary<T> {
  return fc.record<T>(model, { noNullPrototype: true });
}
