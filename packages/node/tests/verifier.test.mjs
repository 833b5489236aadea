/** Callbacks: the shared table, and the forms in which frameworks hand requests over. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { describe, test } from "node:test";

import { CallbackVerifier, FetchedPublicKeys, PublicKey, PublicKeyUrls, VerifyError } from "upcall";
import { CallbackClient } from "upcall/testing";

import { readVectors } from "./vectors.mjs";

const TABLE = readVectors("verify.json");

/** Answers as `keys` of the table says, and writes down what it was asked for. */
function verifierOf(table, asked = [], list = table.keyUrls) {
  const keyUrls = PublicKeyUrls.parse(list.join(" "));
  const fetch = async (url, { redirect }) => {
    assert.equal(redirect, "error");
    asked.push(url);
    const pem = table.keys[url];
    return new Response(pem ?? "no such key", { status: pem === undefined ? 404 : 200 });
  };
  return new CallbackVerifier({ keyUrls, keys: new FetchedPublicKeys({ fetch }) });
}

function requestOf({ method, target, headers, body, bodyBase64 }) {
  const rawBody = bodyBase64 === undefined ? Buffer.from(body) : Buffer.from(bodyBase64, "base64");
  return { method, target, headers, rawBody };
}

/** The code with which it is refused, or `null`. */
async function verdict(verifier, request) {
  try {
    const callback = await verifier.verify(request);
    assert.deepEqual(callback.rawBody, Buffer.from(request.rawBody));
    return null;
  } catch (error) {
    assert.ok(error instanceof VerifyError, error);
    assert.equal(error.part, TABLE.errors[error.code], error.code);
    return error.code;
  }
}

describe("the shared table", () => {
  assert.ok(TABLE.cases.length >= 93);
  for (const one of TABLE.cases) {
    test(one.name, async () => {
      const asked = [];
      assert.equal(await verdict(verifierOf(TABLE, asked, one.keyUrls), requestOf(one)), one.error);
      const isJudgedFirst = [
        "method",
        "target",
        "header-missing",
        "key-url",
        "signature-version",
        "digest",
      ];
      if (isJudgedFirst.includes(one.error)) assert.deepEqual(asked, [], "nothing is fetched");
    });
    test(`${one.name}, headers in Node's raw list`, async () => {
      const request = { ...requestOf(one), headers: one.headers.flat() };
      assert.equal(await verdict(verifierOf(TABLE, [], one.keyUrls), request), one.error);
    });
    test(`${one.name}, headers joined`, async () => {
      const request = { ...requestOf(one), headers: new Headers(one.headers) };
      // `Headers` trims, so an address in a header's value cannot be told from its trimmed self.
      assert.equal(await verdict(verifierOf(TABLE, [], one.keyUrls), request), one.error);
    });
  }
});

describe("headers", () => {
  const genuine = TABLE.cases.find(({ name }) => name === "genuine");

  test("an object of texts and lists is read in any case, and a doubled one is noticed", async () => {
    const headers = Object.fromEntries(
      genuine.headers.map(([name, value]) => [name.toUpperCase(), value]),
    );
    const request = requestOf(genuine);
    assert.equal(await verdict(verifierOf(TABLE), { ...request, headers }), null);
    const url = headers["X-OSS-PUB-KEY-URL"];
    for (const doubled of [[url, url], `${url}, ${url}`]) {
      const twice = { ...headers, "X-OSS-PUB-KEY-URL": doubled };
      assert.equal(
        await verdict(verifierOf(TABLE), { ...request, headers: twice }),
        "header-twice",
      );
    }
    const inTwoCases = { ...headers, "x-oss-pub-key-url": url };
    assert.equal(
      await verdict(verifierOf(TABLE), { ...request, headers: inTwoCases }),
      "header-twice",
    );
  });

  test("a comma in other headers is none of our business", async () => {
    const headers = {
      ...Object.fromEntries(genuine.headers),
      date: "Thu, 26 Nov 2026 18:55:33 GMT",
    };
    assert.equal(await verdict(verifierOf(TABLE), { ...requestOf(genuine), headers }), null);
  });

  test("what is no list of headers is a mistake of the program", async () => {
    for (const headers of [undefined, null, "a: b", ["authorization"]]) {
      await assert.rejects(verifierOf(TABLE).verify({ ...requestOf(genuine), headers }), TypeError);
    }
  });
});

test("a body that a parser has read is a mistake of the program, not a wrong signature", async () => {
  const [one] = TABLE.cases;
  for (const rawBody of [{ bucket: "yonghu-test" }, "bucket=yonghu-test", undefined]) {
    await assert.rejects(verifierOf(TABLE).verify({ ...requestOf(one), rawBody }), /body parser/);
  }
});

