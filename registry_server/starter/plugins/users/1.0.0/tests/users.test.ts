import { beforeEach, describe, expect, test } from "bun:test";
import * as createUsers from "../migrations/001_create_users";
import type { DB } from "../schema";
import { createUsersService, type UsersService } from "../service";
import { errors, openDatabase } from "./support";

const ada = { email: "ada@example.org", name: "Ada" };

let users: UsersService;
let emitted: string[];

beforeEach(async () => {
  emitted = [];
  users = createUsersService({
    db: await openDatabase<DB>(createUsers),
    errors,
    emit: async (event) => void emitted.push(event),
  });
});

describe("accounts", () => {
  test("a new account is found by id and by any spelling of its address", async () => {
    const user = await users.create(ada);
    expect(await users.findById(user.id)).toEqual(user);
    expect(await users.findByEmail(" ADA@example.org")).toEqual(user);
    expect(emitted).toEqual(["user.created"]);
  });

  test("one address belongs to one account", async () => {
    await users.create(ada);
    await expect(users.create({ email: "Ada@Example.org", name: "Other" })).rejects.toMatchObject({
      status: 409,
    });
  });

  test("what is no address or no name is refused", async () => {
    await expect(users.create({ email: "ada", name: "Ada" })).rejects.toMatchObject({ status: 400 });
    await expect(users.create({ email: "ada@example.org", name: "  " })).rejects.toMatchObject({
      status: 400,
    });
  });

  test("an update keeps what it does not name", async () => {
    const user = await users.create(ada);
    const changed = await users.update(user.id, { name: "Ada Lovelace" });
    expect(changed).toMatchObject({ id: user.id, email: user.email, name: "Ada Lovelace" });
    expect(await users.findById(user.id)).toEqual(changed);
  });

  test("an update cannot take another account's address", async () => {
    await users.create(ada);
    const bob = await users.create({ email: "bob@example.org", name: "Bob" });
    await expect(users.update(bob.id, { email: ada.email })).rejects.toMatchObject({ status: 409 });
  });

  test("a removed account is gone, and removing it twice is no error", async () => {
    const user = await users.create(ada);
    expect(await users.remove(user.id)).toBe(true);
    expect(await users.remove(user.id)).toBe(false);
    expect(await users.findById(user.id)).toBeNull();
  });

  test("accounts are listed oldest first, a page at a time", async () => {
    for (const name of ["a", "b", "c"]) await users.create({ email: `${name}@example.org`, name });
    const page = await users.list({ limit: 2, offset: 1 });
    expect(page.map((user) => user.name)).toEqual(["b", "c"]);
  });
});

describe("passwords", () => {
  const password = "correct horse battery";

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

  test("a short password is refused", async () => {
    await expect(users.create({ ...ada, password: "short" })).rejects.toMatchObject({ status: 400 });
  });

  test("no hash leaves the service", async () => {
    const user = await users.create({ ...ada, password });
    expect(Object.keys(user).sort()).toEqual(["createdAt", "email", "id", "name", "updatedAt"]);
  });
});
