/** Stands in for what bun declares. */
declare module "bun:test" {
  export function test(name: string, run: () => void | Promise<void>): void;
  export function expect(value: unknown): { toBe(expected: unknown): void };
}

declare const crypto: { randomUUID(): string };
