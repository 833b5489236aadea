/** The binding: the shared table, and receivers that ask for one. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { Binding, BindingError, CallbackVerifier, VerifyError } from "upcall";
import { CallbackClient } from "upcall/testing";

import { readVectors } from "./vectors.mjs";

const TABLE = readVectors("binding.json");
const SECRET = "sk-of-the-application";

describe("the shared table", () => {
  assert.ok(TABLE.make.length >= 11 && TABLE.verify.length >= 60);
  for (const { name, secret, permission, token } of TABLE.make) {
    test(`made: ${name}`, () => assert.equal(new Binding(secret).make(permission), token));
  }
  for (const { name, secrets, token, bucket, object, now, result } of TABLE.verify) {
    test(`verified: ${name}`, () => {
      const upload = { bucket: bucket ?? undefined, object: object ?? undefined };
      const verify = () => new Binding(secrets).verify(token ?? undefined, upload, now);
      if (typeof result === "string") {
        assert.throws(verify, (error) => {
          assert.ok(error instanceof BindingError && error instanceof VerifyError);
          assert.deepEqual([error.code, error.part, error.status], [result, "binding", 403]);
          return true;
        });
      } else {
        assert.deepEqual(verify(), result);
      }
    });
  }
});

test("the end of a binding is the policy's, and the grace after it", () => {
  const end = new Date(1_796_000_000_100);
  assert.equal(new Binding(SECRET).expiresAfter(end), 1_796_000_001 + TABLE.grace);
  assert.equal(new Binding(SECRET, { graceSeconds: 60 }).expiresAfter(end), 1_796_000_061);
  for (const graceSeconds of [-1, 0.5, NaN, "60"]) {
    assert.throws(() => new Binding(SECRET, { graceSeconds }), TypeError);
  }
});

test("a setting's secrets: the first makes, all verify, short ones are refused", () => {
  const permission = { bucket: "b", prefix: "", expires: 9_999_999_999 };
  const upload = { bucket: "b", object: "k" };
  const [a, b] = ["aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"];
  const both = Binding.fromSetting(` ${a}, ${b},`, SECRET);
  assert.equal(both.make(permission), new Binding(a).make(permission));
  assert.deepEqual(both.verify(new Binding(b).make(permission), upload), permission);
  assert.throws(() => both.verify(new Binding(SECRET).make(permission), upload), BindingError);
  for (const unset of [undefined, ""]) {
    const own = Binding.fromSetting(unset, SECRET);
    assert.equal(own.make(permission), new Binding(SECRET).make(permission));
  }
  assert.throws(() => Binding.fromSetting("aaaaaaaaaaaaaaa", SECRET), /at least 16 bytes/);
  for (const none of ["", [], ["a", ""], undefined]) {
    assert.throws(() => new Binding(none ?? [undefined]), /needs a secret/);
  }
});

test("what is no permission is not signed", () => {
  const good = { bucket: "b", prefix: "p/", expires: 1 };
  const binding = new Binding(SECRET);
  for (const bad of [
    { ...good, key: "p/k" },
    { bucket: "b", expires: 1 },
    { ...good, bucket: undefined },
    { ...good, user: 7 },
    { ...good, expires: 1.5 },
    { ...good, expires: -1 },
    { ...good, expires: undefined },
  ]) {
    assert.throws(() => binding.make(bad), TypeError, JSON.stringify(bad));
  }
});

test("a verifier with a binding takes what was permitted, and says whom it was permitted", async () => {
  const client = await CallbackClient.start({ bits: 1024 });
  const binding = new Binding(SECRET);
  const verifier = new CallbackVerifier({ keyUrls: client.keyUrls, binding });
  const permission = {
    bucket: "photos",
    prefix: "uploads/eric/",
    user: "eric",
    expires: 9_999_999_999,
  };
  const token = binding.make(permission);
  const object = "uploads/eric/cat.png";
  for (const [body, wanted] of [
    [{ bucket: "photos", object, binding: token }, "eric"],
    [JSON.stringify({ bucket: "photos", object, binding: token }), "eric"],
    [{ bucket: "photos", object }, "binding-missing"],
    [JSON.stringify({ bucket: "photos", object, binding: [token] }), "binding-missing"],
    [{ bucket: "photos", object: "uploads/mallory/cat.png", binding: token }, "binding-object"],
    [{ bucket: "other", object, binding: token }, "binding-bucket"],
    [`bucket=photos&object=${object}&object=${object}&binding=${token}`, "body"],
    ['{"bucket":', "body"],
    [`{"bucket":"photos","object":"a","object":"b","binding":"${token}"}`, "body"],
    ['{"bucket":"photos","object":"a","x":[{"y":1,"y":1}]}', "body"],
    [
      `{"bucket":"photos","object":"${object}","x":[{"y:\\"":":"},{}],"binding":"${token}"}`,
      "eric",
    ],
  ]) {
    const got = await verifier.verify(client.sign("/cb", body)).then(
      (callback) => callback.permission.user,
      ({ code }) => code,
    );
    assert.equal(got, wanted, String(body));
  }
  const without = new CallbackVerifier({ keyUrls: client.keyUrls });
  const callback = await without.verify(client.sign("/cb", { object }));
  assert.throws(() => callback.permission, TypeError);
  await client.close();
});
