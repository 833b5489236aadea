/** Signed policies: the shared table, and what is refused before it is signed. */
import assert from "node:assert/strict";
import { inspect } from "node:util";
import { describe, test } from "node:test";

import { CallbackParameter, PolicyBuilder, SignedPolicy } from "upcall";

import { readVectors } from "./vectors.mjs";

describe("the shared table", () => {
  for (const one of readVectors("signed-policy.json").cases) {
    test(one.name, () => {
      const builder = new PolicyBuilder(new Date(one.expiration));
      for (const condition of one.conditions) builder.and(condition);
      const policy = builder.build();
      const { accessKeyId, accessKeySecret, region, securityToken } = one;
      const now = new Date(one.now);
      const signed =
        one.version === "V1"
          ? SignedPolicy.v1({ accessKeyId, accessKeySecret }, policy)
          : SignedPolicy.v4({ accessKeyId, accessKeySecret, region, securityToken, now }, policy);
      signed.host(one.host).dir(one.dir);
      if (one.callback !== null) signed.callback(one.callback);
      for (const [name, value] of one.more) signed.field(name, value);
      assert.equal(Buffer.from(signed.policy, "base64").toString(), one.policyJson);
      assert.deepEqual(signed.fields(), one.fields);
      // As text: the order of the members is the samples' own.
      assert.equal(JSON.stringify(signed), JSON.stringify(one.answer));
      assert.equal(signed.expiration.toISOString(), one.expiration);
    });
  }
});

describe("signatures of the SDKs", () => {
  for (const one of readVectors("post-v1.json")) {
    test(one.name, () => {
      const text = Buffer.from(one.policy_json_text).toString("base64");
      const policy = { encode: () => text, expiration: new Date(0) };
      const signer = { accessKeyId: one.access_key_id, accessKeySecret: one.access_key_secret };
      const fields = Object.fromEntries(SignedPolicy.v1(signer, policy).fields());
      assert.equal(fields.Signature, one.signature_field);
    });
  }
});

const LATER = new Date("2026-12-06T12:05:00Z");

test("the builder writes what the conditions say, in order", () => {
  const policy = new PolicyBuilder(LATER)
    .bucket("photos")
    .equals("key", "a/${filename}")
    .startsWith("key", "a/")
    .isIn("content-type", ["image/png"])
    .notIn("cache-control", [])
    .contentLengthRange(0, 1)
    .build();
  assert.equal(
    policy.text(),
    String.raw`{"expiration":"2026-12-06T12:05:00.000Z","conditions":[["eq","$bucket","photos"],["eq","$key","a/\\${"$"}{filename}"],["starts-with","$key","a/"],["in","$content-type",["image/png"]],["not-in","$cache-control",[]],["content-length-range",0,1]]}`,
  );
});

test("a policy without conditions allows any length, in words that a server takes", () => {
  const { conditions } = JSON.parse(new PolicyBuilder(LATER).build().text());
  assert.deepEqual(conditions, [["content-length-range", 0, 9007199254740991]]);
});

test("what would be signed by mistake is refused", () => {
  const policy = new PolicyBuilder(LATER).build();
  for (const wrong of [new Date(Number.NaN), new Date("+010000-01-01T00:00:00Z"), new Date(-1)]) {
    assert.throws(() => new PolicyBuilder(wrong), RangeError);
  }
  for (const [min, max] of [
    [2, 1],
    [-1, 1],
    [0, 1.5],
    [0, Infinity],
    [undefined, 1],
  ]) {
    assert.throws(() => new PolicyBuilder(LATER).contentLengthRange(min, max), RangeError);
  }
  assert.throws(() => new PolicyBuilder(LATER).bucket(undefined), TypeError);
  assert.throws(() => new PolicyBuilder(LATER).isIn("key", ["a", undefined]), TypeError);
  assert.throws(() => new PolicyBuilder(LATER).startsWith("", "a"), TypeError);
  assert.throws(() => SignedPolicy.v1({ accessKeyId: "ak" }, policy), /accessKeySecret/);
  assert.throws(
    () => SignedPolicy.v1({ accessKeyId: "", accessKeySecret: "sk" }, policy),
    /accessKeyId/,
  );
  assert.throws(
    () => SignedPolicy.v4({ accessKeyId: "ak", accessKeySecret: "sk" }, policy),
    /region/,
  );
});

