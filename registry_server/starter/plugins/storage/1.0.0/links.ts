import { createHmac, timingSafeEqual } from "node:crypto";

/** `avatars/42.png?expires=1893456000&signature=...`, to be put behind the address of your route. */
export function signKey(key: string, expiresAt: Date, secret: string): string {
  const expires = Math.ceil(expiresAt.getTime() / 1000);
  const signature = digest(key, expires, secret).toString("base64url");
  return `${key}?expires=${expires}&signature=${signature}`;
}

/** Whether the link to a key was made here and has not expired. */
export function verifyKey(key: string, query: URLSearchParams, secret: string, now = new Date()): boolean {
  const expires = Number(query.get("expires"));
  const given = Buffer.from(query.get("signature") ?? "", "base64url");
  const expected = digest(key, expires, secret);
  return (
    given.length === expected.length && timingSafeEqual(given, expected) && now.getTime() < expires * 1000
  );
}

function digest(key: string, expires: number, secret: string): Buffer {
  return createHmac("sha256", secret).update(`${expires}\n${key}`).digest();
}
