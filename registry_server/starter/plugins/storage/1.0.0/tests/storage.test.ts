import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keyProblem } from "../keys";
import { createStorageService, type StorageService } from "../service";
import { errors } from "./support";

let root: string;
let storage: StorageService;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "storage-"));
  const linkSecret = crypto.randomUUID();
  storage = createStorageService({ root, maxBytes: 100, linkSecret, errors });
});

afterEach(() => rm(root, { recursive: true, force: true }));

describe("keys", () => {
  test.each(["a", "avatars/42.png", "2030/01/report_final-2.pdf"])("%p is a key", (key) => {
    expect(keyProblem(key)).toBeNull();
  });

  test.each([
    "",
    "/etc/passwd",
    "../secret",
    "a/../../b",
    "a//b",
    "a/",
    ".env",
    "a/.hidden",
    "a\\b",
    "a\0b",
    "C:file",
    "a b",
    "nul",
    "com1.txt",
    "trailing.",
    "a".repeat(513),
  ])("%p is not", (key) => {
    expect(keyProblem(key)).toBeString();
  });
});

describe("files", () => {
  test("come back as they were put", async () => {
    const stored = await storage.put("notes/a.txt", "hello");
    expect(stored).toEqual({
      key: "notes/a.txt",
      size: 5,
      sha256: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
    });
    expect(await (await storage.get("notes/a.txt")).text()).toBe("hello");
    expect(await storage.exists("notes/a.txt")).toBe(true);
  });

  test("are replaced as a whole and leave nothing behind", async () => {
    await storage.put("a", "a long first version");
    await storage.put("a", new Blob(["short"]));
    expect(await (await storage.get("a")).text()).toBe("short");
    expect(await readdir(join(root, ".uploads"))).toEqual([]);
  });

  test("that are too large are refused", async () => {
    await expect(storage.put("a", new Uint8Array(101))).rejects.toMatchObject({ status: 400 });
    expect(await storage.list()).toEqual([]);
  });

  test("are deleted once", async () => {
    await storage.put("a", "hello");
    expect(await storage.delete("a")).toBe(true);
    expect(await storage.delete("a")).toBe(false);
    await expect(storage.get("a")).rejects.toMatchObject({ status: 404 });
  });

  test("are listed below their folder", async () => {
    for (const key of ["b/2", "a/1", "b/c/3"]) await storage.put(key, "");
    expect(await storage.list()).toEqual(["a/1", "b/2", "b/c/3"]);
    expect(await storage.list("b")).toEqual(["b/2", "b/c/3"]);
    expect(await storage.list("nothing")).toEqual([]);
  });

  test("outside the root cannot be reached by any method", async () => {
    const key = "../outside";
    await expect(storage.put(key, "")).rejects.toMatchObject({ status: 400 });
    await expect(storage.get(key)).rejects.toMatchObject({ status: 400 });
    await expect(storage.delete(key)).rejects.toMatchObject({ status: 400 });
    await expect(storage.list(key)).rejects.toMatchObject({ status: 400 });
  });
});

describe("links", () => {
  const expiresAt = new Date("2030-01-01T00:00:00Z");
  const before = new Date("2029-12-31T23:59:59Z");

  function open(link: string, now = before): Promise<Blob> {
    const [key = "", query] = link.split("?");
    return storage.getByLink(key, new URLSearchParams(query), now);
  }

  test("open their file until they expire", async () => {
    await storage.put("a.txt", "hello");
    const link = storage.link("a.txt", expiresAt);
    expect(await (await open(link)).text()).toBe("hello");
    await expect(open(link, expiresAt)).rejects.toMatchObject({ status: 403 });
  });

  test("cannot be changed to another file or a later time", async () => {
    await storage.put("b.txt", "secret");
    const link = storage.link("a.txt", expiresAt);
    const changed = [
      link.replace("a.txt", "b.txt"),
      link.replace(/expires=\d+/, "expires=9999999999"),
      link.replace(/signature=.*/, "signature="),
      "b.txt",
    ];
    for (const attempt of changed) await expect(open(attempt)).rejects.toMatchObject({ status: 403 });
  });

  test("need a secret that cannot be guessed", () => {
    const weak = () => createStorageService({ root, maxBytes: 1, linkSecret: "short", errors });
    expect(weak).toThrow("at least 32 characters");
    const none = createStorageService({ root, maxBytes: 1, linkSecret: undefined, errors });
    expect(() => none.link("a.txt", expiresAt)).toThrow("needs linkSecret");
  });
});
