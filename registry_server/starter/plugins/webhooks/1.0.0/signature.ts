import { createHmac, timingSafeEqual } from "node:crypto";

export const SIGNATURE_HEADER = "webhook-signature";
const TOLERANCE_SECONDS = 300;

/** `t=1893456000,v1=<hex>`: the time is part of what is signed, so a delivery cannot be replayed later. */
export function sign(body: string, secret: string, now = new Date()): string {
  const time = Math.floor(now.getTime() / 1000);
  return `t=${time},v1=${digest(body, secret, time).toString("hex")}`;
}

/** For receivers: whether a body came from the sender that knows the secret, and just now. */
export function verifySignature(body: string, header: string, secret: string, now = new Date()): boolean {
  const match = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/.exec(header);
  if (match === null) return false;
  const time = Number(match[1]);
  if (Math.abs(now.getTime() / 1000 - time) > TOLERANCE_SECONDS) return false;
  return timingSafeEqual(Buffer.from(match[2] ?? "", "hex"), digest(body, secret, time));
}

function digest(body: string, secret: string, time: number): Buffer {
  return createHmac("sha256", secret).update(`${time}.${body}`).digest();
}
