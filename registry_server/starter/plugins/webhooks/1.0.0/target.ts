import { isIP } from "node:net";

/** Why a webhook may not be sent to an address, as a sentence; `null` when it may. */
export function targetProblem(text: string, allowPrivate = false): string | null {
  if (!URL.canParse(text)) return "This is not a URL.";
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") return "A webhook URL carries no user name or password.";
  if (allowPrivate) return /^https?:$/.test(url.protocol) ? null : "A webhook URL begins with https.";
  if (url.protocol !== "https:") return "A webhook URL begins with https.";
  return isPrivateHost(url.hostname) ? "A webhook cannot be sent into this network." : null;
}

function isPrivateHost(hostname: string): boolean {
  const host = hostname
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "")
    .toLowerCase();
  if (isIP(host) === 4) return isPrivateV4(host);
  // Public services have names; no IPv6 address needs to be allowed for them.
  if (isIP(host) === 6) return true;
  return !host.includes(".") || /\.(localhost|local|internal|lan|home\.arpa)$/.test(host);
}

function isPrivateV4(address: string): boolean {
  const [a = 0, b = 0] = address.split(".").map(Number);
  return (
    a === 0 ||
    a === 10 ||
    a === 127 ||
    a >= 224 ||
    (a === 100 && b >= 64 && b <= 127) ||
    (a === 169 && b === 254) ||
    (a === 172 && b >= 16 && b <= 31) ||
    (a === 192 && (b === 168 || b === 0)) ||
    (a === 198 && (b === 18 || b === 19))
  );
}
