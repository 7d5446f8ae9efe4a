import { describe, expect, test } from "bun:test";
import { SignJWT, UnsecuredJWT } from "jose";
import { bearerToken, createTokens, type SigningKey, type TokenConfig } from "../tokens";

const newKey = (id: string): SigningKey => ({ id, secret: crypto.randomUUID() + crypto.randomUUID() });
const key = newKey("a");
const config: TokenConfig = { keys: [key], issuer: "https://example.org" };
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
    const others: TokenConfig[] = [
      { ...config, keys: [newKey("a")] },
      { ...config, keys: [newKey("b")] },
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
      .setProtectedHeader({ alg: "HS256", kid: key.id })
      .setSubject("user-1")
      .setIssuer(config.issuer)
      .setAudience(config.issuer)
      .sign(new TextEncoder().encode(key.secret));
    expect(await tokens.verify(token)).toBeNull();
  });
});

describe("replacing the key", () => {
  const next = newKey("b");

  test("tokens of the old key stay valid while it is listed", async () => {
    const { token } = await tokens.issue("user-1");
    expect(await createTokens({ ...config, keys: [next, key] }).verify(token)).toBe("user-1");
    expect(await createTokens({ ...config, keys: [next] }).verify(token)).toBeNull();
  });

  test("the first key signs", async () => {
    const { token } = await createTokens({ ...config, keys: [next, key] }).issue("user-1");
    expect(await createTokens({ ...config, keys: [next] }).verify(token)).toBe("user-1");
    expect(await tokens.verify(token)).toBeNull();
  });
});

test("a short secret is refused at the start", () => {
  expect(() => createTokens({ ...config, keys: [key, { ...key, secret: "too short" }] })).toThrow(
    "at least 32 bytes",
  );
});

test("two keys of one name are refused at the start", () => {
  expect(() => createTokens({ ...config, keys: [key, newKey("a")] })).toThrow("different id");
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
