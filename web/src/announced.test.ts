import { describe, expect, test } from "vitest";
import { formatAnswer, formatSize, formatTime } from "./format";
import { firstLanguage } from "./messages";
import { parseRecorded } from "./recorded";
import { parseSettings } from "./settings";

describe("settings", () => {
  test("an application that announces nothing restricts nothing", () => {
    const none = {
      maxBytes: null,
      allowedTypes: null,
      bucket: null,
      policyUrl: "/policy",
      uploadsUrl: "/uploads",
      examplesUrl: null,
    };
    const odd = { maxBytes: -1, allowedTypes: [], bucket: 7, examplesUrl: "javascript:alert(1)" };
    for (const json of [null, "x", {}, odd]) {
      expect(parseSettings(json)).toEqual(none);
    }
  });

  test("what it announces is taken over", () => {
    const settings = {
      maxBytes: 5,
      allowedTypes: ["image/*"],
      bucket: "photos",
      policyUrl: "http://127.0.0.1:3000/",
      uploadsUrl: null,
      examplesUrl: "/examples/",
    };
    expect(parseSettings(settings)).toEqual(settings);
  });
});

describe("recorded uploads", () => {
  test("rows keep their order; what is missing is left out, not guessed", () => {
    const json = { uploads: [{ object: "b", size: 2, width: 0, requestId: "R" }, null, { object: "a" }] };
    expect(parseRecorded(json)).toEqual([
      { object: "b", size: 2, mimeType: "", width: null, height: null, requestId: "R", receivedAt: "" },
      { object: "a", size: null, mimeType: "", width: null, height: null, requestId: "", receivedAt: "" },
    ]);
    expect(parseRecorded([])).toEqual([]);
  });
});

test.each([
  [["zh-TW", "en"], null, "zh"],
  [["fr", "en-GB", "zh"], null, "en"],
  [["fr"], null, "en"],
  [["en"], "zh", "zh"],
  [["zh"], "tlh", "zh"],
] as const)("with %j in the browser and %j remembered the page begins in %s", (tags, remembered, language) => {
  expect(firstLanguage(tags, remembered)).toBe(language);
});

describe("figures", () => {
  test.each([
    [0, "0 B"],
    [1023, "1,023 B"],
    [1024, "1 KB"],
    [3_200_000, "3.1 MB"],
    [200 * 1024 * 1024, "200 MB"],
    [5 * 1024 ** 4, "5 TB"],
  ])("%i bytes are %s", (bytes, text) => {
    expect(formatSize(bytes, "en")).toBe(text);
  });

  test("a text that is no time is shown as it is", () => {
    expect(formatTime("yesterday", "en")).toBe("yesterday");
  });

  test("an answer that is not JSON is shown as it came", () => {
    expect(formatAnswer('{"a":1}')).toBe('{\n  "a": 1\n}');
    expect(formatAnswer("OK")).toBe("OK");
  });
});
