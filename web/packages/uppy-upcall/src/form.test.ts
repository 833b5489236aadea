/** The forms of both generations, in the sample pages' order; the policies are the shared table's. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { buildForm, formFields } from "./form.ts";
import { parsePolicy } from "./policy.ts";

interface Case {
  name: string;
  version: "V1" | "V4";
  host: string;
  dir: string;
  securityToken: string | null;
  expiration: string;
  fields: [string, string][];
  answer: Record<string, unknown>;
}

const TABLE = join(import.meta.dirname, "../../../../crates/upcall/tests/vectors/signed-policy.json");
const { cases } = JSON.parse(readFileSync(TABLE, "utf8")) as { cases: Case[] };

const ORDER = {
  V1: ["key", "policy", "OSSAccessKeyId", "success_action_status", "callback", "signature"],
  V4: [
    "success_action_status",
    "policy",
    "x-oss-signature",
    "x-oss-signature-version",
    "x-oss-credential",
    "x-oss-date",
    "key",
    "x-oss-security-token",
    "callback",
  ],
};

describe.each(cases)("$name", ({ version, host, dir, expiration, fields, answer }) => {
  const signed = parsePolicy(JSON.stringify(answer));

  test("the answer is read", () => {
    const expiresAt = new Date(expiration);
    if (version === "V1") expiresAt.setMilliseconds(0); // `expire` counts whole seconds
    expect(signed).toMatchObject({ version, host, dir, expiresAt });
  });

  test("what was signed is sent as it was signed", () => {
    const sent = new Map(Object.entries(signed.fields).map(([name, value]) => [name.toLowerCase(), value]));
    for (const [name, value] of fields) expect(sent.get(name.toLowerCase()), name).toBe(value);
    expect(sent.get("success_action_status")).toBe("200");
  });

  test("in the sample page's order", () => {
    const names = formFields(signed, `${dir}a.jpg`).map(([name]) => name);
    expect(names).toEqual(ORDER[version].filter((name) => names.includes(name)));
    expect(names).toContain("key");
  });
});

test("the table has both generations, with a callback and with a temporary key", () => {
  const names = cases.map(({ version, answer, securityToken }) =>
    [version, "callback" in answer, securityToken !== null].join(),
  );
  for (const name of ["V1,true,false", "V4,true,false", "V4,false,true"]) expect(names).toContain(name);
});

describe("a V4 answer", () => {
  const V4 = cases.find(({ name }) => name === "V4")?.answer ?? {};

  test.each(["version", "x_oss_signature_version"])("may call its version %s", (member) => {
    const { version, x_oss_signature_version, ...rest } = V4;
    const signed = parsePolicy(JSON.stringify({ ...rest, [member]: version ?? x_oss_signature_version }));
    expect(signed.fields["x-oss-signature-version"]).toBe("OSS4-HMAC-SHA256");
  });

  test.each(["policy", "signature", "x_oss_date", "host"])("without %s is unusable", (member) => {
    const text = JSON.stringify({ ...V4, [member]: "" });
    expect(() => parsePolicy(text)).toThrow(expect.objectContaining({ reason: "unusable" }));
  });

  test("expires when its policy does, dollars escaped the policies' way or not", () => {
    const document = String.raw`{"expiration":"2026-12-06T12:05:00Z","conditions":[["eq","$key","a\\\${filename}\$"]]}`;
    const { expiresAt } = parsePolicy(JSON.stringify({ ...V4, policy: btoa(document), expire: 1 }));
    expect(expiresAt).toEqual(new Date("2026-12-06T12:05:00Z"));
  });
});

test("a V1 answer of a temporary access key sends its token", () => {
  const V1 = cases.find(({ name }) => name === "V1")?.answer ?? {};
  expect(parsePolicy(JSON.stringify({ ...V1, security_token: "st" })).fields["x-oss-security-token"]).toBe("st");
  expect(parsePolicy(JSON.stringify({ ...V1, security_token: "" })).fields).not.toHaveProperty("x-oss-security-token");
});

describe("fields of one's own", () => {
  const signed = parsePolicy(JSON.stringify(cases[0]?.answer));

  test("come before the file, which is last", () => {
    const form = buildForm(formFields(signed, "a", { "x:user": "7" }), new File(["b"], "b.txt"), "a.txt");
    expect([...form.keys()].slice(-2)).toEqual(["x:user", "file"]);
    expect((form.get("file") as File).name).toBe("a.txt");
  });

  test.each(["key", "Key", "policy", "Policy", "signature", "file"])("are not %s, which is in the form already", (name) => {
    expect(() => formFields(signed, "a", { [name]: "b" })).toThrow(TypeError);
  });

  test("may be called as something that every object has", () => {
    expect(formFields(signed, "a", { toString: "b" }).at(-1)).toEqual(["toString", "b"]);
    expect(formFields(signed, "a", JSON.parse('{"__proto__":"b"}')).at(-1)).toEqual(["__proto__", "b"]);
  });
});
