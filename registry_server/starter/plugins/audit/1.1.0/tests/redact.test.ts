import { expect, test } from "bun:test";
import { redact } from "../redact";

test.each(["password", "newPassword", "apiKey", "api_key", "refreshToken", "Authorization", "client_secret"])(
  "what stands under %p is not written down",
  (key) => {
    expect(redact({ [key]: "sensitive", name: "Ada" })).toEqual({ [key]: "[redacted]", name: "Ada" });
  },
);

test("it looks into objects and lists", () => {
  expect(redact({ users: [{ name: "Ada", password: { old: 1 } }] })).toEqual({
    users: [{ name: "Ada", password: "[redacted]" }],
  });
});

test("what JSON cannot hold becomes text", () => {
  const at = new Date("2030-01-01T00:00:00Z");
  expect(redact({ at, size: 10n, ratio: Number.NaN, gone: undefined })).toEqual({
    at: "2030-01-01T00:00:00.000Z",
    size: "10",
    ratio: "NaN",
    gone: null,
  });
});

test("an object that contains itself does not go on for ever", () => {
  const loop: Record<string, unknown> = {};
  loop["self"] = loop;
  expect(JSON.stringify(redact(loop))).toContain("[too deep]");
});

test("the original stays as it is", () => {
  const details = { password: "sensitive" };
  redact(details);
  expect(details.password).toBe("sensitive");
});
