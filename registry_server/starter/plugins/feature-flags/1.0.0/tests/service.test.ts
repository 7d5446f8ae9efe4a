import { beforeEach, expect, test } from "bun:test";
import * as createTable from "../migrations/001_create_feature_flags";
import type { DB } from "../schema";
import { createFlagsService, type Cache, type FlagsService } from "../service";
import { errors, openDatabase } from "./support";

let flags: FlagsService;
let recorded: { actor: string; action: string; details?: Record<string, unknown> }[];

function memoryCache(): Cache {
  const values = new Map<string, unknown>();
  return {
    async getOrSet<T>(key: string, load: () => Promise<T>) {
      if (!values.has(key)) values.set(key, await load());
      return values.get(key) as T;
    },
    delete: async (key) => values.delete(key),
  };
}

beforeEach(async () => {
  recorded = [];
  flags = createFlagsService({
    db: await openDatabase<DB>(createTable),
    audit: { record: async (entry) => void recorded.push(entry) },
    cache: memoryCache(),
    errors,
  });
});

test("a flag that nobody made is off", async () => {
  expect(await flags.isEnabled("new-checkout", "ada")).toBe(false);
});

test("a change is seen at once", async () => {
  await flags.set("new-checkout", { include: ["ada"] }, "admin");
  expect(await flags.isEnabled("new-checkout", "ada")).toBe(true);
  await flags.set("new-checkout", { enabled: false }, "admin");
  expect(await flags.isEnabled("new-checkout", "ada")).toBe(false);
});

test("a change keeps what it does not name", async () => {
  await flags.set("new-checkout", { description: "Shorter form", percentage: 12.5 }, "admin");
  await flags.set("new-checkout", { include: ["ada"] }, "admin");
  expect(await flags.list()).toEqual([
    {
      key: "new-checkout",
      description: "Shorter form",
      enabled: true,
      percentage: 12.5,
      include: ["ada"],
      exclude: [],
    },
  ]);
});

test("all flags of a subject come at once", async () => {
  await flags.set("a", { percentage: 100 }, "admin");
  await flags.set("b", { include: ["ada"] }, "admin");
  await flags.set("c", {}, "admin");
  expect(await flags.enabledFor("ada")).toEqual(["a", "b"]);
  expect(await flags.enabledFor()).toEqual(["a"]);
});

test("every change is recorded with who made it", async () => {
  await flags.set("a", { percentage: 10 }, "ada");
  await flags.set("a", { percentage: 20 }, "bob");
  expect(await flags.remove("a", "ada")).toBe(true);
  expect(await flags.remove("a", "ada")).toBe(false);
  expect(recorded.map(({ actor, action }) => `${actor} ${action}`)).toEqual([
    "ada feature-flag.created",
    "bob feature-flag.changed",
    "ada feature-flag.removed",
  ]);
  expect(recorded[1]?.details).toMatchObject({ before: { percentage: 10 }, after: { percentage: 20 } });
});

test("a name or a percentage out of bounds is refused", async () => {
  await expect(flags.set("New Checkout", {}, "ada")).rejects.toMatchObject({ status: 400 });
  await expect(flags.set("a", { percentage: 101 }, "ada")).rejects.toMatchObject({ status: 400 });
  await expect(flags.set("a", { percentage: Number.NaN }, "ada")).rejects.toMatchObject({ status: 400 });
  expect(recorded).toEqual([]);
});
