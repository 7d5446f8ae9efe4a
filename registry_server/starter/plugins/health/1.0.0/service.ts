export interface Check {
  name: string;
  /** Resolves when all is well; throws, with a sentence, when not. */
  run(signal: AbortSignal): Promise<void>;
  /** Whether the server can do nothing useful without it; yes unless told. */
  critical?: boolean;
  /** 2 seconds unless told. */
  timeoutMs?: number;
}

export interface CheckResult {
  ok: boolean;
  critical: boolean;
  durationMs: number;
  problem?: string;
}

export interface Readiness {
  /** `degraded`: something is wrong that the server can do without. */
  status: "ready" | "degraded" | "unavailable";
  checks: Record<string, CheckResult>;
}

export interface HealthService {
  /** The same name again replaces a check. */
  register(check: Check): void;
  /** Runs all checks at the same time. Calls within a second get the same answer. */
  readiness(): Promise<Readiness>;
  /** 200 or 503 with the result, for load balancers and monitoring. */
  respond(): Promise<Response>;
  /** From now on the server is unavailable: call it when shutdown begins. */
  drain(): void;
}

const TIMEOUT_MS = 2_000;
const REUSE_MS = 1_000;

export function createHealthService(clock: () => number = () => performance.now()): HealthService {
  const checks = new Map<string, Check>();
  let latest: { at: number; result: Promise<Readiness> } | undefined;
  let draining = false;

  async function runAll(): Promise<Readiness> {
    const entries = await Promise.all(
      [...checks.values()].map(async (check) => [check.name, await runCheck(check, clock)] as const),
    );
    return { status: statusOf(entries.map(([, result]) => result)), checks: Object.fromEntries(entries) };
  }

  async function readiness(): Promise<Readiness> {
    if (draining) return { status: "unavailable", checks: {} };
    const now = clock();
    // Many monitors at once must not become many queries at once.
    if (latest === undefined || now - latest.at >= REUSE_MS) latest = { at: now, result: runAll() };
    return latest.result;
  }

  return {
    register(check) {
      checks.set(check.name, check);
      latest = undefined;
    },

    readiness,

    async respond() {
      const result = await readiness();
      return Response.json(result, {
        status: result.status === "unavailable" ? 503 : 200,
        headers: { "cache-control": "no-store" },
      });
    },

    drain() {
      draining = true;
    },
  };
}

export async function runCheck(check: Check, clock: () => number): Promise<CheckResult> {
  const { critical = true, timeoutMs = TIMEOUT_MS } = check;
  const startedAt = clock();
  const abort = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = new Error(`No answer within ${timeoutMs} ms.`);
      abort.abort(error);
      reject(error);
    }, timeoutMs);
  });
  try {
    await Promise.race([check.run(abort.signal), tooLate]);
    return { ok: true, critical, durationMs: Math.round(clock() - startedAt) };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return { ok: false, critical, durationMs: Math.round(clock() - startedAt), problem };
  } finally {
    clearTimeout(timer);
  }
}

function statusOf(results: CheckResult[]): Readiness["status"] {
  const failed = results.filter(({ ok }) => !ok);
  if (failed.some(({ critical }) => critical)) return "unavailable";
  return failed.length > 0 ? "degraded" : "ready";
}
