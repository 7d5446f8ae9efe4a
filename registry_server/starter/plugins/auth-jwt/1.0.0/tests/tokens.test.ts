import { describe, expect, test } from "bun:test";
import { SignJWT, UnsecuredJWT } from "jose";
import { bearerToken, createTokens } from "../tokens";

const config = { secret: crypto.randomUUID() + crypto.randomUUID(), issuer: "https://example.org" };
const tokens = createTokens(config);

describe("an access token", () => {
  test("names the account it was issued to", async () => {
    const { token, expiresAt } = await tokens.issue("user-1", new Date("2030-01-01T00:00:00Z"));
    expect(expiresAt).toEqual(new Date("2030-01-01T00:15:00Z"));
    expect(await tokens.verify(token, new Date("2030-01-01T00:14:59Z"))).toBe("user-1");
  });

  test("is worth nothing once it has expired", async () => {
    const { token, expiresAt } = await tokens.issue("user-1");
    expect(await tokens.verify(token, expiresAt)).toBeNull();
  });

  test("is worth nothing when a letter of it was changed", async () => {
    const { token } = await tokens.issue("user-1");
    const [header, payload, signature = ""] = token.split(".");
    const changed = (signature.startsWith("A") ? "B" : "A") + signature.slice(1);
    expect(await tokens.verify([header, payload, changed].join("."))).toBeNull();
  });

  test("of another secret, issuer or audience is not accepted", async () => {
    const others = [
      { ...config, secret: crypto.randomUUID() + crypto.randomUUID() },
      { ...config, issuer: "https://example.net" },
      { ...config, audience: "https://example.net" },
    ];
    for (const other of others) {
      const { token } = await createTokens(other).issue("user-1");
      expect(await tokens.verify(token)).toBeNull();
    }
  });

  test("without a signature is not accepted", async () => {
    const token = new UnsecuredJWT()
      .setSubject("user-1")
      .setIssuer(config.issuer)
      .setAudience(config.issuer)
      .setExpirationTime("1h")
      .encode();
    expect(await tokens.verify(token)).toBeNull();
  });

  test("must expire", async () => {
    const token = await new SignJWT()
      .setProtectedHeader({ alg: "HS256" })
      .setSubject("user-1")
      .setIssuer(config.issuer)
      .setAudience(config.issuer)
      .sign(new TextEncoder().encode(config.secret));
    expect(await tokens.verify(token)).toBeNull();
  });
});

test("a short secret is refused at the start", () => {
  expect(() => createTokens({ ...config, secret: "too short" })).toThrow("at least 32 bytes");
});

test.each([
  ["Bearer abc.def.ghi", "abc.def.ghi"],
  ["bearer abc", "abc"],
  ["Basic abc", ""],
  ["Bearer", ""],
  ["Bearer a b", ""],
  [null, ""],
])("the header %p carries the token %p", (header, token) => {
  expect(bearerToken(header)).toBe(token);
});
