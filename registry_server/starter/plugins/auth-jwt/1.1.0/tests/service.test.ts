import { beforeEach, expect, test } from "bun:test";
import * as createTable from "../migrations/001_create_refresh_tokens";
import { createRefreshTokens } from "../refresh";
import type { DB } from "../schema";
import { createAuthService, type AuthService, type AuthUser } from "../service";
import { createTokens } from "../tokens";
import { errors, openDatabase } from "./support";

const ada = { id: "user-1", email: "ada@example.org", name: "Ada", role: "user" };
const password = "correct horse battery";

let known: Map<string, AuthUser>;
let auth: AuthService;

beforeEach(async () => {
  known = new Map([[ada.id, ada]]);
  auth = createAuthService({
    users: {
      findById: async (id) => known.get(id) ?? null,
      verifyPassword: async (email, given) => (email === ada.email && given === password ? ada : null),
    },
    tokens: createTokens({
      secret: crypto.randomUUID() + crypto.randomUUID(),
      issuer: "https://example.org",
    }),
    refreshTokens: createRefreshTokens(await openDatabase<DB>(createTable), 30),
    errors,
  });
});

test("the right password gives a token that names the account", async () => {
  const { user, access } = await auth.login(ada.email, password);
  expect(user).toEqual(ada);
  expect(await auth.verify(access.token)).toEqual(ada);
});

test("a wrong password and an unknown address fail alike", async () => {
  const wrong = auth.login(ada.email, "wrong").catch((error) => error.message);
  const unknown = auth.login("bob@example.org", password).catch((error) => error.message);
  expect(await wrong).toBe(await unknown);
  await expect(auth.login(ada.email, "wrong")).rejects.toMatchObject({ status: 401 });
});

test("the token of a removed account is worth nothing", async () => {
  const { access } = await auth.login(ada.email, password);
  known.delete(ada.id);
  await expect(auth.verify(access.token)).rejects.toMatchObject({ status: 401 });
});

test("a refresh token gives new tokens once", async () => {
  const { refresh } = await auth.login(ada.email, password);
  const renewed = await auth.refresh(refresh.token);
  expect(await auth.verify(renewed.access.token)).toEqual(ada);
  await expect(auth.refresh(refresh.token)).rejects.toMatchObject({ status: 401 });
});

test("after signing out nothing can be refreshed", async () => {
  const { refresh } = await auth.login(ada.email, password);
  await auth.logout(refresh.token);
  await expect(auth.refresh(refresh.token)).rejects.toMatchObject({ status: 401 });
});

test("a removed account cannot refresh", async () => {
  const { refresh } = await auth.login(ada.email, password);
  known.delete(ada.id);
  await expect(auth.refresh(refresh.token)).rejects.toMatchObject({ status: 401 });
});

test("no token is no access", async () => {
  await expect(auth.verify("")).rejects.toMatchObject({ status: 401 });
});
