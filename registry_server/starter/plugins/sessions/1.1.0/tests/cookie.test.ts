import { expect, test } from "bun:test";
import { readCookie, writeCookie } from "../cookie";

test("the cookie is out of reach of scripts, other sites and plain HTTP", () => {
  const header = writeCookie("abc", new Date("2030-01-01T00:00:00Z"));
  expect(header).toBe(
    "__Host-session=abc; Path=/; Expires=Tue, 01 Jan 2030 00:00:00 GMT; HttpOnly; Secure; SameSite=Lax",
  );
});

test("signing out makes the cookie expire", () => {
  expect(writeCookie(null, new Date("2030-01-01T00:00:00Z"))).toContain("Expires=Thu, 01 Jan 1970");
});

test.each([
  ["__Host-session=abc", "abc"],
  ["theme=dark; __Host-session=abc; lang=en", "abc"],
  ["session=abc", ""],
  ["__Host-session", ""],
  ["", ""],
  [null, ""],
])("the header %p carries the token %p", (header, token) => {
  expect(readCookie(header)).toBe(token);
});
