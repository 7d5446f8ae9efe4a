import { beforeEach, describe, expect, test } from "bun:test";
import type { Kysely } from "kysely";
import * as createUsers from "../migrations/001_create_users";
import * as addRole from "../migrations/002_add_role";
import * as createUserRoles from "../migrations/003_create_user_roles";
import * as addDeactivatedAt from "../migrations/004_add_deactivated_at";
import type { DB } from "../schema";
import { createUsersService, type UsersService } from "../service";
import { errors, openDatabase } from "./support";

const ada = { email: "ada@example.org", name: "Ada" };
const password = "correct horse battery";

let db: Kysely<DB>;
let users: UsersService;
let emitted: string[];

beforeEach(async () => {
  emitted = [];
  db = await openDatabase<DB>(createUsers, addRole, createUserRoles, addDeactivatedAt);
  users = createUsersService({ db, errors, emit: async (event) => void emitted.push(event) });
});

describe("accounts", () => {
  test("a new account is found by id and by any spelling of its address", async () => {
    const user = await users.create(ada);
    expect(await users.findById(user.id)).toEqual(user);
    expect(await users.findByEmail(" ADA@example.org")).toEqual(user);
    expect(emitted).toEqual(["users.created"]);
  });

  test("one address belongs to one account", async () => {
    await users.create(ada);
    await expect(users.create({ email: "Ada@Example.org", name: "Other" })).rejects.toMatchObject({
      status: 409,
    });
    expect(await users.count()).toBe(1);
  });

  test("what is no address or no name is refused", async () => {
    await expect(users.create({ email: "ada", name: "Ada" })).rejects.toMatchObject({ status: 400 });
    await expect(users.create({ ...ada, name: "  " })).rejects.toMatchObject({ status: 400 });
  });

  test("an update keeps what it does not name", async () => {
    const user = await users.create({ ...ada, roles: ["editor"] });
    const changed = await users.update(user.id, { name: "Ada Lovelace" });
    expect(changed).toMatchObject({
      id: user.id,
      email: user.email,
      name: "Ada Lovelace",
      roles: ["editor"],
    });
  });

  test("an update cannot take another account's address", async () => {
    await users.create(ada);
    const bob = await users.create({ email: "bob@example.org", name: "Bob" });
    await expect(users.update(bob.id, { email: ada.email })).rejects.toMatchObject({ status: 409 });
    await expect(users.update("nobody", { name: "Nobody" })).rejects.toMatchObject({ status: 404 });
  });

  test("pages follow one another without gaps, also while accounts are added", async () => {
    for (const name of ["a", "b", "c"]) await users.create({ email: `${name}@example.org`, name });
    const first = await users.list({ limit: 2 });
    await users.create({ email: "d@example.org", name: "d" });
    const second = await users.list({ limit: 2, after: first.next ?? "" });
    expect([...first.users, ...second.users].map((user) => user.name)).toEqual(["a", "b", "c", "d"]);
    expect(second.next).toBeNull();
  });
});

describe("closing an account", () => {
  test("a closed account is hidden, keeps its address and can be opened again", async () => {
    const user = await users.create(ada);
    expect(await users.deactivate(user.id)).toBe(true);
    expect(await users.deactivate(user.id)).toBe(false);
    expect(await users.findByEmail(ada.email)).toBeNull();
    expect((await users.findById(user.id, { includeDeactivated: true }))?.deactivatedAt).toBeString();
    await expect(users.create(ada)).rejects.toMatchObject({ status: 409 });

    expect(await users.reactivate(user.id)).toBe(true);
    expect((await users.findById(user.id))?.deactivatedAt).toBeNull();
    expect(emitted).toEqual(["users.created", "users.deactivated", "users.reactivated"]);
  });

  test("the right password does not open it", async () => {
    const user = await users.create({ ...ada, password });
    await users.deactivate(user.id);
    expect(await users.verifyPassword(ada.email, password)).toBeNull();
  });
});

describe("roles", () => {
  test("an account has the roles it was given, each once", async () => {
    const user = await users.create({ ...ada, roles: ["editor", "admin", "editor"] });
    expect(user.roles).toEqual(["admin", "editor"]);
    expect((await users.setRoles(user.id, [])).roles).toEqual([]);
  });

  test("a role is one lower case word", async () => {
    await expect(users.create({ ...ada, roles: ["Big Boss"] })).rejects.toMatchObject({ status: 400 });
  });

  test("the single role of version 1 is kept", async () => {
    const old = await openDatabase<any>(createUsers, addRole);
    const row = {
      id: "1",
      email: "old@example.org",
      name: "Old",
      role: "editor",
      created_at: "",
      updated_at: "",
    };
    await old.insertInto("users").values(row).execute();
    await createUserRoles.up(old);
    await addDeactivatedAt.up(old);
    const upgraded = createUsersService({ db: old, errors, emit: async () => {} });
    expect(await upgraded.findById("1")).toMatchObject({ roles: ["editor"], deactivatedAt: null });
  });
});

describe("passwords", () => {
  test("only the right password of the right account fits", async () => {
    const user = await users.create({ ...ada, password });
    expect(await users.verifyPassword(ada.email, password)).toEqual(user);
    expect(await users.verifyPassword(ada.email, "wrong horse battery")).toBeNull();
    expect(await users.verifyPassword("nobody@example.org", password)).toBeNull();
  });

  test("an account without a password cannot be entered with one", async () => {
    await users.create(ada);
    expect(await users.verifyPassword(ada.email, password)).toBeNull();
  });

  test("a changed password replaces the old one", async () => {
    const user = await users.create({ ...ada, password });
    await users.setPassword(user.id, "another long password");
    expect(await users.verifyPassword(ada.email, password)).toBeNull();
    expect(await users.verifyPassword(ada.email, "another long password")).toMatchObject({ id: user.id });
  });

  test("no hash leaves the service", async () => {
    const user = await users.create({ ...ada, password });
    expect(JSON.stringify(user)).not.toContain("argon2");
  });
});
