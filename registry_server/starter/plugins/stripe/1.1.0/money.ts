const ZERO_DECIMAL = new Set("bif clp djf gnf jpy kmf krw mga pyg rwf ugx vnd vuv xaf xof xpf".split(" "));
const THREE_DECIMAL = new Set("bhd jod kwd omr tnd".split(" "));

function decimalsOf(currency: string): number {
  const code = currency.toLowerCase();
  if (ZERO_DECIMAL.has(code)) return 0;
  return THREE_DECIMAL.has(code) ? 3 : 2;
}

/**
 * `"12.30"` in EUR is 1230. It takes text, because a number such as 1.005 is already not what was
 * meant, and it refuses what the currency cannot express.
 */
export function toMinorUnits(amount: string, currency: string): number {
  const decimals = decimalsOf(currency);
  const match = /^(\d{1,12})(?:\.(\d+))?$/.exec(amount.trim());
  const fraction = match?.[2] ?? "";
  if (match === null || fraction.length > decimals) {
    throw new RangeError(`${JSON.stringify(amount)} is not an amount in ${currency.toUpperCase()}.`);
  }
  return Number((match[1] ?? "") + fraction.padEnd(decimals, "0"));
}

/** 1230 in EUR is `"12.30"`. */
export function fromMinorUnits(amount: number, currency: string): string {
  const decimals = decimalsOf(currency);
  if (!Number.isSafeInteger(amount)) throw new RangeError(`${amount} is not a whole number.`);
  const digits = String(Math.abs(amount)).padStart(decimals + 1, "0");
  const sign = amount < 0 ? "-" : "";
  if (decimals === 0) return sign + digits;
  return `${sign}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

/** 1230 in EUR is `€12.30` in English. */
export function formatAmount(amount: number, currency: string, locale = "en"): string {
  const value = Number(fromMinorUnits(amount, currency));
  return new Intl.NumberFormat(locale, { style: "currency", currency }).format(value);
}
