import { describe, expect, test } from "bun:test";
import { bucketOf, isOn, type Flag } from "../evaluate";

const flag = (changes: Partial<Flag> = {}): Flag => ({
  key: "new-checkout",
  description: "",
  enabled: true,
  percentage: 0,
  include: [],
  exclude: [],
  ...changes,
});
const people = Array.from({ length: 2000 }, (_, index) => `user-${index}`);

describe("a flag", () => {
  test("that is off is off for everyone", () => {
    expect(isOn(flag({ enabled: false, percentage: 100, include: ["ada"] }), "ada")).toBe(false);
  });

  test("is on for those it names, and off for those it rules out", () => {
    expect(isOn(flag({ include: ["ada"] }), "ada")).toBe(true);
    expect(isOn(flag({ percentage: 100, include: ["ada"], exclude: ["ada"] }), "ada")).toBe(false);
  });

  test("at 100 percent is on for everyone, at 0 for no one", () => {
    expect(people.every((person) => isOn(flag({ percentage: 100 }), person))).toBe(true);
    expect(people.some((person) => isOn(flag(), person))).toBe(false);
  });

  test("without a subject is only on when it is on for everyone", () => {
    expect(isOn(flag({ percentage: 99 }), undefined)).toBe(false);
    expect(isOn(flag({ percentage: 100 }), undefined)).toBe(true);
  });
});

describe("a share", () => {
  test("is about as large as it says", () => {
    const share = people.filter((person) => isOn(flag({ percentage: 25 }), person)).length / people.length;
    expect(share).toBeGreaterThan(0.2);
    expect(share).toBeLessThan(0.3);
  });

  test("only grows: nobody loses the feature when it is raised", () => {
    const early = people.filter((person) => isOn(flag({ percentage: 10 }), person));
    expect(early.every((person) => isOn(flag({ percentage: 20 }), person))).toBe(true);
  });

  test("is another one for each flag", () => {
    const same = people.filter((person) => bucketOf("a", person) < 50 === bucketOf("b", person) < 50);
    expect(same.length / people.length).toBeLessThan(0.6);
  });
});
