import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Doorbell } from "../../workers/doorbell.ts";
import { LaneReader, LaneWriter } from "../../workers/lane.ts";
import { makeDoorbell, makeRing } from "../../workers/ring_layout.ts";

function laneOf(ringBytes: number): { readonly writer: LaneWriter; readonly reader: LaneReader } {
  const memory = makeRing(ringBytes);
  const doorbell = new Doorbell(makeDoorbell(), { spinUs: 0 });
  return { writer: new LaneWriter(memory, doorbell), reader: new LaneReader(memory, 1, doorbell) };
}

function send(writer: LaneWriter, bytes: number): void {
  writer.beginOwed().raw(new Uint8Array(bytes));
  writer.end();
}

describe("LaneWriter.countUnread()", () => {
  it("counts what was sent and not drained, published or not", () => {
    const { writer, reader } = laneOf(4096);
    for (let index = 0; index < 5; index++) send(writer, 8);
    writer.flush();
    reader.drain(2, { record: () => {} });
    send(writer, 8);
    assert.equal(writer.countUnread(), 4);
  });

  it("counts a record in chunks once, and those that wait outside the ring", () => {
    const { writer } = laneOf(1024);
    send(writer, 700);
    for (let index = 0; index < 3; index++) send(writer, 200);
    assert.ok(writer.overflowRecords > 0, "the ring is full");
    assert.equal(writer.countUnread(), 4);
  });

  it("counts nothing on a lane that was drained", () => {
    const { writer, reader } = laneOf(4096);
    send(writer, 8);
    writer.flush();
    reader.drain(8, { record: () => {} });
    assert.equal(writer.countUnread(), 0);
  });
});
