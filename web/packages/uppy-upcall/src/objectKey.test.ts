import { describe, expect, test } from "vitest";
import { RANDOM_ALPHABET, nameFor, suffixOf } from "./objectKey.ts";

describe("keeping the name", () => {
  test("leaves the name to the storage server", () => {
    expect(nameFor("keep", "cat.jpg")).toBe("${filename}");
  });
});

describe("a random name", () => {
  test("is ten letters of the alphabet and the local suffix", () => {
    const name = /^(.{10})\.gz$/.exec(nameFor("random", "my cat.tar.gz"))?.[1] ?? "";
    expect(name).toHaveLength(10);
    for (const letter of name) expect(RANDOM_ALPHABET).toContain(letter);
  });

  test("has the documented alphabet: nothing that is taken for something else", () => {
    expect(RANDOM_ALPHABET).toBe("ABCDEFGHJKMNPQRSTWXYZabcdefhijkmnprstwxyz2345678");
  });

  test("takes the letters by the random bytes, and throws away those that would favour some", () => {
    const fair = 256 - (256 % RANDOM_ALPHABET.length);
    const bytes = [255, fair, 0, 1, 2, 3, 4, 5, 6, 7, 8, fair - 1];
    const random = (array: Uint8Array<ArrayBuffer>) => array.map(() => bytes.shift() ?? 0);
    expect(nameFor("random", "x", random)).toBe(`ABCDEFGHJ${RANDOM_ALPHABET.at(-1)}`);
  });

  test("differs from file to file", () => {
    const keys = Array.from({ length: 1000 }, () => nameFor("random", "a.jpg"));
    expect(new Set(keys).size).toBe(1000);
  });
});

test.each([
  ["cat.jpg", ".jpg"],
  ["archive.tar.gz", ".gz"],
  ["README", ""],
  [".profile", ".profile"],
  ["ends with.", "."],
])("the suffix of %s is %j", (name, suffix) => {
  expect(suffixOf(name)).toBe(suffix);
});
