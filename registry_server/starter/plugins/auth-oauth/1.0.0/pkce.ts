import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/** 256 random bits as text that needs no escaping in a URL. */
export function randomText(): string {
  return randomBytes(32).toString("base64url");
}

/** The S256 challenge of RFC 7636. */
export function challengeFor(verifier: string): string {
  return createHash("sha256").update(verifier).digest("base64url");
}

/** Compares two texts in a time that does not depend on where they differ. */
export function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
