import { beforeEach, expect, test } from "bun:test";
import * as createTable from "../migrations/001_create_audit_entries";
import type { DB } from "../schema";
import { createAuditService, type AuditService } from "../service";
import { errors, openDatabase } from "./support";

let audit: AuditService;

beforeEach(async () => {
  audit = createAuditService({ db: await openDatabase<DB>(createTable), errors });
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
