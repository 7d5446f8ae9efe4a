import { beforeEach, expect, test } from "bun:test";
import type { Kysely } from "kysely";
import * as createTable from "../migrations/001_create_sessions";
import type { DB } from "../schema";
import { createSessionsService, type SessionsService, type SessionUser } from "../service";
import { errors, openDatabase } from "./support";

const ada = { id: "user-1", email: "ada@example.org", name: "Ada" };
const now = new Date("2030-01-01T00:00:00Z");
const days = (count: number) => new Date(now.getTime() + count * 86_400_000);

let db: Kysely<DB>;
let known: Map<string, SessionUser>;
let sessions: SessionsService;

beforeEach(async () => {
  db = await openDatabase<DB>(createTable);
  known = new Map([[ada.id, ada]]);
  sessions = createSessionsService({
    db,
    users: { findById: async (id) => known.get(id) ?? null },
    errors,
    idleDays: 14,
    maxDays: 90,
  });
});

test("a token leads to its session and account", async () => {
  const { token, id, expiresAt } = await sessions.create(ada.id, "Firefox on Linux", now);
  expect(expiresAt).toEqual(days(90));
  const visit = await sessions.find(token, now);
  expect(visit).toMatchObject({ user: ada, session: { id, device: "Firefox on Linux" } });
});

test("an unknown token leads nowhere", async () => {
  expect(await sessions.find("unknown", now)).toBeNull();
  expect(await sessions.find("", now)).toBeNull();
  await expect(sessions.mustFind("", now)).rejects.toMatchObject({ status: 401 });
});

test("a session lives on while it is used, but not for ever", async () => {
  const { token } = await sessions.create(ada.id, "", now);
  for (let day = 13; day < 90; day += 13) expect(await sessions.find(token, days(day))).not.toBeNull();
  expect(await sessions.find(token, days(90))).toBeNull();
});

test("a session that is not used ends", async () => {
  const { token } = await sessions.create(ada.id, "", now);
  expect(await sessions.find(token, days(14))).toBeNull();
  expect(await sessions.list(ada.id)).toEqual([]);
});

test("a session ends with its account", async () => {
  const { token } = await sessions.create(ada.id, "", now);
  known.delete(ada.id);
  expect(await sessions.find(token, now)).toBeNull();
});

test("one session can be ended from another, but not by another account", async () => {
  const phone = await sessions.create(ada.id, "Phone", now);
  const laptop = await sessions.create(ada.id, "Laptop", now);
  expect(await sessions.revoke("user-2", phone.id)).toBe(false);
  expect(await sessions.revoke(ada.id, phone.id)).toBe(true);
  expect(await sessions.find(phone.token, now)).toBeNull();
  expect(await sessions.find(laptop.token, now)).not.toBeNull();
});

test("all sessions but the own one can be ended", async () => {
  const own = await sessions.create(ada.id, "Laptop", now);
  for (const device of ["Phone", "Tablet"]) await sessions.create(ada.id, device, now);
  expect(await sessions.revokeAll(ada.id, own.id)).toBe(2);
  expect((await sessions.list(ada.id)).map((session) => session.id)).toEqual([own.id]);
});

test("the table holds no token that could be used", async () => {
  const { token } = await sessions.create(ada.id, "", now);
  expect(JSON.stringify(await db.selectFrom("sessions").selectAll().execute())).not.toContain(token);
});
