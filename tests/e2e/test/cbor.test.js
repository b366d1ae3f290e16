import assert from "node:assert/strict";
import { test } from "node:test";
import { decode } from "../src/cbor.js";

const hex = (text) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));

test("reads the examples of RFC 8949, appendix A", () => {
  assert.equal(decode(hex("00")), 0);
  assert.equal(decode(hex("1818")), 24);
  assert.equal(decode(hex("1903e8")), 1000);
  assert.equal(decode(hex("1a000f4240")), 1_000_000);
  assert.equal(decode(hex("1b000000e8d4a51000")), 1_000_000_000_000);
  assert.equal(decode(hex("3863")), -100);
  assert.equal(decode(hex("6449455446")), "IETF");
  assert.deepEqual(decode(hex("4401020304")), hex("01020304"));
  assert.deepEqual(decode(hex("83 01 82 02 03 82 04 05")), [1, [2, 3], [4, 5]]);
  assert.deepEqual(decode(hex("a2 01 02 03 04")), new Map([[1, 2], [3, 4]]));
  assert.equal(decode(hex("fa47c35000")), 100_000);
  assert.equal(decode(hex("f6")), null);
});

test("refuses what no message has", () => {
  for (const [bytes, why] of [
    ["", /too early/],
    ["0000", /after the CBOR value/],
    ["4401", /too early/],
    ["9b000000ffffffffff", /more elements/],
    ["9f01ff", /indefinite/],
    ["c074323031332d30332d32315432303a30343a30305a", /tag/],
    ["1bffffffffffffffff", /2\^53/],
    ["81".repeat(20) + "00", /too deeply/],
  ]) {
    assert.throws(() => decode(hex(bytes)), why, bytes);
  }
});
