import { expect, test } from "bun:test";
import { sign, verifySignature } from "../signature";

const key = crypto.randomUUID();
const now = new Date("2030-01-01T00:00:00Z");
const minutes = (count: number) => new Date(now.getTime() + count * 60_000);

test("a signature fits the body, the secret and the time", () => {
  const header = sign("body", key, now);
  expect(header).toStartWith("t=1893456000,v1=");
  expect(verifySignature("body", header, key, minutes(4))).toBe(true);
  expect(verifySignature("other", header, key, now)).toBe(false);
  expect(verifySignature("body", header, crypto.randomUUID(), now)).toBe(false);
});

test("an old delivery cannot be sent again, nor with a newer time", () => {
  const header = sign("body", key, now);
  expect(verifySignature("body", header, key, minutes(6))).toBe(false);
  expect(verifySignature("body", header, key, minutes(-6))).toBe(false);
  const renewed = header.replace("t=1893456000", "t=1893456600");
  expect(verifySignature("body", renewed, key, minutes(10))).toBe(false);
});

test.each(["", "t=1", "v1=00", "t=1893456000,v1=abc", "t=x,v1=" + "0".repeat(64)])(
  "a header like %p is refused without an exception",
  (header) => {
    expect(verifySignature("body", header, key, now)).toBe(false);
  },
);
