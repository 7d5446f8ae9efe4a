import { describe, expect, test } from "bun:test";
import { challengeFor, randomText, sameText } from "../pkce";
import { github, google, type FetchJson } from "../providers";

const client = { clientId: "client", clientSecret: "" };

const answers =
  (pages: Record<string, unknown>): FetchJson =>
  async (url) =>
    pages[new URL(url).pathname];

describe("GitHub", () => {
  const user = { id: 7, login: "ada", name: null };

  test("gives the primary address when it was checked", async () => {
    const emails = [
      { email: "old@example.org", primary: false, verified: true },
      { email: "ada@example.org", primary: true, verified: true },
    ];
    expect(await github(client).profile(answers({ "/user": user, "/user/emails": emails }))).toEqual({
      subject: "7",
      name: "ada",
      verifiedEmail: "ada@example.org",
    });
  });

  test("gives no address that was not checked", async () => {
    const emails = [{ email: "ada@example.org", primary: true, verified: false }];
    const profile = await github(client).profile(answers({ "/user": user, "/user/emails": emails }));
    expect(profile.verifiedEmail).toBeNull();
  });
});

describe("Google", () => {
  const page = "/v1/userinfo";

  test("gives the address when it was checked", async () => {
    const user = { sub: "7", name: "Ada", email: "ada@example.org", email_verified: true };
    expect(await google(client).profile(answers({ [page]: user }))).toEqual({
      subject: "7",
      name: "Ada",
      verifiedEmail: "ada@example.org",
    });
  });

  test.each([false, undefined, "true"])("gives no address when that is %p", async (email_verified) => {
    const user = { sub: "7", email: "ada@example.org", email_verified };
    expect((await google(client).profile(answers({ [page]: user }))).verifiedEmail).toBeNull();
  });
});

test("the challenge is the one of RFC 7636, appendix B", () => {
  const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
  expect(challengeFor(verifier)).toBe("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
});

test("random texts differ and are compared as a whole", () => {
  const text = randomText();
  expect(text).toHaveLength(43);
  expect(sameText(text, text)).toBe(true);
  expect(sameText(text, randomText())).toBe(false);
  expect(sameText(text, text.slice(1))).toBe(false);
});
