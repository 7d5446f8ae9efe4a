import { createHash, randomBytes } from "node:crypto";

export function newToken(): string {
  return randomBytes(32).toString("base64url");
}

/** The tokens are random and long, so a plain hash is enough to make a stolen table useless. */
export function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

/**
 * The link for a message. The token stands behind `#`: browsers do not send that part to the server,
 * so it does not get into access logs, and programs that open links to look at them do not use it up.
 */
export function linkFor(page: string, token: string): string {
  const url = new URL(page);
  url.hash = `token=${token}`;
  return url.href;
}

export function messageFor(productName: string, link: string, minutes: number) {
  return {
    subject: `Your link to ${productName}`,
    text: [
      `Open this link to enter ${productName}:`,
      "",
      link,
      "",
      `It works once, within the next ${minutes} minutes.`,
      "If you did not ask for it, you can ignore this message.",
    ].join("\n"),
  };
}
