import type { Kysely } from "kysely";
import { hashOf, linkFor, messageFor, newToken } from "./link";
import type { DB } from "./schema";

export interface MagicLinkUser {
  id: string;
  email: string;
  name: string;
}

/** What this plugin asks of the `users` plugin. */
export interface Users {
  create(input: { email: string; name: string }): Promise<MagicLinkUser>;
  findByEmail(email: string): Promise<MagicLinkUser | null>;
}

/** What this plugin asks of the `email` plugin. */
export interface Email {
  send(message: { to: string; subject: string; text: string }): Promise<unknown>;
}

type Fail = (message?: string) => Error;

export interface MagicLinkDependencies {
  db: Kysely<DB>;
  users: Users;
  email: Email;
  errors: { Unauthorized: Fail };
  /** Whether one more link may be sent to an address now. */
  mayRequest(address: string): Promise<boolean>;
  url: string;
  productName: string;
  minutes: number;
  createAccounts: boolean;
}

export interface MagicLinkService {
  /**
   * Sends a link. Answers alike whether the address has an account or not, and whether a link was
   * sent or there were too many already, so that nobody can find out who has an account.
   */
  request(address: string, now?: Date): Promise<void>;
  /** The account a token stands for; the token is used up by it. */
  redeem(token: string, now?: Date): Promise<MagicLinkUser>;
  /** Forgets links that have expired. */
  purge(now?: Date): Promise<number>;
}

export function createMagicLinkService(dependencies: MagicLinkDependencies): MagicLinkService {
  const { db, users, email, errors, mayRequest, url, productName, minutes, createAccounts } = dependencies;

  async function accountFor(address: string): Promise<MagicLinkUser | null> {
    const user = await users.findByEmail(address);
    if (user !== null || !createAccounts) return user;
    return users.create({ email: address, name: address.slice(0, address.indexOf("@")) });
  }

  return {
    async request(text, now = new Date()) {
      const address = text.trim().toLowerCase();
      if (!(await mayRequest(address))) return;
      if (!createAccounts && (await users.findByEmail(address)) === null) return;
      const token = newToken();
      await db
        .insertInto("auth_magic_links")
        .values({
          token_hash: hashOf(token),
          email: address,
          expires_at: new Date(now.getTime() + minutes * 60_000).toISOString(),
        })
        .execute();
      await email.send({ to: address, ...messageFor(productName, linkFor(url, token), minutes) });
    },

    async redeem(token, now = new Date()) {
      // One statement, so that of two uses at the same moment only one succeeds.
      const link = await db
        .deleteFrom("auth_magic_links")
        .where("token_hash", "=", hashOf(token))
        .where("expires_at", ">", now.toISOString())
        .returning("email")
        .executeTakeFirst();
      const user = link === undefined ? null : await accountFor(link.email);
      if (user === null) throw errors.Unauthorized("This link is not valid any more. Ask for a new one.");
      // Other links that are still under way would be worth as much as this one.
      await db.deleteFrom("auth_magic_links").where("email", "=", user.email).execute();
      return user;
    },

    async purge(now = new Date()) {
      const result = await db
        .deleteFrom("auth_magic_links")
        .where("expires_at", "<=", now.toISOString())
        .executeTakeFirst();
      return Number(result.numDeletedRows);
    },
  };
}
