import { beforeEach, describe, expect, test } from "bun:test";
import { createHealthService, runCheck, type HealthService } from "../service";

const works = async () => {};
const fails = async () => {
  throw new Error("connection refused");
};

let now: number;
let health: HealthService;

beforeEach(() => {
  now = 0;
  health = createHealthService(() => now);
});

describe("readiness", () => {
  test("without checks, and with checks that are fine, is ready", async () => {
    expect(await health.readiness()).toEqual({ status: "ready", checks: {} });
    health.register({ name: "database", run: works });
    expect(await health.readiness()).toEqual({
      status: "ready",
      checks: { database: { ok: true, critical: true, durationMs: 0 } },
    });
  });

  test("says what is wrong", async () => {
    health.register({ name: "database", run: fails });
    expect(await health.readiness()).toMatchObject({
      status: "unavailable",
      checks: { database: { ok: false, problem: "connection refused" } },
    });
  });

  test("is degraded when only something is missing that is not needed", async () => {
    health.register({ name: "database", run: works });
    health.register({ name: "mail", run: fails, critical: false });
    expect((await health.readiness()).status).toBe("degraded");
  });

  test("runs the checks at most once a second, however many ask", async () => {
    let runs = 0;
    health.register({ name: "database", run: async () => void runs++ });
    await Promise.all([health.readiness(), health.readiness()]);
    now = 999;
    await health.readiness();
    expect(runs).toBe(1);
    now = 1_000;
    await health.readiness();
    expect(runs).toBe(2);
  });

  test("uses the latest check of a name", async () => {
    health.register({ name: "database", run: fails });
    health.register({ name: "database", run: works });
    expect((await health.readiness()).status).toBe("ready");
  });
});

describe("the answer", () => {
  test("is 200 when the server can work and 503 when not", async () => {
    expect((await health.respond()).status).toBe(200);
    health.register({ name: "database", run: fails });
    const response = await health.respond();
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ status: "unavailable" });
  });

  test("is 503 as soon as shutdown begins", async () => {
    health.drain();
    expect((await health.respond()).status).toBe(503);
  });
});

test("a check that hangs is given up, and told so", async () => {
  let told: AbortSignal | undefined;
  const run = (signal: AbortSignal) => {
    told = signal;
    return new Promise<void>(() => {});
  };
  const result = await runCheck({ name: "slow", run, timeoutMs: 5 }, () => now);
  expect(result).toMatchObject({ ok: false, problem: "No answer within 5 ms." });
  expect(told?.aborted).toBe(true);
});
