const MAX_LENGTH = 254;
const SHAPE = /^[^\s@,;:<>()[\]\\"]+@[^\s@.]+(?:\.[^\s@.]+)+$/;

/**
 * The one spelling under which an address is stored and looked up, or `null` when the text is no
 * address. Only a delivered message proves that an address exists, so the check stays small.
 */
export function normalizeEmail(text: string): string | null {
  const email = text.trim().normalize("NFKC").toLowerCase();
  return email.length <= MAX_LENGTH && SHAPE.test(email) ? email : null;
}
