import { beforeEach, expect, test } from "bun:test";
import { createAuthService, type AuthService, type AuthUser } from "../service";
import { createTokens } from "../tokens";
import { errors } from "./support";

const ada = { id: "user-1", email: "ada@example.org", name: "Ada" };
const password = "correct horse battery";

let known: Map<string, AuthUser>;
let auth: AuthService;

beforeEach(() => {
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

test("no token is no access", async () => {
  await expect(auth.verify("")).rejects.toMatchObject({ status: 401 });
});
