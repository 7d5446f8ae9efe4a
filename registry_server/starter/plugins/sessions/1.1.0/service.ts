import { createHash, randomBytes } from "node:crypto";
import type { Kysely, Selectable } from "kysely";
import type { DB, SessionsTable } from "./schema";

export interface SessionUser {
  id: string;
  email: string;
  name: string;
}

/** What this plugin asks of the `users` plugin. */
export interface Users {
  findById(id: string): Promise<SessionUser | null>;
}

export interface Session {
  id: string;
  userId: string;
  device: string;
  createdAt: string;
  seenAt: string;
}

export interface NewSession extends Session {
  /** Goes into the cookie; it cannot be read again. */
  token: string;
  expiresAt: Date;
}

export interface Visit {
  session: Session;
  user: SessionUser;
}

type Fail = (message?: string) => Error;

export interface SessionsDependencies {
  db: Kysely<DB>;
  users: Users;
  errors: { Unauthorized: Fail };
  idleDays: number;
  maxDays: number;
}

export type SessionsService = ReturnType<typeof createSessionsService>;

const DAY_MS = 86_400_000;
const SEEN_EVERY_MS = 60_000;

export function createSessionsService(dependencies: SessionsDependencies) {
  const { db, users, errors, idleDays, maxDays } = dependencies;

  function hasEnded(row: Selectable<SessionsTable>, now: Date): boolean {
    const idle = now.getTime() - Date.parse(row.seen_at);
    const age = now.getTime() - Date.parse(row.created_at);
    return idle >= idleDays * DAY_MS || age >= maxDays * DAY_MS;
  }

  /** The session and its account, or `null` when the token is not (or no longer) valid. */
  async function find(token: string, now = new Date()): Promise<Visit | null> {
    if (token === "") return null;
    const row = await db
      .selectFrom("sessions")
      .selectAll()
      .where("token_hash", "=", hashOf(token))
      .executeTakeFirst();
    if (row === undefined) return null;
    const user = hasEnded(row, now) ? null : await users.findById(row.user_id);
    if (user === null) {
      await db.deleteFrom("sessions").where("id", "=", row.id).execute();
      return null;
    }
    // Not at every request: a write per minute is enough to know that somebody is there.
    if (now.getTime() - Date.parse(row.seen_at) >= SEEN_EVERY_MS) {
      row.seen_at = now.toISOString();
      await db.updateTable("sessions").set({ seen_at: row.seen_at }).where("id", "=", row.id).execute();
    }
    return { session: toSession(row), user };
  }

  return {
    /** Call it after somebody has proved who they are; never continue a session from before that. */
    async create(userId: string, device = "", now = new Date()): Promise<NewSession> {
      const token = randomBytes(32).toString("base64url");
      const row: SessionsTable = {
        id: Bun.randomUUIDv7(),
        token_hash: hashOf(token),
        user_id: userId,
        device: device.slice(0, 200),
        created_at: now.toISOString(),
        seen_at: now.toISOString(),
      };
      await db.insertInto("sessions").values(row).execute();
      return { ...toSession(row), token, expiresAt: new Date(now.getTime() + maxDays * DAY_MS) };
    },

    find,

    /** Like `find`, but fails with 401 when there is no session. */
    async mustFind(token: string, now = new Date()): Promise<Visit> {
      const visit = await find(token, now);
      if (visit === null) throw errors.Unauthorized("Sign in to do this.");
      return visit;
    },

    /** All sessions of an account, the latest first. */
    async list(userId: string): Promise<Session[]> {
      const rows = await db
        .selectFrom("sessions")
        .selectAll()
        .where("user_id", "=", userId)
        .orderBy("seen_at", "desc")
        .execute();
      return rows.map(toSession);
    },

    /** Ends one session of an account; `false` when the account has no such session. */
    async revoke(userId: string, sessionId: string): Promise<boolean> {
      const result = await db
        .deleteFrom("sessions")
        .where("id", "=", sessionId)
        .where("user_id", "=", userId)
        .executeTakeFirst();
      return result.numDeletedRows > 0n;
    },

    /** Deletes sessions that have ended by themselves; returns how many that were. */
    async purge(now = new Date()): Promise<number> {
      const before = (days: number) => new Date(now.getTime() - days * DAY_MS).toISOString();
      const result = await db
        .deleteFrom("sessions")
        .where((eb) =>
          eb.or([eb("seen_at", "<=", before(idleDays)), eb("created_at", "<=", before(maxDays))]),
        )
        .executeTakeFirst();
      return Number(result.numDeletedRows);
    },

    /** Ends all sessions of an account, but one if told: after a change of password, for example. */
    async revokeAll(userId: string, exceptSessionId = ""): Promise<number> {
      const result = await db
        .deleteFrom("sessions")
        .where("user_id", "=", userId)
        .where("id", "!=", exceptSessionId)
        .executeTakeFirst();
      return Number(result.numDeletedRows);
    },
  };
}

/** The tokens are random and long, so a plain hash is enough to make a stolen table useless. */
function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

function toSession(row: Selectable<SessionsTable>): Session {
  return {
    id: row.id,
    userId: row.user_id,
    device: row.device,
    createdAt: row.created_at,
    seenAt: row.seen_at,
  };
}
