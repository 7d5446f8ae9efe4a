import { createHash, randomBytes } from "node:crypto";
import type { Kysely } from "kysely";
import type { DB } from "./schema";

export interface RefreshToken {
  token: string;
  expiresAt: Date;
}

export type RefreshTokens = ReturnType<typeof createRefreshTokens>;

/**
 * Refresh tokens that work once. Each use gives the next token of the same family; a token that is
 * used a second time was copied, so its whole family is withdrawn. Only hashes are stored.
 */
export function createRefreshTokens(db: Kysely<DB>, lifetimeDays: number) {
  async function add(userId: string, family: string, now: Date): Promise<RefreshToken> {
    const token = randomBytes(32).toString("base64url");
    const expiresAt = new Date(now.getTime() + lifetimeDays * 86_400_000);
    await db
      .insertInto("auth_refresh_tokens")
      .values({
        token_hash: hashOf(token),
        family,
        user_id: userId,
        expires_at: expiresAt.toISOString(),
        used_at: null,
      })
      .execute();
    return { token, expiresAt };
  }

  async function familyOf(token: string): Promise<string | undefined> {
    const row = await db
      .selectFrom("auth_refresh_tokens")
      .select("family")
      .where("token_hash", "=", hashOf(token))
      .executeTakeFirst();
    return row?.family;
  }

  /** Withdraws the token and all that came from the same sign-in. */
  async function revoke(token: string): Promise<void> {
    const family = await familyOf(token);
    if (family === undefined) return;
    await db.deleteFrom("auth_refresh_tokens").where("family", "=", family).execute();
  }

  return {
    revoke,

    /** The first token of a new family. */
    async issue(userId: string, now = new Date()): Promise<RefreshToken> {
      return add(userId, Bun.randomUUIDv7(), now);
    },

    /** Uses the token up and gives the next one; `null` when it is not valid (any more). */
    async rotate(token: string, now = new Date()): Promise<{ userId: string; next: RefreshToken } | null> {
      // One statement, so that of two uses at the same moment only one succeeds.
      const used = await db
        .updateTable("auth_refresh_tokens")
        .set({ used_at: now.toISOString() })
        .where("token_hash", "=", hashOf(token))
        .where("used_at", "is", null)
        .where("expires_at", ">", now.toISOString())
        .returning(["family", "user_id"])
        .executeTakeFirst();
      if (used === undefined) {
        await revoke(token);
        return null;
      }
      return { userId: used.user_id, next: await add(used.user_id, used.family, now) };
    },

    async revokeAll(userId: string): Promise<void> {
      await db.deleteFrom("auth_refresh_tokens").where("user_id", "=", userId).execute();
    },

    /** Forgets what has expired; returns how many that were. */
    async purge(now = new Date()): Promise<number> {
      const result = await db
        .deleteFrom("auth_refresh_tokens")
        .where("expires_at", "<=", now.toISOString())
        .executeTakeFirst();
      return Number(result.numDeletedRows);
    },
  };
}

/** The tokens are random and long, so a plain hash is enough to make a stolen table useless. */
function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
