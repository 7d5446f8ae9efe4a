export interface Decision {
  allowed: boolean;
  remaining: number;
  retryAfterMs: number;
}

export interface Limiter {
  /** Counts one call of a client. */
  take(key: string, now?: number): Decision;
}

/** So many calls in each window of time, counted for each key. */
export function createLimiter(limit: number, windowMs: number): Limiter {
  let windowStart = 0;
  let counts = new Map<string, number>();

  return {
    take(key, now = Date.now()) {
      const start = now - (now % windowMs);
      if (start !== windowStart) {
        windowStart = start;
        counts = new Map();
      }
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      return {
        allowed: count <= limit,
        remaining: Math.max(limit - count, 0),
        retryAfterMs: count <= limit ? 0 : start + windowMs - now,
      };
    },
  };
}
