import { beforeEach, expect, test } from "bun:test";
import type { Kysely } from "kysely";
import * as createTable from "../migrations/001_create_refresh_tokens";
import { createRefreshTokens, type RefreshTokens } from "../refresh";
import type { DB } from "../schema";
import { openDatabase } from "./support";

const now = new Date("2030-01-01T00:00:00Z");
const later = (days: number) => new Date(now.getTime() + days * 86_400_000);

let db: Kysely<DB>;
let tokens: RefreshTokens;

beforeEach(async () => {
  db = await openDatabase<DB>(createTable);
  tokens = createRefreshTokens(db, 30);
});

test("a token is exchanged for the next one of the same account", async () => {
  const { token, expiresAt } = await tokens.issue("user-1", now);
  expect(expiresAt).toEqual(later(30));
  const rotated = await tokens.rotate(token, later(1));
  expect(rotated?.userId).toBe("user-1");
  expect(rotated?.next.expiresAt).toEqual(later(31));
  expect(rotated?.next.token).not.toBe(token);
});

test("a token that is used twice was copied: nobody keeps access", async () => {
  const { token } = await tokens.issue("user-1", now);
  const rotated = await tokens.rotate(token, now);
  expect(await tokens.rotate(token, now)).toBeNull();
  expect(await tokens.rotate(rotated?.next.token ?? "", now)).toBeNull();
});

test("of two uses at the same moment one succeeds", async () => {
  const { token } = await tokens.issue("user-1", now);
  const results = await Promise.all([tokens.rotate(token, now), tokens.rotate(token, now)]);
  expect(results.filter((result) => result !== null)).toHaveLength(1);
});

test("an expired or unknown token is worth nothing", async () => {
  const { token, expiresAt } = await tokens.issue("user-1", now);
  expect(await tokens.rotate(token, expiresAt)).toBeNull();
  expect(await tokens.rotate("unknown", now)).toBeNull();
});

test("signing out ends one sign-in, signing out everywhere ends all", async () => {
  const phone = await tokens.issue("user-1", now);
  const laptop = await tokens.issue("user-1", now);
  await tokens.revoke(phone.token);
  expect(await tokens.rotate(phone.token, now)).toBeNull();
  const rotated = await tokens.rotate(laptop.token, now);
  await tokens.revokeAll("user-1");
  expect(await tokens.rotate(rotated?.next.token ?? "", now)).toBeNull();
});

test("the table holds no token that could be used", async () => {
  const { token } = await tokens.issue("user-1", now);
  expect(JSON.stringify(await db.selectFrom("auth_refresh_tokens").selectAll().execute())).not.toContain(
    token,
  );
});

test("what has expired is forgotten", async () => {
  await tokens.issue("user-1", now);
  await tokens.issue("user-1", later(10));
  expect(await tokens.purge(later(30))).toBe(1);
});
