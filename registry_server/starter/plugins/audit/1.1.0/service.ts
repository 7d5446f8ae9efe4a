import type { Kysely, Selectable } from "kysely";
import { CHAIN_START, firstBreak, hashEntry } from "./chain";
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

export interface ChainReport {
  /** How many entries were checked. */
  checked: number;
  /** The first entry that was changed, or before which entries are missing. */
  brokenAt: string | null;
}

export interface AuditService {
  record(entry: NewAuditEntry): Promise<AuditEntry>;
  /** Newest first; 50 unless told, at most 200. */
  list(filter?: AuditFilter): Promise<AuditEntry[]>;
  /** Checks the whole chain of hashes. */
  verify(): Promise<ChainReport>;
  /** Deletes what was recorded before a moment; returns how many entries that were. */
  purge(before: Date): Promise<number>;
}

const ACTION = /^[a-z][a-z0-9_-]*(\.[a-z][a-z0-9_-]*)+$/;

const PAGE = 500;

export function createAuditService({ db, errors }: AuditDependencies): AuditService {
  let writing: Promise<unknown> = Promise.resolve();

  /** Entries are written one after the other, because each needs the hash of the one before. */
  function append(
    fields: Omit<AuditEntriesTable, "id" | "previous_hash" | "hash">,
  ): Promise<AuditEntriesTable> {
    const written = writing.then(() =>
      db.transaction().execute(async (transaction) => {
        const last = await transaction
          .selectFrom("audit_entries")
          .select("hash")
          .orderBy("id", "desc")
          .limit(1)
          .executeTakeFirst();
        const entry = { id: Bun.randomUUIDv7(), ...fields };
        const previous_hash = last?.hash ?? CHAIN_START;
        const row = { ...entry, previous_hash, hash: hashEntry(entry, previous_hash) };
        await transaction.insertInto("audit_entries").values(row).execute();
        return row;
      }),
    );
    writing = written.catch(() => undefined);
    return written;
  }

  return {
    async record({ actor, action, target, details = {} }) {
      if (actor.trim() === "") throw errors.BadRequest("An audit entry needs an actor.");
      if (!ACTION.test(action)) throw errors.BadRequest("An action is written like `invoice.deleted`.");
      const row = await append({
        at: new Date().toISOString(),
        actor,
        action,
        target: target ?? null,
        details: JSON.stringify(redact(details)),
      });
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

    async verify() {
      let checked = 0;
      let after = "";
      let previousHash: string | null = null;
      for (;;) {
        const rows = await db
          .selectFrom("audit_entries")
          .selectAll()
          .where("hash", "is not", null)
          .where("id", ">", after)
          .orderBy("id")
          .limit(PAGE)
          .execute();
        const brokenAt = firstBreak(rows, previousHash);
        checked += rows.length;
        const last = rows.at(-1);
        if (brokenAt !== null || last === undefined) return { checked, brokenAt };
        after = last.id;
        previousHash = last.hash;
      }
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
