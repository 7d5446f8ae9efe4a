import { beforeEach, describe, expect, test } from "bun:test";
import type { Kysely } from "kysely";
import { linkFor } from "../link";
import * as createTable from "../migrations/001_create_magic_links";
import type { DB } from "../schema";
import { createMagicLinkService, type MagicLinkService, type MagicLinkUser } from "../service";
import { errors, openDatabase } from "./support";

const ada = { id: "user-1", email: "ada@example.org", name: "Ada" };
const now = new Date("2030-01-01T00:00:00Z");
const minutes = (count: number) => new Date(now.getTime() + count * 60_000);

let db: Kysely<DB>;
let known: Map<string, MagicLinkUser>;
let sent: { to: string; subject: string; text: string }[];
let allowed: boolean;

function serviceWith(createAccounts: boolean): MagicLinkService {
  return createMagicLinkService({
    db,
    users: {
      findByEmail: async (email) => known.get(email) ?? null,
      create: async ({ email, name }) => {
        const user = { id: `user-${known.size + 1}`, email, name };
        known.set(email, user);
        return user;
      },
    },
    email: { send: async (message) => sent.push(message) },
    errors,
    mayRequest: async () => allowed,
    url: "https://example.org/enter?from=mail",
    productName: "Example",
    minutes: 15,
    createAccounts,
  });
}

function tokenOf(message: { text: string } | undefined): string {
  return /#token=(\S+)/.exec(message?.text ?? "")?.[1] ?? "";
}

let links: MagicLinkService;

beforeEach(async () => {
  db = await openDatabase<DB>(createTable);
  known = new Map([[ada.email, ada]]);
  sent = [];
  allowed = true;
  links = serviceWith(false);
});

describe("asking for a link", () => {
  test("sends one to the address of the account", async () => {
    await links.request(" Ada@Example.org ", now);
    expect(sent).toMatchObject([{ to: ada.email, subject: "Your link to Example" }]);
    expect(sent[0]?.text).toContain("within the next 15 minutes");
  });

  test("does not tell whether there is an account", async () => {
    expect(await links.request("nobody@example.org", now)).toBeUndefined();
    expect(sent).toEqual([]);
  });

  test("too often sends nothing more, and does not tell either", async () => {
    allowed = false;
    expect(await links.request(ada.email, now)).toBeUndefined();
    expect(sent).toEqual([]);
  });
});

describe("a link", () => {
  test("opens the account once", async () => {
    await links.request(ada.email, now);
    expect(await links.redeem(tokenOf(sent[0]), minutes(14))).toEqual(ada);
    await expect(links.redeem(tokenOf(sent[0]), minutes(14))).rejects.toMatchObject({ status: 401 });
  });

  test("opened twice at the same moment works for one", async () => {
    await links.request(ada.email, now);
    const token = tokenOf(sent[0]);
    const results = await Promise.allSettled([links.redeem(token, now), links.redeem(token, now)]);
    expect(results.filter((result) => result.status === "fulfilled")).toHaveLength(1);
  });

  test("expires", async () => {
    await links.request(ada.email, now);
    await expect(links.redeem(tokenOf(sent[0]), minutes(15))).rejects.toMatchObject({ status: 401 });
  });

  test("makes the others of its account worthless once it is used", async () => {
    await links.request(ada.email, now);
    await links.request(ada.email, now);
    await links.redeem(tokenOf(sent[1]), now);
    await expect(links.redeem(tokenOf(sent[0]), now)).rejects.toMatchObject({ status: 401 });
  });

  test("that was made up is worth nothing", async () => {
    await expect(links.redeem("made-up", now)).rejects.toMatchObject({ status: 401 });
  });

  test("makes an account for a new address, when that is wanted", async () => {
    const open = serviceWith(true);
    await open.request("bob@example.org", now);
    expect(known.has("bob@example.org")).toBe(false);
    expect(await open.redeem(tokenOf(sent[0]), now)).toMatchObject({ email: "bob@example.org", name: "bob" });
  });

  test("keeps its token out of what browsers send to a server", () => {
    const url = new URL(linkFor("https://example.org/enter?from=mail", "abc"));
    expect(url.hash).toBe("#token=abc");
    expect(url.search).toBe("?from=mail");
  });
});

test("the table holds no token that could be used", async () => {
  await links.request(ada.email, now);
  const rows = await db.selectFrom("auth_magic_links").selectAll().execute();
  expect(JSON.stringify(rows)).not.toContain(tokenOf(sent[0]));
});

test("expired links are forgotten", async () => {
  await links.request(ada.email, now);
  expect(await links.purge(minutes(14))).toBe(0);
  expect(await links.purge(minutes(15))).toBe(1);
});
