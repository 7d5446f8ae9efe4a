import type { Kysely } from "kysely";
import { challengeFor, randomText, sameText } from "./pkce";
import type { Profile, Provider } from "./providers";
import type { DB } from "./schema";

export interface OAuthUser {
  id: string;
  email: string;
  name: string;
}

/** What this plugin asks of the `users` plugin. */
export interface Users {
  create(input: { email: string; name: string }): Promise<OAuthUser>;
  findById(id: string): Promise<OAuthUser | null>;
  findByEmail(email: string): Promise<OAuthUser | null>;
}

export interface Cache {
  get<T>(key: string): Promise<T | null>;
  set<T>(key: string, value: T, ttlMs?: number): Promise<void>;
  delete(key: string): Promise<boolean>;
}

type Fail = (message?: string, details?: Record<string, unknown>, cause?: Error) => Error;

export interface OAuthDependencies {
  db: Kysely<DB>;
  users: Users;
  cache: Cache;
  errors: { BadGateway: Fail; Forbidden: Fail; NotFound: Fail; Unauthorized: Fail };
  fetch(url: string, init?: RequestInit): Promise<Response>;
  providers: ReadonlyMap<string, Provider>;
  redirectUri: string;
}

export interface OAuthService {
  /** Names of the providers that are set up. */
  providers(): string[];
  /** Where to send the browser, and the state to keep in a cookie of that browser until it is back. */
  begin(provider: string): Promise<{ url: string; state: string }>;
  /** The account of the person who came back. `cookieState` is what `begin` gave to this browser. */
  complete(callback: OAuthCallback): Promise<OAuthUser>;
}

export interface OAuthCallback {
  provider: string;
  code: string;
  state: string;
  cookieState: string;
}

interface Attempt {
  provider: string;
  verifier: string;
}

const ATTEMPT_MS = 10 * 60_000;
const TIMEOUT_MS = 10_000;

export function createOAuthService(dependencies: OAuthDependencies): OAuthService {
  const { db, users, cache, errors, fetch, providers, redirectUri } = dependencies;

  function providerNamed(name: string): Provider {
    const provider = providers.get(name);
    if (provider === undefined) throw errors.NotFound(`There is no sign-in with ${name}.`);
    return provider;
  }

  const redirectFor = (name: string) => redirectUri.replace("{provider}", encodeURIComponent(name));

  /** The attempt a state belongs to; it is used up by asking. */
  async function takeAttempt(state: string): Promise<Attempt | null> {
    const key = `auth-oauth:${state}`;
    const attempt = await cache.get<Attempt>(key);
    // Only whoever deletes it may go on: of two callbacks at the same moment one succeeds.
    return attempt !== null && (await cache.delete(key)) ? attempt : null;
  }

  async function fetchJson(url: string, init: RequestInit): Promise<unknown> {
    try {
      const response = await fetch(url, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
      if (response.ok) return await response.json();
      throw new Error(`${new URL(url).host} answered ${response.status}.`);
    } catch (error) {
      const cause = error instanceof Error ? error : undefined;
      throw errors.BadGateway("The provider could not be asked.", undefined, cause);
    }
  }

  async function accessToken(name: string, code: string, verifier: string): Promise<string> {
    const provider = providerNamed(name);
    const answer = (await fetchJson(provider.tokenUrl, {
      method: "POST",
      headers: { accept: "application/json" },
      body: new URLSearchParams({
        grant_type: "authorization_code",
        client_id: provider.clientId,
        client_secret: provider.clientSecret,
        redirect_uri: redirectFor(name),
        code,
        code_verifier: verifier,
      }),
    })) as { access_token?: unknown };
    // GitHub answers 200 with an `error` when the code is wrong.
    if (typeof answer.access_token !== "string")
      throw errors.Unauthorized("The provider refused the sign-in.");
    return answer.access_token;
  }

  async function linkedUser(provider: string, subject: string): Promise<OAuthUser | null> {
    const identity = await db
      .selectFrom("auth_oauth_identities")
      .select("user_id")
      .where("provider", "=", provider)
      .where("subject", "=", subject)
      .executeTakeFirst();
    return identity === undefined ? null : users.findById(identity.user_id);
  }

  /** An address joins a sign-in to an account only when the provider has checked it. */
  async function userFor(provider: string, profile: Profile): Promise<OAuthUser> {
    const linked = await linkedUser(provider, profile.subject);
    if (linked !== null) return linked;
    const email = profile.verifiedEmail;
    if (email === null) throw errors.Forbidden("The provider has not confirmed your email address.");
    const name = profile.name.trim().slice(0, 200) || email;
    const user = (await users.findByEmail(email)) ?? (await users.create({ email, name }));
    const link = { user_id: user.id, created_at: new Date().toISOString() };
    await db
      .insertInto("auth_oauth_identities")
      .values({ provider, subject: profile.subject, ...link })
      .onConflict((conflict) => conflict.columns(["provider", "subject"]).doUpdateSet(link))
      .execute();
    return user;
  }

  return {
    providers: () => [...providers.keys()],

    async begin(name) {
      const provider = providerNamed(name);
      const [state, verifier] = [randomText(), randomText()];
      await cache.set<Attempt>(`auth-oauth:${state}`, { provider: name, verifier }, ATTEMPT_MS);
      const url = new URL(provider.authorizeUrl);
      url.search = new URLSearchParams({
        response_type: "code",
        client_id: provider.clientId,
        redirect_uri: redirectFor(name),
        scope: provider.scopes.join(" "),
        state,
        code_challenge: challengeFor(verifier),
        code_challenge_method: "S256",
      }).toString();
      return { url: url.href, state };
    },

    async complete({ provider: name, code, state, cookieState }) {
      const provider = providerNamed(name);
      // Without this, somebody could make a visitor enter an account that is not theirs.
      const sameBrowser = state !== "" && sameText(state, cookieState);
      const attempt = sameBrowser ? await takeAttempt(state) : null;
      if (attempt === null || attempt.provider !== name) {
        throw errors.Unauthorized("This sign-in was not begun here, or took too long.");
      }
      const token = await accessToken(name, code, attempt.verifier);
      const headers = { authorization: `Bearer ${token}`, accept: "application/json" };
      return userFor(name, await provider.profile((url) => fetchJson(url, { headers })));
    },
  };
}