test("neither policy nor signature is printed", () => {
  const signed = SignedPolicy.v1(
    { accessKeyId: "ak", accessKeySecret: "sk" },
    new PolicyBuilder(LATER).build(),
  );
  const printed = inspect(signed, { depth: null, showHidden: true });
  for (const [, value] of signed.fields())
    assert.ok(value === "ak" || !printed.includes(value), printed);
});

describe("callback parameters", () => {
  const decoded = (options) =>
    JSON.parse(Buffer.from(new CallbackParameter(options).encode(), "base64").toString());

  test("an address that is missing is named, and so is what is no address", () => {
    for (const [url, message] of [
      [undefined, /`url` is missing: give the callback's address/],
      [null, /`url` is no text/],
      [7, /`url` is no text/],
      [new URL("http://app.example/"), /`url` is no text/],
      [[], /1 to 5 addresses, not 0/],
      [[undefined], /a callback's address is/],
    ]) {
      assert.throws(() => new CallbackParameter({ url, body: "object=${object}" }), message);
    }
  });

  test("members as the protocol names them, and none that was not given", () => {
    assert.deepEqual(
      decoded({ url: "http://app.example/callback?x=1", body: "object=${object}" }),
      {
        callbackUrl: "http://app.example/callback?x=1",
        callbackBody: "object=${object}",
        callbackBodyType: "application/x-www-form-urlencoded",
      },
    );
    const url = ["https://a.example:8443/%E4%B8%AD", "b.example/cb"];
    const all = {
      url,
      body: '{"o":${object}}',
      bodyType: "application/json",
      host: "h",
      sni: true,
    };
    assert.deepEqual(decoded(all), {
      callbackUrl: "https://a.example:8443/%E4%B8%AD;b.example/cb",
      callbackHost: "h",
      callbackBody: '{"o":${object}}',
      callbackBodyType: "application/json",
      callbackSNI: true,
    });
  });

  test("every template of the vectors that OSS takes is taken", () => {
    for (const one of readVectors("callback-body.json").cases) {
      if (one.expected_body === undefined) continue;
      assert.equal(
        decoded({ url: "http://a/", body: one.callbackBody }).callbackBody,
        one.callbackBody,
      );
    }
  });

  test("what every upload would be refused for is refused here", () => {
    const good = { url: "http://app.example/callback", body: "object=${object}" };
    for (const wrong of [
      { url: [] },
      { url: ["a", "b", "c", "d", "e", "f"] },
      { url: "ftp://a/" },
      { url: "http://a/中" },
      { url: "http://a/b c" },
      { url: "http://a/;b" },
      { url: "http://user@a/" },
      { url: "http://a:port/" },
      { url: "http://a:0/" },
      { url: "http://a:65536/" },
      { url: "http://-a/" },
      { url: "http://a..b/" },
      { url: "http://[::1]/" },
      { url: `http://${"a".repeat(64)}/` },
      { url: "http://a/<b>" },
      { url: "http://a/\\b" },
      { url: [undefined] },
      { host: "" },
      { host: "a b" },
      { host: "a:0" },
      { host: "a/b" },
      { host: "a\r\nX-More: b" },
      { url: undefined },
      { body: "" },
      { body: undefined },
      { body: "object=$(object)" },
      { body: "object=${object&size=${size}" },
      { body: "object=${object" },
      { bodyType: "text/plain" },
      { body: "x".repeat(5000) },
    ]) {
      assert.throws(
        () => new CallbackParameter({ ...good, ...wrong }),
        TypeError,
        JSON.stringify(wrong),
      );
    }
  });
});
