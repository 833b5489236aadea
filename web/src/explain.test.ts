import { describe, expect, test } from "vitest";
import { type Reason, isFinal } from "uppy-upcall";
import { explain } from "./explain";
import { CATALOGS } from "./messages";

describe("in sentences", () => {
  const reasons = Object.keys(CATALOGS.en.refused) as Reason[];

  test.each(["en", "zh"] as const)("every reason has its own in %s", (language) => {
    const messages = CATALOGS[language];
    const explained = reasons.map((reason) => explain({ kind: "refused", reason, words: null }, messages));
    expect(new Set(explained.map(({ title }) => title)).size).toBe(reasons.length);
    for (const { next } of explained) expect(next).toMatch(/[.。]$/);
  });

  test("trying again is offered where it can end otherwise", () => {
    for (const reason of reasons) {
      const { action } = explain({ kind: "refused", reason, words: null }, CATALOGS.en);
      expect(action, reason).toBe(reason === "exists" ? "random" : isFinal(reason) ? null : "again");
    }
    expect(explain({ kind: "accepted", answer: "{}", requestId: null }, CATALOGS.en).action).toBeNull();
  });

  test("an upload without callback does not claim that the application agreed", () => {
    const { title } = explain({ kind: "accepted", answer: "", requestId: null }, CATALOGS.en);
    expect(title).toBe("Stored");
  });
});
