import { expect, test } from "bun:test";
import { rank } from "../rank";
import { termsOf } from "../terms";

test.each([
  ["Hello, World!", ["hello", "world"]],
  ["Café Ærø naïve", ["cafe", "ærø", "naive"]],
  ["e-mail v2.0", ["e", "mail", "v2", "0"]],
  ["ﬁne print", ["fine", "print"]],
  ["Привет 世界", ["привет", "世界"]],
  ["  ... ", []],
])("%p has the words %p", (text, terms) => {
  expect(termsOf(text)).toEqual(terms);
});

test("a rare word counts for more than a common one", () => {
  const postings = [
    { document_id: "a", term: "common", weight: 1 },
    { document_id: "b", term: "common", weight: 1 },
    { document_id: "c", term: "rare", weight: 1 },
  ];
  expect(rank(postings, 10).map(([id]) => id)).toEqual(["c", "a", "b"]);
});
