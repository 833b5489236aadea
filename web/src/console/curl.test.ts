import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { quote, toCurl } from "./curl";
import type { Call } from "./facts";

/** What bash makes of one word. */
function word(quoted: string): Buffer {
  return execFileSync("bash", ["-c", `printf %s ${quoted}`]);
}

test("a shell reads each word as it was", () => {
  for (const text of ["", "a b", "it's", "$HOME `id` \"x\" \\", "a\nb\r\n\t", "猫\u202e", "\u001b[2J", "7\u00017", "!x", "@/etc/passwd"]) {
    expect(word(quote(text)).toString()).toBe(text);
  }
  const bytes = Array.from({ length: 255 }, (_, index) => index + 1);
  expect([...word(quote(bytes))]).toEqual(bytes);
});

test("nothing that is pasted is a key press", () => {
  expect(quote("a\u001b[2J\u0003\r\u202e")).toMatch(/^[\x20-\x7e]*$/);
});

test("a call becomes the command that makes it", () => {
  const call = {
    url: "127.0.0.1:3000/cb?[a]={b}",
    requestHeaders: [
      ["Host", "app.example"],
      ["Connection", "close"],
      ["Content-Length", "8"],
      ["Authorization", "c2ln"],
      ["x-oss-additional-headers", ""],
    ],
    body: "@name=it's",
  } as unknown as Call;
  expect(toCurl(call)).toBe(
    [
      "curl --http1.1 --globoff --path-as-is --include --request POST",
      "--url 'http://127.0.0.1:3000/cb?[a]={b}'",
      "--header 'Host: app.example'",
      "--header 'Authorization: c2ln'",
      "--header 'x-oss-additional-headers;'",
      "--data-raw '@name=it'\\''s'",
    ].join(" \\\n  "),
  );
  const bytes = { ...call, body: undefined, bodyBase64: btoa("\u00ff\u0000a") } as unknown as Call;
  expect(toCurl(bytes)).toContain("--data-raw $'\\377\\000a'");
});
