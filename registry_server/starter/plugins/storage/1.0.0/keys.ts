const SEGMENT = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/;
const WINDOWS_DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;
const MAX_LENGTH = 512;

/**
 * Why a key is not acceptable, as a sentence; `null` when it is. A key is a path below the root:
 * `avatars/42.png`. What is let through means the same file on every system and stays in the root.
 */
export function keyProblem(key: string): string | null {
  if (key === "" || key.length > MAX_LENGTH) return `A key has 1 to ${MAX_LENGTH} characters.`;
  for (const segment of key.split("/")) {
    if (!SEGMENT.test(segment) || segment.endsWith(".")) {
      return "A key is made of letters, digits, `-`, `_` and `.`, in parts separated by `/`.";
    }
    if (WINDOWS_DEVICE.test(segment)) return `${JSON.stringify(segment)} is a reserved name.`;
  }
  return null;
}
