import { expect, test } from "bun:test";
import { formatAmount, fromMinorUnits, toMinorUnits } from "../money";

test.each([
  ["12.30", "eur", 1230],
  ["12.3", "EUR", 1230],
  ["12", "usd", 1200],
  ["0.07", "usd", 7],
  ["1.15", "usd", 115],
  ["500", "jpy", 500],
  ["1.234", "kwd", 1234],
])("%p %s is %p", (amount, currency, minor) => {
  expect(toMinorUnits(amount, currency)).toBe(minor);
});

test.each([
  ["12.345", "eur"],
  ["1.5", "jpy"],
  ["1,50", "eur"],
  ["-1", "eur"],
  ["", "eur"],
  ["1e3", "eur"],
])("%p is not an amount in %s", (amount, currency) => {
  expect(() => toMinorUnits(amount, currency)).toThrow(RangeError);
});

test.each([
  [1230, "eur", "12.30"],
  [7, "usd", "0.07"],
  [-1230, "eur", "-12.30"],
  [500, "jpy", "500"],
  [1234, "kwd", "1.234"],
])("%p in %s is %p", (minor, currency, amount) => {
  expect(fromMinorUnits(minor, currency)).toBe(amount);
});

test("an amount is written as people read it", () => {
  expect(formatAmount(1230, "eur")).toBe("€12.30");
  expect(formatAmount(500, "jpy")).toBe("¥500");
});
