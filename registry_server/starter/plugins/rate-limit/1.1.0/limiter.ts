export interface Decision {
  allowed: boolean;
  /** Calls that would be allowed right now. */
  remaining: number;
  /** How long to wait until a call is allowed; 0 when it was. */
  retryAfterMs: number;
}

export interface Limiter {
  /** Takes `cost` calls of a client, all or none. */
  take(key: string, cost?: number, now?: number): Decision;
  /** Forgets a client: after a right password, for example. */
  reset(key: string): void;
  /** How many clients are remembered. */
  readonly size: number;
}

export interface LimiterOptions {
  /** Calls that are allowed at once. */
  limit: number;
  /** Time in which that many calls come back, evenly. */
  windowMs: number;
  /** How many clients are remembered; those that have not called for longest are forgotten first. */
  maxKeys?: number;
}

/**
 * The generic cell rate algorithm: for each key one moment, up to which its calls are used up. It
 * equals a bucket of `limit` calls that fills evenly, and needs no timer and no list of calls.
 */
export function createLimiter({ limit, windowMs, maxKeys = 100_000 }: LimiterOptions): Limiter {
  if (!(limit >= 1 && windowMs > 0 && maxKeys >= 1)) {
    throw new RangeError("rate-limit needs a limit from 1, and a windowMs and maxKeys above 0.");
  }
  const interval = windowMs / limit;
  const usedUpTo = new Map<string, number>();

  return {
    take(key, cost = 1, now = Date.now()) {
      const from = Math.max(usedUpTo.get(key) ?? now, now);
      const to = from + cost * interval;
      const wait = to - windowMs - now;
      const allowed = wait <= 0;
      // Setting it anew makes it the youngest of the map.
      usedUpTo.delete(key);
      usedUpTo.set(key, allowed ? to : from);
      if (usedUpTo.size > maxKeys) usedUpTo.delete(usedUpTo.keys().next().value ?? key);
      const left = windowMs - ((allowed ? to : from) - now);
      return {
        allowed,
        remaining: Math.floor(left / interval + 1e-9),
        retryAfterMs: allowed ? 0 : Math.ceil(wait),
      };
    },

    reset: (key) => void usedUpTo.delete(key),

    get size() {
      return usedUpTo.size;
    },
  };
}
