import { expect, test } from "bun:test";
import { normalizeEmail } from "../email";

test("an address is stored trimmed and in lower case", () => {
  expect(normalizeEmail("  Ada@Example.ORG ")).toBe("ada@example.org");
});

test.each(["", "ada", "ada@", "@example.org", "ada@example", "a b@example.org", "ada@example..org"])(
  "%p is not an address",
  (text) => {
    expect(normalizeEmail(text)).toBeNull();
  },
);

test("an address longer than mail servers accept is refused", () => {
  expect(normalizeEmail(`${"a".repeat(250)}@example.org`)).toBeNull();
});
