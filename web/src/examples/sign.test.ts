// @vitest-environment node
import { createHash, createHmac, webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hmac } from "./hmac";
import { parseExampleSettings } from "./settings";
import { DIR, sign } from "./sign";

const VECTORS = join(import.meta.dirname, "../../../crates/upcall/tests/vectors");
const bytes = (text: string) => new TextEncoder().encode(text);

/** With WebCrypto, and as on plain `http`, where there is none. */
const WAYS = [
  ["WebCrypto", webcrypto.subtle as SubtleCrypto],
  ["our own", null],
] as const;

describe.each(WAYS)("HMAC by %s", (_, subtle) => {
  test.each(["SHA-1", "SHA-256"] as const)("%s, for keys and messages of every length", async (hash) => {
    for (const [keyLength, length] of [1, 20, 63, 64, 65, 200].flatMap((key) =>
      [0, 1, 54, 55, 56, 63, 64, 119, 120, 1000].map((message) => [key, message] as const),
    )) {
      const key = new Uint8Array(createHash("shake256", { outputLength: keyLength }).update("key").digest());
      const message = new Uint8Array(length).map((__, at) => at * 7 + keyLength);
      const wanted = createHmac(hash.replace("-", ""), key).update(message).digest("hex");
      const found = Buffer.from(await hmac(hash, key, message, subtle)).toString("hex");
      expect(found, `${keyLength}, ${length}`).toBe(wanted);
    }
  });

  test("the policies of the shared tables", async () => {
    const v1 = JSON.parse(readFileSync(join(VECTORS, "post-v1.json"), "utf8")) as Record<string, string>[];
    for (const { access_key_secret: secret = "", policy_field: policy = "", signature_field } of v1) {
      const signature = await hmac("SHA-1", bytes(secret), bytes(policy), subtle);
      expect(Buffer.from(signature).toString("base64")).toBe(signature_field);
    }
    expect(v1.length).toBeGreaterThan(1);
  });
});

const SIGNER = {
  bucketUrl: "http://127.0.0.1:8700/photos/",
  region: "cn-hangzhou",
  accessKeyId: "ak",
  accessKeySecret: "sk",
};
const NOW = new Date("2026-12-06T12:00:00.500Z");

describe("a policy signed in the browser", () => {
  test("V1", async () => {
    const { version, host, dir, fields, expiresAt } = await sign("V1", SIGNER, NOW);
    expect([version, host, dir]).toEqual(["V1", SIGNER.bucketUrl, DIR]);
    expect(expiresAt).toEqual(new Date("2026-12-06T12:05:00.500Z"));
    const wanted = createHmac("sha1", "sk").update(fields["policy"] ?? "").digest("base64");
    expect(fields["signature"]).toBe(wanted);
  });

  test("V4, with the conditions that V4 wants", async () => {
    const { version, fields } = await sign("V4", SIGNER, NOW);
    const { policy = "", ...others } = fields;
    let key: string | Buffer = "aliyun_v4sk";
    for (const part of ["20261206", "cn-hangzhou", "oss", "aliyun_v4_request"]) {
      key = createHmac("sha256", key).update(part).digest();
    }
    const named = {
      "x-oss-signature-version": "OSS4-HMAC-SHA256",
      "x-oss-credential": "ak/20261206/cn-hangzhou/oss/aliyun_v4_request",
      "x-oss-date": "20261206T120000Z",
    };
    expect(version).toBe("V4");
    expect(others).toEqual({
      success_action_status: "200",
      "x-oss-signature": createHmac("sha256", key).update(policy).digest("hex"),
      ...named,
    });
    const { conditions } = JSON.parse(atob(policy)) as { conditions: unknown[] };
    for (const [name, value] of Object.entries(named)) expect(conditions).toContainEqual({ [name]: value });
    expect(conditions).toContainEqual(["starts-with", "$key", DIR]);
  });

  test("never holds the secret", async () => {
    const secret = "a secret that is easily found";
    for (const version of ["V1", "V4"] as const) {
      const signed = await sign(version, { ...SIGNER, accessKeySecret: secret }, NOW);
      expect(atob(signed.fields["policy"] ?? "")).toContain("conditions");
      for (const value of [atob(signed.fields["policy"] ?? ""), JSON.stringify(signed)]) {
        expect(value).not.toContain(secret);
        expect(value).not.toContain(btoa(secret));
      }
    }
  });
});

describe("settings", () => {
  const ALL = { ...SIGNER, policyUrl: "/policy", policyUrlV4: "/policy/v4", policyUrlWithoutCallback: "/policy/plain" };

  test("are taken over", () => expect(parseExampleSettings(ALL)).toEqual(ALL));

  test("may lack the second generation, and a policy without callback", () => {
    const less = { ...ALL, policyUrlV4: null, policyUrlWithoutCallback: undefined };
    expect(parseExampleSettings(less)).toMatchObject({ policyUrlV4: null, policyUrlWithoutCallback: null });
  });

  test.each([null, 7, "x", {}, { bucketUrl: "http://a/" }, { policyUrl: "/policy" }])("%j are none", (json) => {
    expect(parseExampleSettings(json)).toBeNull();
  });
});
