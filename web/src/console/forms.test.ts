import { expect, test } from "vitest";
import { errorOf, query } from "./api";
import { fromLines, fromNumber, toLines } from "./lines";

test("a query has what is not empty, encoded", () => {
  expect(query({ prefix: "a/b &c", marker: null, delimiter: "", limit: 5 })).toBe("?prefix=a%2Fb%20%26c&limit=5");
  expect(query({ marker: null })).toBe("");
});

test("an error has the server's words, or its status", () => {
  const said = errorOf(404, { error: { code: "NoSuchBucket", message: "there is none", hint: "look" } });
  expect([said.status, said.code, said.message, said.hint]).toEqual([404, "NoSuchBucket", "there is none", "look"]);
  for (const json of [null, {}, { error: 1 }, { error: { code: 7 } }, "x"]) {
    expect(errorOf(502, json).code).toBe("502");
  }
});

test("lists are lines, and numbers are whole", () => {
  expect(fromLines(" a \n\n b\r\n")).toEqual(["a", "b"]);
  expect(fromLines(toLines(["x", "y"]))).toEqual(["x", "y"]);
  expect(["600", " 0 ", "", "-1", "1.5", "1e3", "99999999999"].map(fromNumber)).toEqual([600, 0, null, null, null, null, null]);
});
