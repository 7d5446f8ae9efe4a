import { expect, test } from "bun:test";
import { delayAfter } from "../backoff";
import { targetProblem } from "../target";

test.each(["https://example.org/hook", "https://hooks.example.org:8443/a?b=c", "https://93.184.215.14/"])(
  "%p may receive webhooks",
  (url) => {
    expect(targetProblem(url)).toBeNull();
  },
);

test.each([
  "example.org",
  "http://example.org/hook",
  "ftp://example.org/",
  "https://someone@example.org/",
  "https://localhost/",
  "https://db.internal/",
  "https://127.0.0.1/",
  "https://2130706433/",
  "https://0x7f.1/",
  "https://10.1.2.3/",
  "https://172.20.0.1/",
  "https://192.168.1.1/",
  "https://169.254.169.254/latest/meta-data",
  "https://[::1]/",
  "https://[::ffff:127.0.0.1]/",
])("%p may not", (url) => {
  expect(targetProblem(url)).toBeString();
});

test("for development the own machine is allowed, but nothing that is not HTTP", () => {
  expect(targetProblem("http://localhost:3000/hook", true)).toBeNull();
  expect(targetProblem("file:///etc/passwd", true)).toBeString();
});

test("waiting times double, up to six hours", () => {
  expect([1, 2, 3, 20].map((attempts) => delayAfter(attempts, 0))).toEqual([
    30_000, 60_000, 120_000, 21_600_000,
  ]);
  expect(delayAfter(1, 1)).toBe(22_500);
});
