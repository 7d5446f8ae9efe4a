import { expect, test } from "bun:test";
import { createLimiter } from "../limiter";

test("so many calls are allowed in a window", () => {
  const limiter = createLimiter(2, 1_000);
  expect(limiter.take("a", 0)).toEqual({ allowed: true, remaining: 1, retryAfterMs: 0 });
  expect(limiter.take("a", 100)).toEqual({ allowed: true, remaining: 0, retryAfterMs: 0 });
  expect(limiter.take("a", 200)).toEqual({ allowed: false, remaining: 0, retryAfterMs: 800 });
});

test("the next window begins anew", () => {
  const limiter = createLimiter(1, 1_000);
  limiter.take("a", 0);
  expect(limiter.take("a", 1_000).allowed).toBe(true);
});

test("clients do not take calls from one another", () => {
  const limiter = createLimiter(1, 1_000);
  limiter.take("a", 0);
  expect(limiter.take("b", 0).allowed).toBe(true);
});
