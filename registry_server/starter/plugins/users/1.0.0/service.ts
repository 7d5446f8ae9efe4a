import type { Kysely, Selectable } from "kysely";
import { normalizeEmail } from "./email";
import { hashPassword, passwordProblem, verifyPassword } from "./passwords";
import type { DB, UsersTable } from "./schema";

export interface User {
  id: string;
  email: string;
  name: string;
  createdAt: string;
  updatedAt: string;
}

export interface NewUser {
  email: string;
  name: string;
  /** Left out for people who only sign in by other means. */
  password?: string;
}

export interface UserChanges {
  email?: string;
  name?: string;
}

type Fail = (message?: string) => Error;

export interface UsersDependencies {
  db: Kysely<DB>;
  errors: { BadRequest: Fail; Conflict: Fail; NotFound: Fail };
  emit(event: string, data: unknown): Promise<void>;
}

export type UsersService = ReturnType<typeof createUsersService>;

export function createUsersService({ db, errors, emit }: UsersDependencies) {
  const rowBy = (column: "id" | "email", value: string) =>
    db.selectFrom("users").selectAll().where(column, "=", value).executeTakeFirst();

  function requireEmail(text: string): string {
    const email = normalizeEmail(text);
    if (email === null) throw errors.BadRequest("This is not an email address.");
    return email;
  }

  function requireName(text: string): string {
    const name = text.trim();
    if (name === "" || name.length > 200) throw errors.BadRequest("A name has 1 to 200 characters.");
    return name;
  }

  async function hashNew(password: string): Promise<string> {
    const problem = passwordProblem(password);
    if (problem !== null) throw errors.BadRequest(problem);
    return hashPassword(password);
  }

  /** A write that fails because another account already has the address says so. */
  async function withUniqueEmail<T>(email: string, ownId: string, write: () => Promise<T>): Promise<T> {
    try {
      return await write();
    } catch (error) {
      const holder = await rowBy("email", email);
      if (holder !== undefined && holder.id !== ownId) {
        throw errors.Conflict("An account with this email address exists.");
      }
      throw error;
    }
  }

  return {
    async create(input: NewUser): Promise<User> {
      const now = new Date().toISOString();
      const row: UsersTable = {
        id: Bun.randomUUIDv7(),
        email: requireEmail(input.email),
        name: requireName(input.name),
        password_hash: input.password === undefined ? null : await hashNew(input.password),
        created_at: now,
        updated_at: now,
      };
      await withUniqueEmail(row.email, row.id, () => db.insertInto("users").values(row).execute());
      const user = toUser(row);
      await emit("user.created", user);
      return user;
    },

    async findById(id: string): Promise<User | null> {
      const row = await rowBy("id", id);
      return row === undefined ? null : toUser(row);
    },

    async findByEmail(text: string): Promise<User | null> {
      const email = normalizeEmail(text);
      const row = email === null ? undefined : await rowBy("email", email);
      return row === undefined ? null : toUser(row);
    },

    /** Oldest accounts first. */
    async list(options: { limit?: number; offset?: number } = {}): Promise<User[]> {
      const limit = Math.min(Math.max(options.limit ?? 50, 1), 200);
      const rows = await db
        .selectFrom("users")
        .selectAll()
        .orderBy("id")
        .limit(limit)
        .offset(Math.max(options.offset ?? 0, 0))
        .execute();
      return rows.map(toUser);
    },

    async update(id: string, changes: UserChanges): Promise<User> {
      const before = await rowBy("id", id);
      if (before === undefined) throw errors.NotFound("There is no such account.");
      const row = {
        ...before,
        email: changes.email === undefined ? before.email : requireEmail(changes.email),
        name: changes.name === undefined ? before.name : requireName(changes.name),
        updated_at: new Date().toISOString(),
      };
      const { email, name, updated_at } = row;
      await withUniqueEmail(email, id, () =>
        db.updateTable("users").set({ email, name, updated_at }).where("id", "=", id).execute(),
      );
      const user = toUser(row);
      await emit("user.updated", user);
      return user;
    },

    async setPassword(id: string, password: string): Promise<void> {
      const password_hash = await hashNew(password);
      const result = await db
        .updateTable("users")
        .set({ password_hash, updated_at: new Date().toISOString() })
        .where("id", "=", id)
        .executeTakeFirst();
      if (result.numUpdatedRows === 0n) throw errors.NotFound("There is no such account.");
    },

    /** The account, when both fit; `null` tells neither which of the two was wrong. */
    async verifyPassword(text: string, password: string): Promise<User | null> {
      const email = normalizeEmail(text);
      const row = email === null ? undefined : await rowBy("email", email);
      const matches = await verifyPassword(password, row?.password_hash ?? null);
      return matches && row !== undefined ? toUser(row) : null;
    },

    /** Removes the account for good; `false` when there was none. */
    async remove(id: string): Promise<boolean> {
      const result = await db.deleteFrom("users").where("id", "=", id).executeTakeFirst();
      const removed = result.numDeletedRows > 0n;
      if (removed) await emit("user.deleted", { id });
      return removed;
    },
  };
}

function toUser(row: Selectable<UsersTable>): User {
  return {
    id: row.id,
    email: row.email,
    name: row.name,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
