import { beforeEach, expect, test } from "bun:test";
import * as createSearch from "../migrations/001_create_search";
import * as addLength from "../migrations/002_add_length";
import type { DB } from "../schema";
import { createSearchService, type SearchService } from "../service";
import { openDatabase } from "./support";

let search: SearchService;

const idsFor = async (text: string, collection?: string) =>
  (await search.find(text, { collection })).map((hit) => hit.id);

beforeEach(async () => {
  search = createSearchService(await openDatabase<DB>(createSearch, addLength));
  await search.put({
    id: "page:1",
    collection: "pages",
    title: "Bread",
    body: "Flour, water, salt and time.",
  });
  await search.put({
    id: "page:2",
    collection: "pages",
    title: "Soup",
    body: "Water and salt. Eat it with bread.",
  });
  await search.put({ id: "note:1", collection: "notes", title: "Shopping", body: "Salt, café au lait" });
});

test("a record is found by any of its words, whatever case and accents", async () => {
  expect(await idsFor("FLOUR")).toEqual(["page:1"]);
  expect(await idsFor("cafe")).toEqual(["note:1"]);
});

test("a word in the title counts for more", async () => {
  expect(await idsFor("bread")).toEqual(["page:1", "page:2"]);
});

test("every word must be there", async () => {
  expect(await idsFor("salt bread eat")).toEqual(["page:2"]);
  expect(await idsFor("salt sugar")).toEqual([]);
});

test("the last word may still be unfinished, the others may not", async () => {
  expect(await idsFor("eat brea")).toEqual(["page:2"]);
  expect(await idsFor("sal bread")).toEqual([]);
  expect(await idsFor("brea ")).toEqual([]);
  expect(await search.find("brea", { prefix: false })).toEqual([]);
});

test("a hit shows where its words are", async () => {
  const [hit] = await search.find("flour");
  expect(hit?.snippet).toEqual([
    { text: "Flour", hit: true },
    { text: ", water, salt and time.", hit: false },
  ]);
});

test("records from before lengths were kept get theirs", async () => {
  const old = await openDatabase<any>(createSearch);
  await old
    .insertInto("search_documents")
    .values({ id: "1", collection: "pages", title: "", body: "" })
    .execute();
  await old
    .insertInto("search_documents")
    .values({ id: "2", collection: "pages", title: "", body: "" })
    .execute();
  const term = (name: string, weight: number) => ({ term: name, document_id: "1", weight });
  await old
    .insertInto("search_terms")
    .values([term("bread", 5), term("salt", 1)])
    .execute();
  await addLength.up(old);
  expect(await old.selectFrom("search_documents").select("length").orderBy("id").execute()).toEqual([
    { length: 6 },
    { length: 0 },
  ]);
});

test("a search can stay in one collection", async () => {
  expect(await idsFor("salt", "notes")).toEqual(["note:1"]);
});

test("no words find nothing", async () => {
  expect(await idsFor(" ?! ")).toEqual([]);
});

test("a record that is put again is replaced", async () => {
  await search.put({ id: "page:1", collection: "pages", title: "Cake", body: "Sugar" });
  expect(await idsFor("flour")).toEqual([]);
  expect(await idsFor("cake sugar")).toEqual(["page:1"]);
});

test("a removed record is not found", async () => {
  await search.remove("page:1");
  expect(await idsFor("flour")).toEqual([]);
});

test("text is text, not a query language", async () => {
  expect(await idsFor("salt' OR 1=1 --")).toEqual([]);
  expect(await idsFor("%")).toEqual([]);
});

test("a long record is found by its last word", async () => {
  const body = Array.from({ length: 1_000 }, (_, index) => `word${index}`).join(" ");
  await search.put({ id: "long", collection: "pages", title: "Long", body });
  expect(await idsFor("word999")).toEqual(["long"]);
});
