import type { Kysely, Selectable } from "kysely";
import { redact, type Json } from "./redact";
import type { AuditEntriesTable, DB } from "./schema";

export interface NewAuditEntry {
  /** Who did it: the id of an account, or a name such as `system`. */
  actor: string;
  /** What was done, as `thing.verb`: `invoice.deleted`. */
  action: string;
  /** What it was done to, as `thing:id`: `invoice:42`. */
  target?: string;
  details?: Record<string, unknown>;
}

export interface AuditEntry {
  id: string;
  at: string;
  actor: string;
  action: string;
  target: string | null;
  details: Json;
}

export interface AuditFilter {
  actor?: string;
  action?: string;
  target?: string;
  /** The id of the last entry of the page before. */
  before?: string;
  limit?: number;
}

type Fail = (message?: string) => Error;

export interface AuditDependencies {
  db: Kysely<DB>;
  errors: { BadRequest: Fail };
}

export interface AuditService {
  record(entry: NewAuditEntry): Promise<AuditEntry>;
  /** Newest first; 50 unless told, at most 200. */
  list(filter?: AuditFilter): Promise<AuditEntry[]>;
  /** Deletes what was recorded before a moment; returns how many entries that were. */
  purge(before: Date): Promise<number>;
}

const ACTION = /^[a-z][a-z0-9_-]*(\.[a-z][a-z0-9_-]*)+$/;

export function createAuditService({ db, errors }: AuditDependencies): AuditService {
  return {
    async record({ actor, action, target, details = {} }) {
      if (actor.trim() === "") throw errors.BadRequest("An audit entry needs an actor.");
      if (!ACTION.test(action)) throw errors.BadRequest("An action is written like `invoice.deleted`.");
      const row: AuditEntriesTable = {
        id: Bun.randomUUIDv7(),
        at: new Date().toISOString(),
        actor,
        action,
        target: target ?? null,
        details: JSON.stringify(redact(details)),
      };
      await db.insertInto("audit_entries").values(row).execute();
      return toEntry(row);
    },

    async list({ actor, action, target, before, limit = 50 } = {}) {
      let query = db.selectFrom("audit_entries").selectAll();
      if (actor !== undefined) query = query.where("actor", "=", actor);
      if (action !== undefined) query = query.where("action", "=", action);
      if (target !== undefined) query = query.where("target", "=", target);
      if (before !== undefined) query = query.where("id", "<", before);
      const rows = await query
        .orderBy("id", "desc")
        .limit(Math.min(Math.max(limit, 1), 200))
        .execute();
      return rows.map(toEntry);
    },

    async purge(before) {
      const result = await db
        .deleteFrom("audit_entries")
        .where("at", "<", before.toISOString())
        .executeTakeFirst();
      return Number(result.numDeletedRows);
    },
  };
}

function toEntry(row: Selectable<AuditEntriesTable>): AuditEntry {
  const { id, at, actor, action, target } = row;
  return { id, at, actor, action, target, details: JSON.parse(row.details) as Json };
}
