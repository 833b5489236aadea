import { describe, expect, test } from "vitest";
import { visible, visibleText } from "./visible";

describe("text of strangers", () => {
  test("plain text, in any script, is itself", () => {
    for (const text of ["cat.jpg", "猫 a&b.txt", "<script>alert(1)</script>", "naïve 🙂", "שלום"]) {
      expect(visible(text)).toEqual([{ text, isNamed: false }]);
    }
    expect(visible("")).toEqual([]);
  });

  test("what turns the direction, hides or moves the cursor is named", () => {
    expect(visible("cat\u202egpj.exe")).toEqual([
      { text: "cat", isNamed: false },
      { text: "U+202E", isNamed: true },
      { text: "gpj.exe", isNamed: false },
    ]);
    for (const [letter, name] of [
      ["\0", "NUL"],
      ["\r", "CR"],
      ["\n", "LF"],
      ["\t", "TAB"],
      ["\u001b", "ESC"],
      ["\u007f", "U+007F"],
      ["\u0085", "U+0085"],
      ["\u00ad", "U+00AD"],
      ["\u061c", "U+061C"],
      ["\u200b", "U+200B"],
      ["\u200f", "U+200F"],
      ["\u2028", "U+2028"],
      ["\u2066", "U+2066"],
      ["\ufeff", "BOM"],
      ["\ud800", "U+D800"],
      ["\u{e0041}", "U+E0041"],
    ]) {
      expect(visible(letter ?? "")).toEqual([{ text: name, isNamed: true }]);
    }
    expect(visibleText("a\r\nb")).toBe("a⟨CR⟩⟨LF⟩b");
  });

  test("a block keeps its lines, and nothing else", () => {
    expect(visible("a\n\tb\r\n", "several")).toEqual([
      { text: "a\n\tb", isNamed: false },
      { text: "CR", isNamed: true },
      { text: "\n", isNamed: false },
    ]);
  });
});
