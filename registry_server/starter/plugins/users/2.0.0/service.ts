import type { Kysely, Selectable } from "kysely";
import { normalizeEmail } from "./email";
import { hashPassword, passwordProblem, verifyPassword } from "./passwords";
import { replaceRoles, rolesOf, roleProblem } from "./roles";
import type { DB, UsersTable } from "./schema";

export interface User {
  id: string;
  email: string;
  name: string;
  roles: string[];
  createdAt: string;
  updatedAt: string;
  /** When the account was closed; `null` while it is open. */
  deactivatedAt: string | null;
}

export interface NewUser {
  email: string;
  name: string;
  /** `["user"]` unless told. */
  roles?: string[];
  /** Left out for people who only sign in by other means. */
  password?: string;
}

export interface UserChanges {
  email?: string;
  name?: string;
}

export interface UserPage {
  users: User[];
  /** Hand it back as `after` for the next page; `null` on the last one. */
  next: string | null;
}

export interface FindOptions {
  includeDeactivated?: boolean;
}

type Fail = (message?: string) => Error;
type Row = Selectable<UsersTable>;

export interface UsersDependencies {
  db: Kysely<DB>;
  errors: { BadRequest: Fail; Conflict: Fail; NotFound: Fail };
  emit(event: string, data: unknown): Promise<void>;
}

export type UsersService = ReturnType<typeof createUsersService>;

export function createUsersService({ db, errors, emit }: UsersDependencies) {
  const rowBy = (column: "id" | "email", value: string) =>
    db.selectFrom("users").selectAll().where(column, "=", value).executeTakeFirst();

  async function toUsers(rows: Row[]): Promise<User[]> {
    const roles = await rolesOf(
      db,
      rows.map((row) => row.id),
    );
    return rows.map((row) => toUser(row, roles.get(row.id) ?? []));
  }

  async function visible(row: Row | undefined, options: FindOptions): Promise<User | null> {
    if (row === undefined || (row.deactivated_at !== null && !options.includeDeactivated)) return null;
    const [user] = await toUsers([row]);
    return user ?? null;
  }

  async function requireUser(id: string): Promise<User> {
    const user = await visible(await rowBy("id", id), { includeDeactivated: true });
    if (user === null) throw errors.NotFound("There is no such account.");
    return user;
  }

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

  function requireRoles(roles: string[]): string[] {
    for (const role of roles) {
      const problem = roleProblem(role);
      if (problem !== null) throw errors.BadRequest(problem);
    }
    return [...new Set(roles)].sort();
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

  async function setDeactivatedAt(id: string, at: string | null): Promise<boolean> {
    const result = await db
      .updateTable("users")
      .set({ deactivated_at: at, updated_at: new Date().toISOString() })
      .where("id", "=", id)
      .where("deactivated_at", at === null ? "is not" : "is", null)
      .executeTakeFirst();
    const changed = result.numUpdatedRows > 0n;
    if (changed) await emit(at === null ? "users.reactivated" : "users.deactivated", { id });
    return changed;
  }

  return {
    async create(input: NewUser): Promise<User> {
      const now = new Date().toISOString();
      const roles = requireRoles(input.roles ?? ["user"]);
      const row = {
        id: Bun.randomUUIDv7(),
        email: requireEmail(input.email),
        name: requireName(input.name),
        password_hash: input.password === undefined ? null : await hashNew(input.password),
        created_at: now,
        updated_at: now,
        deactivated_at: null,
      };
      await withUniqueEmail(row.email, row.id, () =>
        db.transaction().execute(async (transaction) => {
          await transaction.insertInto("users").values(row).execute();
          await replaceRoles(transaction, row.id, roles);
        }),
      );
      const user = await requireUser(row.id);
      await emit("users.created", user);
      return user;
    },

    /** Closed accounts are only found when asked for. */
    async findById(id: string, options: FindOptions = {}): Promise<User | null> {
      return visible(await rowBy("id", id), options);
    },

    /** Closed accounts are only found when asked for. */
    async findByEmail(text: string, options: FindOptions = {}): Promise<User | null> {
      const email = normalizeEmail(text);
      return visible(email === null ? undefined : await rowBy("email", email), options);
    },

    /** Oldest accounts first, closed ones included. */
    async list(options: { limit?: number; after?: string } = {}): Promise<UserPage> {
      const limit = Math.min(Math.max(options.limit ?? 50, 1), 200);
      const rows = await db
        .selectFrom("users")
        .selectAll()
        .where("id", ">", options.after ?? "")
        .orderBy("id")
        .limit(limit + 1)
        .execute();
      const users = await toUsers(rows.slice(0, limit));
      return { users, next: rows.length > limit ? (users.at(-1)?.id ?? null) : null };
    },

    async count(): Promise<number> {
      const { total } = await db
        .selectFrom("users")
        .select((eb) => eb.fn.countAll().as("total"))
        .executeTakeFirstOrThrow();
      return Number(total);
    },

    async update(id: string, changes: UserChanges): Promise<User> {
      const before = await requireUser(id);
      const email = changes.email === undefined ? before.email : requireEmail(changes.email);
      const name = changes.name === undefined ? before.name : requireName(changes.name);
      const updated_at = new Date().toISOString();
      await withUniqueEmail(email, id, () =>
        db.updateTable("users").set({ email, name, updated_at }).where("id", "=", id).execute(),
      );
      const user = await requireUser(id);
      await emit("users.updated", user);
      return user;
    },

    async setRoles(id: string, roles: string[]): Promise<User> {
      const wanted = requireRoles(roles);
      await requireUser(id);
      await db.transaction().execute((transaction) => replaceRoles(transaction, id, wanted));
      const user = await requireUser(id);
      await emit("users.updated", user);
      return user;
    },

    async setPassword(id: string, password: string): Promise<void> {
      const password_hash = await hashNew(password);
      await requireUser(id);
      const updated_at = new Date().toISOString();
      await db.updateTable("users").set({ password_hash, updated_at }).where("id", "=", id).execute();
    },

    /** The open account, when both fit; `null` does not tell what was wrong. */
    async verifyPassword(text: string, password: string): Promise<User | null> {
      const email = normalizeEmail(text);
      const row = email === null ? undefined : await rowBy("email", email);
      const matches = await verifyPassword(password, row?.password_hash ?? null);
      return matches ? visible(row, {}) : null;
    },

    /** Closes the account and keeps its rows; `false` when it was not open. */
    async deactivate(id: string): Promise<boolean> {
      return setDeactivatedAt(id, new Date().toISOString());
    },

    /** Opens a closed account again; `false` when it was not closed. */
    async reactivate(id: string): Promise<boolean> {
      return setDeactivatedAt(id, null);
    },
  };
}

function toUser(row: Row, roles: string[]): User {
  return {
    id: row.id,
    email: row.email,
    name: row.name,
    roles,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    deactivatedAt: row.deactivated_at,
  };
}
