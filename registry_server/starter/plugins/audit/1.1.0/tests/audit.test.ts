import { beforeEach, describe, expect, test } from "bun:test";
import type { Kysely } from "kysely";
import * as createTable from "../migrations/001_create_audit_entries";
import * as addChain from "../migrations/002_add_chain";
import type { DB } from "../schema";
import { createAuditService, type AuditService } from "../service";
import { errors, openDatabase } from "./support";

let db: Kysely<DB>;
let audit: AuditService;

beforeEach(async () => {
  db = await openDatabase<DB>(createTable, addChain);
  audit = createAuditService({ db, errors });
});

test("an entry says who did what to which thing", async () => {
  const entry = await audit.record({
    actor: "user-1",
    action: "invoice.deleted",
    target: "invoice:42",
    details: { reason: "duplicate", token: "sensitive" },
  });
  expect(entry).toMatchObject({ actor: "user-1", action: "invoice.deleted", target: "invoice:42" });
  expect(entry.details).toEqual({ reason: "duplicate", token: "[redacted]" });
  expect(await audit.list()).toEqual([entry]);
});

test("entries are found by actor, action and target, newest first", async () => {
  const first = await audit.record({ actor: "ada", action: "page.created", target: "page:1" });
  const second = await audit.record({ actor: "bob", action: "page.edited", target: "page:1" });
  const third = await audit.record({ actor: "ada", action: "page.edited", target: "page:2" });
  expect(await audit.list({ actor: "ada" })).toEqual([third, first]);
  expect(await audit.list({ target: "page:1" })).toEqual([second, first]);
  expect(await audit.list({ actor: "ada", action: "page.edited" })).toEqual([third]);
});

test("pages follow one another", async () => {
  const entries = [];
  for (const id of [1, 2, 3])
    entries.push(await audit.record({ actor: "ada", action: "page.created", target: `page:${id}` }));
  const page = await audit.list({ limit: 2 });
  expect(page).toEqual([entries[2]!, entries[1]!]);
  expect(await audit.list({ limit: 2, before: page[1]!.id })).toEqual([entries[0]!]);
});

test("an entry without an actor, or with an action of another form, is refused", async () => {
  await expect(audit.record({ actor: " ", action: "page.created" })).rejects.toMatchObject({ status: 400 });
  await expect(audit.record({ actor: "ada", action: "Deleted it" })).rejects.toMatchObject({ status: 400 });
});

test("old entries can be deleted", async () => {
  await audit.record({ actor: "ada", action: "page.created" });
  expect(await audit.purge(new Date(Date.now() - 60_000))).toBe(0);
  expect(await audit.purge(new Date(Date.now() + 60_000))).toBe(1);
  expect(await audit.list()).toEqual([]);
});

describe("the chain", () => {
  const record = (id: number) => audit.record({ actor: "ada", action: "page.edited", target: `page:${id}` });

  test("is whole when nothing was touched, also when entries come at the same time", async () => {
    await Promise.all([1, 2, 3, 4, 5].map(record));
    expect(await audit.verify()).toEqual({ checked: 5, brokenAt: null });
  });

  test("shows an entry that was changed", async () => {
    await record(1);
    const { id } = await record(2);
    await record(3);
    await db.updateTable("audit_entries").set({ actor: "bob" }).where("id", "=", id).execute();
    expect((await audit.verify()).brokenAt).toBe(id);
  });

  test("shows that an entry is missing", async () => {
    await record(1);
    const { id } = await record(2);
    const next = await record(3);
    await db.deleteFrom("audit_entries").where("id", "=", id).execute();
    expect((await audit.verify()).brokenAt).toBe(next.id);
  });

  test("stays whole when old entries are deleted on purpose", async () => {
    await record(1);
    await record(2);
    const [newest] = await audit.list({ limit: 1 });
    await db.deleteFrom("audit_entries").where("id", "<", newest!.id).execute();
    await record(3);
    expect(await audit.verify()).toEqual({ checked: 2, brokenAt: null });
  });

  test("begins after entries from before there was one", async () => {
    const old = { id: "0", at: "", actor: "ada", action: "page.created", target: null, details: "{}" };
    await db
      .insertInto("audit_entries")
      .values({ ...old, previous_hash: null, hash: null })
      .execute();
    await record(1);
    expect(await audit.verify()).toEqual({ checked: 1, brokenAt: null });
  });

  test("goes on after an entry was refused", async () => {
    await audit.record({ actor: "", action: "page.edited" }).catch(() => {});
    await record(1);
    expect(await audit.verify()).toEqual({ checked: 1, brokenAt: null });
  });
});