test("an error tells which part is wrong, and nothing of what was sent", async () => {
  const [one] = TABLE.cases;
  const request = { ...requestOf(one), headers: [["authorization", "secret!"], one.headers[1]] };
  await assert.rejects(verifierOf(TABLE).verify(request), (error) => {
    assert.equal(error.name, "VerifyError");
    assert.equal(error.code, "header-not-base64");
    assert.equal(error.part, "header");
    assert.ok(!error.message.includes("secret"));
    return true;
  });
});

describe("keys in the vectors", () => {
  const vectors = readVectors("callback-signature.json");
  const documented = PublicKey.fromPem(vectors.oss_public_key.pem);

  for (const one of vectors.cases) {
    test(one.name, () => {
      const message = Buffer.from(one.string_to_sign);
      const signature = Buffer.from(one.authorization, "base64");
      assert.equal(documented.verifyMd5(message, signature), one.verifies);
      assert.equal(documented.verifyMd5(Buffer.concat([message, message]), signature), false);
      assert.equal(documented.verifyMd5(message, Buffer.concat([Buffer.of(0), signature])), false);
    });
  }

  test("what is no RSA key of 512 to 4,096 bits is none", () => {
    const pem = (type, options, part = "publicKey") => {
      const format = part === "publicKey" ? "spki" : "pkcs8";
      return generateKeyPairSync(type, options)[part].export({ type: format, format: "pem" });
    };
    assert.equal(documented.bits, 512);
    for (const bad of [
      "",
      "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
      "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
      pem("ec", { namedCurve: "P-256" }),
      pem("rsa", { modulusLength: 512, publicExponent: 65537 }, "privateKey"),
      vectors.oss_public_key.pem.replaceAll("PUBLIC KEY", "CERTIFICATE"),
    ]) {
      assert.throws(() => PublicKey.fromPem(bad), TypeError, bad);
    }
  });
});

describe("the body of a callback", () => {
  const {
    cases,
    variable_values: values,
    custom_variables: custom,
  } = readVectors("callback-body.json");

  for (const one of cases.filter(({ expected_body: body }) => body !== undefined)) {
    test(`${one.name} is read again`, async () => {
      const callback = await verifiedWith(one.expected_body);
      if (one.callbackBodyType === "application/json") {
        if (isJson(one.expected_body))
          assert.deepEqual(callback.json(), JSON.parse(one.expected_body));
        else assert.throws(() => callback.json(), SyntaxError);
        return;
      }
      for (const [, name, variable] of one.callbackBody.matchAll(/([^&=]+)=\$\{([^}]+)\}/g)) {
        const value =
          { ...values, ...custom, ...one.variable_values, ...one.custom_variables }[variable] ?? "";
        assert.equal(callback.form().get(name), value, name);
      }
    });
  }
});

test("a body that two readers could read in two ways is no form", async () => {
  for (const body of [
    "a=1&b=2&a=3",
    "a=1&%61=1",
    Buffer.from("a=\xff", "latin1"),
    "a=%FF",
    "%ff=1",
  ]) {
    const callback = await verifiedWith(body);
    assert.throws(() => callback.form(), { code: "body", status: 400 }, String(body));
  }
  const callback = await verifiedWith(Buffer.from('{"a":"\xff"}', "latin1"));
  assert.throws(() => callback.json(), { code: "body", status: 400 });
  const torn = await verifiedWith('{"a":1');
  assert.throws(() => torn.json(), { code: "body", status: 400 });
  assert.deepEqual(
    [...(await verifiedWith("a=%E7%8C%AB+1&b=%zz&c")).form()],
    [
      ["a", "猫 1"],
      ["b", "%zz"],
      ["c", ""],
    ],
  );
});

test("a name of JavaScript's own in the body is a member like any other", async () => {
  const form = (await verifiedWith("__proto__=x&constructor=y")).form();
  assert.deepEqual([form.get("__proto__"), form.get("toString")], ["x", null]);
  const json = (await verifiedWith('{"__proto__":{"admin":true}}')).json();
  assert.equal(json.admin, undefined);
  assert.equal({}.admin, undefined);
});

test("what is handed out was verified, whatever became of the buffer meanwhile", async () => {
  const one = TABLE.cases.find(({ name }) => name === "genuine");
  const request = requestOf(one);
  const whole = Buffer.from(request.rawBody);
  const genuineKeys = new FetchedPublicKeys({
    fetch: async (url) => {
      request.rawBody.fill("x");
      return new Response(TABLE.keys[url]);
    },
  });
  const keyUrls = PublicKeyUrls.parse(TABLE.keyUrls.join(" "));
  const callback = await new CallbackVerifier({ keyUrls, keys: genuineKeys }).verify(request);
  assert.equal(request.rawBody[0], "x".charCodeAt(0));
  assert.deepEqual(callback.rawBody, whole);
});

/** A callback with this body, from a verifier that knows one key. */
async function verifiedWith(body) {
  const sender = await CallbackClient.start({ bits: 1024 });
  try {
    return await new CallbackVerifier({ keyUrls: sender.keyUrls }).verify(sender.sign("/", body));
  } finally {
    await sender.close();
  }
}

function isJson(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
