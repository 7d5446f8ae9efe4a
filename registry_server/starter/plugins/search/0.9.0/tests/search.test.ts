import { beforeEach, expect, test } from "bun:test";
import * as createSearch from "../migrations/001_create_search";
import type { DB } from "../schema";
import { createSearchService, type SearchService } from "../service";
import { openDatabase } from "./support";

let search: SearchService;

const idsFor = async (text: string, collection?: string) =>
  (await search.find(text, { collection })).map((hit) => hit.id);

beforeEach(async () => {
  search = createSearchService(await openDatabase<DB>(createSearch));
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
