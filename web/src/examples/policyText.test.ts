import { expect, test } from "vitest";
import { formatPolicy } from "./policyText";

test("each condition has a line", () => {
  const conditions = [["starts-with", "$key", "猫/"], { bucket: "photos" }, ["in", "$a", ["b"]]];
  const policy = { expiration: "2026-12-06T12:05:00Z", conditions };
  const base64 = btoa(String.fromCharCode(...new TextEncoder().encode(JSON.stringify(policy))));
  expect(formatPolicy(base64)).toBe(`{
  "expiration": "2026-12-06T12:05:00Z",
  "conditions": [
    ["starts-with", "$key", "猫/"],
    { "bucket": "photos" },
    [
      "in",
      "$a",
      ["b"]
    ]
  ]
}`);
});

test.each([
  ["no base64", "no base64"],
  [btoa("no JSON"), "no JSON"],
  [btoa("null"), "null"],
  ["", ""],
])("%s is shown as it came", (policy, text) => {
  expect(formatPolicy(policy)).toBe(text);
});
