const FIRST_MS = 30_000;
const LONGEST_MS = 6 * 3_600_000;

/**
 * How long to wait after the given number of failed attempts: 30 seconds, doubling up to six hours.
 * `jitter` (0 to 1) shortens it by up to a quarter, so that receivers are not hit all at once.
 */
export function delayAfter(attempts: number, jitter = Math.random()): number {
  const delay = Math.min(FIRST_MS * 2 ** (attempts - 1), LONGEST_MS);
  return Math.round(delay * (1 - jitter / 4));
}
