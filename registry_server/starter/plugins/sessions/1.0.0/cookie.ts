/** `__Host-` makes browsers insist on `Secure`, on the whole site and on this very host. */
export const COOKIE_NAME = "__Host-session";

/** A `Set-Cookie` header for a session; without a token, one that removes the cookie. */
export function writeCookie(token: string | null, expiresAt: Date = new Date(0)): string {
  const expires = token === null ? new Date(0) : expiresAt;
  return [
    `${COOKIE_NAME}=${token ?? ""}`,
    "Path=/",
    `Expires=${expires.toUTCString()}`,
    "HttpOnly",
    "Secure",
    "SameSite=Lax",
  ].join("; ");
}

/** The token in a `Cookie` header; empty when there is none. */
export function readCookie(header: string | null): string {
  for (const pair of (header ?? "").split(";")) {
    const separator = pair.indexOf("=");
    if (pair.slice(0, separator).trim() === COOKIE_NAME) return pair.slice(separator + 1).trim();
  }
  return "";
}
