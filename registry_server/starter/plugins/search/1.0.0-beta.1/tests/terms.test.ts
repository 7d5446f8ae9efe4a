import { describe, expect, test } from "bun:test";
import { rank, type Match } from "../rank";
import { snippet } from "../snippet";
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

describe("ranking", () => {
  const match = (document_id: string, changes: Partial<Match> = {}): Match => ({
    word: "bread",
    exact: true,
    document_id,
    weight: 1,
    length: 100,
    ...changes,
  });
  const best = (...matches: Match[]) =>
    rank(matches, { documents: 10, averageLength: 100 }).map(([id]) => id);

  test("prefers a rare word", () => {
    expect(best(match("a"), match("b"), match("c", { word: "rye" }))).toEqual(["c", "a", "b"]);
  });

  test("prefers more of a word, but not without end", () => {
    const [[, few], [, many], [, very]] = [1, 10, 100].map(
      (weight) => rank([match("a", { weight })], { documents: 10, averageLength: 100 })[0]!,
    ) as [[string, number], [string, number], [string, number]];
    expect(many).toBeGreaterThan(few);
    expect(very - many).toBeLessThan(many - few);
  });

  test("prefers a short record", () => {
    expect(best(match("long", { length: 1_000 }), match("short", { length: 10 }))).toEqual(["short", "long"]);
  });

  test("prefers the word itself over words that begin with it", () => {
    expect(best(match("begins", { exact: false }), match("is"))).toEqual(["is", "begins"]);
  });
});

describe("a snippet", () => {
  const marked = (text: string, words: string[], size?: number) =>
    snippet(text, words, size)
      .map((piece) => (piece.hit ? `[${piece.text}]` : piece.text))
      .join("");

  test("marks what was found, also the beginning of a word", () => {
    expect(marked("Bread, bake bread: Café!", ["brea", "cafe"])).toBe("[Bread], bake [bread]: [Café]!");
  });

  test("shows the text around the first hit", () => {
    const text = `${"before ".repeat(50)}bread ${"after ".repeat(50)}`;
    const shown = marked(text, ["bread"], 60);
    expect(shown).toStartWith("…before");
    expect(shown).toContain("[bread] after");
    expect(shown).toEndWith("…");
  });

  test("shows the beginning when only the title was hit", () => {
    expect(marked("Flour and water", ["bread"])).toBe("Flour and water");
    expect(marked("", ["bread"])).toBe("");
  });

  test("keeps markup as the text it is", () => {
    expect(snippet("<b>bread</b>", ["bread"])).toEqual([
      { text: "<b>", hit: false },
      { text: "bread", hit: true },
      { text: "</b>", hit: false },
    ]);
  });
});
