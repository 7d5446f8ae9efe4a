import { describe, expect, test } from "bun:test";
import { createLimiter } from "../limiter";

const SECOND = 1_000;

describe("a client", () => {
  test("may call as often as the limit says at once", () => {
    const limiter = createLimiter({ limit: 2, windowMs: SECOND });
    expect(limiter.take("a", 1, 0)).toEqual({ allowed: true, remaining: 1, retryAfterMs: 0 });
    expect(limiter.take("a", 1, 0)).toEqual({ allowed: true, remaining: 0, retryAfterMs: 0 });
    expect(limiter.take("a", 1, 0)).toEqual({ allowed: false, remaining: 0, retryAfterMs: 500 });
  });

  test("gets its calls back evenly", () => {
    const limiter = createLimiter({ limit: 2, windowMs: SECOND });
    for (const now of [0, 0]) limiter.take("a", 1, now);
    expect(limiter.take("a", 1, 499).allowed).toBe(false);
    expect(limiter.take("a", 1, 500).allowed).toBe(true);
    expect(limiter.take("a", 1, 501).allowed).toBe(false);
  });

  test("gets through at the limit in the long run, with no burst at the edge of a window", () => {
    const limiter = createLimiter({ limit: 10, windowMs: SECOND });
    const allowed: number[] = [];
    for (let now = 0; now < 10 * SECOND; now += 7) if (limiter.take("a", 1, now).allowed) allowed.push(now);
    expect(allowed.length).toBeLessThanOrEqual(10 + 10 * 10);
    for (const start of allowed.filter((now) => now >= SECOND)) {
      expect(allowed.filter((now) => now >= start && now < start + SECOND).length).toBeLessThanOrEqual(11);
    }
  });

  test("is not punished for calls that were refused", () => {
    const limiter = createLimiter({ limit: 1, windowMs: SECOND });
    limiter.take("a", 1, 0);
    for (let now = 1; now < SECOND; now += 100) limiter.take("a", 1, now);
    expect(limiter.take("a", 1, SECOND).allowed).toBe(true);
  });

  test("does not take calls from another", () => {
    const limiter = createLimiter({ limit: 1, windowMs: SECOND });
    limiter.take("a", 1, 0);
    expect(limiter.take("b", 1, 0).allowed).toBe(true);
  });

  test("can be forgotten", () => {
    const limiter = createLimiter({ limit: 1, windowMs: SECOND });
    limiter.take("a", 1, 0);
    limiter.reset("a");
    expect(limiter.take("a", 1, 0).allowed).toBe(true);
  });
});

test("an expensive call counts for several, all or none", () => {
  const limiter = createLimiter({ limit: 10, windowMs: SECOND });
  expect(limiter.take("a", 8, 0)).toMatchObject({ allowed: true, remaining: 2 });
  expect(limiter.take("a", 3, 0)).toMatchObject({ allowed: false, remaining: 2, retryAfterMs: 100 });
  expect(limiter.take("a", 2, 0)).toMatchObject({ allowed: true, remaining: 0 });
});

test("no more clients are remembered than told, the idlest are forgotten", () => {
  const limiter = createLimiter({ limit: 1, windowMs: SECOND, maxKeys: 2 });
  for (const key of ["a", "b", "a", "c"]) limiter.take(key, 1, 0);
  expect(limiter.size).toBe(2);
  expect(limiter.take("a", 1, 0).allowed).toBe(false);
  expect(limiter.take("b", 1, 0).allowed).toBe(true);
});

test.each([
  { limit: 0, windowMs: SECOND },
  { limit: 1, windowMs: 0 },
  { limit: Number.NaN, windowMs: SECOND },
  { limit: 1, windowMs: SECOND, maxKeys: 0 },
])("a limit that makes no sense is refused at the start (%#)", (options) => {
  expect(() => createLimiter(options)).toThrow(RangeError);
});
