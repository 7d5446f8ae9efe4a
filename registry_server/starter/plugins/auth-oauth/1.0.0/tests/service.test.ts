import { beforeEach, describe, expect, test } from "bun:test";
import * as createTable from "../migrations/001_create_oauth_identities";
import { google } from "../providers";
import { challengeFor } from "../pkce";
import type { DB } from "../schema";
import { createOAuthService, type OAuthService, type OAuthUser } from "../service";
import { errors, openDatabase } from "./support";

let oauth: OAuthService;
let known: OAuthUser[];
let profile: Record<string, unknown>;
let exchanges: URLSearchParams[];
let tokenAnswer: () => Response;

beforeEach(async () => {
  known = [];
  exchanges = [];
  profile = { sub: "7", name: "Ada", email: "ada@example.org", email_verified: true };
  tokenAnswer = () => Response.json({ access_token: "opaque" });
  const attempts = new Map<string, unknown>();
  oauth = createOAuthService({
    db: await openDatabase<DB>(createTable),
    users: {
      create: async (input) => known[known.push({ id: `user-${known.length + 1}`, ...input }) - 1]!,
      findById: async (id) => known.find((user) => user.id === id) ?? null,
      findByEmail: async (email) => known.find((user) => user.email === email) ?? null,
    },
    cache: {
      get: async <T>(key: string) => (attempts.get(key) ?? null) as T | null,
      set: async (key, value) => void attempts.set(key, value),
      delete: async (key) => attempts.delete(key),
    },
    errors,
    fetch: async (url, init) => {
      if (!url.endsWith("/token")) return Response.json(profile);
      exchanges.push(init?.body as URLSearchParams);
      return tokenAnswer();
    },
    providers: new Map([["google", google({ clientId: "client", clientSecret: "" })]]),
    redirectUri: "https://example.org/enter/{provider}",
  });
});

async function signIn(): Promise<OAuthUser> {
  const { state } = await oauth.begin("google");
  return oauth.complete({ provider: "google", code: "code", state, cookieState: state });
}

describe("beginning", () => {
  test("sends the browser to the provider with a challenge", async () => {
    const { url, state } = await oauth.begin("google");
    const { host, searchParams } = new URL(url);
    expect(host).toBe("accounts.google.com");
    expect(searchParams.get("state")).toBe(state);
    expect(searchParams.get("redirect_uri")).toBe("https://example.org/enter/google");
    expect(searchParams.get("code_challenge_method")).toBe("S256");

    await oauth.complete({ provider: "google", code: "code", state, cookieState: state });
    const verifier = exchanges[0]?.get("code_verifier") ?? "";
    expect(challengeFor(verifier)).toBe(searchParams.get("code_challenge")!);
  });

  test("with a provider that is not set up is refused", async () => {
    expect(oauth.providers()).toEqual(["google"]);
    await expect(oauth.begin("github")).rejects.toMatchObject({ status: 404 });
  });
});

describe("coming back", () => {
  test("makes an account the first time and finds it the next", async () => {
    const user = await signIn();
    expect(user).toMatchObject({ email: "ada@example.org", name: "Ada" });
    expect(await signIn()).toEqual(user);
    expect(known).toHaveLength(1);
  });

  test("finds the same account after the address at the provider changed", async () => {
    const user = await signIn();
    profile = { ...profile, email: "new@example.org" };
    expect(await signIn()).toEqual(user);
  });

  test("joins an account that has the checked address", async () => {
    known.push({ id: "user-1", email: "ada@example.org", name: "Ada" });
    expect(await signIn()).toMatchObject({ id: "user-1" });
  });

  test("does not join an account by an address that was not checked", async () => {
    known.push({ id: "user-1", email: "ada@example.org", name: "Ada" });
    profile = { ...profile, email_verified: false };
    await expect(signIn()).rejects.toMatchObject({ status: 403 });
  });

  test("works only in the browser where it began, and only once", async () => {
    const { state } = await oauth.begin("google");
    const callback = { provider: "google", code: "code", state };
    await expect(oauth.complete({ ...callback, cookieState: "" })).rejects.toMatchObject({ status: 401 });
    await oauth.complete({ ...callback, cookieState: state });
    await expect(oauth.complete({ ...callback, cookieState: state })).rejects.toMatchObject({ status: 401 });
  });

  test("with an empty state is refused", async () => {
    const callback = { provider: "google", code: "code", state: "", cookieState: "" };
    await expect(oauth.complete(callback)).rejects.toMatchObject({ status: 401 });
  });

  test("with a code that the provider refuses is refused", async () => {
    tokenAnswer = () => Response.json({ error: "bad_verification_code" });
    await expect(signIn()).rejects.toMatchObject({ status: 401 });
    tokenAnswer = () => new Response("no", { status: 500 });
    await expect(signIn()).rejects.toMatchObject({ status: 502 });
  });
});
