/**
 * The helper for mini-programs, and the forms of mini-programs and React Native, against the real
 * servers, without a browser.
 *
 * Environment: APP_URL, ACCESS_KEY_SECRET.
 */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import * as bodies from "./bodies.mjs";
import { required, resign, withDeadCallback } from "./browser.mjs";
import { uploadFile } from "../packages/uppy-upcall/snippets/miniProgram.js";

const APP_URL = required("APP_URL");
const POLICY_URL = new URL("/policy", APP_URL).href;
const FILE = { name: "猫 (1).jpg", type: "image/jpeg", bytes: Buffer.from("ÿØÿà not quite a photo", "latin1") };

async function post(host, { contentType, body }) {
  const answer = await fetch(host, { method: "POST", headers: { "content-type": contentType }, body });
  return { statusCode: answer.status, data: await answer.text() };
}

async function recorded(object) {
  const { uploads } = await (await fetch(new URL("/uploads", APP_URL))).json();
  return uploads.find((row) => row.object === object);
}

/** A `wx` whose uploads are written as `write` says; `change` alters what the application signed. */
function wxWith(write, change = (signed) => signed) {
  const seen = { progress: [] };
  return {
    seen,
    request({ url, success, fail }) {
      fetch(url)
        .then(async (answer) => {
          seen.signed = change(await answer.json());
          success({ statusCode: answer.status, data: seen.signed });
        })
        .catch(fail);
    },
    uploadFile({ url, filePath, name, formData, success, fail }) {
      assert.equal(name, "file");
      assert.equal(filePath, "wxfile://tmp_bf506b9052956eb65727c9b137618197.jpg");
      seen.formData = formData;
      post(url, write(formData, FILE)).then(success, fail);
      return { onProgressUpdate: (listen) => listen({ progress: 100 }) };
    },
  };
}

function send(api, more = {}) {
  const filePath = "wxfile://tmp_bf506b9052956eb65727c9b137618197.jpg";
  return uploadFile({ policyUrl: POLICY_URL, filePath, api, ...more });
}

describe("the helper", () => {
  test("fits on a screen", async () => {
    const text = await readFile(new URL("../packages/uppy-upcall/snippets/miniProgram.js", import.meta.url), "utf8");
    assert.ok(text.trimEnd().split("\n").length <= 40);
  });

  for (const write of [bodies.wechatForIos, bodies.wechatWithPath]) {
    test(`uploads as ${write.name} writes it, under a random name`, async () => {
      const api = wxWith(write);
      const percents = [];
      const outcome = await send(api, { onProgress: (percent) => percents.push(percent) });
      assert.equal(outcome.kind, "accepted", JSON.stringify(outcome));
      const { key } = api.seen.formData;
      assert.match(key, /^uploads\/[a-z]+\/[A-Za-z2-8]{10}\.jpg$/);
      assert.equal(JSON.parse(outcome.answer).object, key);
      assert.equal((await recorded(key)).size, FILE.bytes.length);
      assert.deepEqual(percents, [100]);
    });
  }

  test("203 is neither a success nor a refusal", async () => {
    const api = wxWith(bodies.wechatForIos, withDeadCallback);
    const { kind, message, requestId } = await send(api);
    assert.equal(kind, "storedNotAccepted");
    assert.match(message, /Error status/);
    assert.match(requestId, /^[0-9A-F]{24}$/);
  });

  test("a refusal has the server's words", async () => {
    const small = (answer) => resign(answer, ({ conditions }) => conditions.push(["content-length-range", 0, 1]));
    const { kind, status, message } = await send(wxWith(bodies.wechatForIos, small));
    assert.deepEqual([kind, status], ["refused", 400]);
    assert.match(message, /exceeds the maximum allowed size/);
  });

  test("an application that does not sign is a refusal", async () => {
    const api = { request: ({ success }) => success({ statusCode: 401, data: "" }) };
    assert.deepEqual(await send(api), { kind: "refused", status: 401, message: "not signed" });
  });

  test("a network that fails is an error", async () => {
    const api = { request: ({ fail }) => fail({ errMsg: "request:fail" }) };
    await assert.rejects(send(api), { errMsg: "request:fail" });
  });

  test("reads the second generation, signed for a permanent key", async () => {
    const api = wxWith(bodies.wechatForIos, signV4);
    const outcome = await send(api, { fields: { "x:user": "7" } });
    assert.equal(outcome.kind, "accepted", JSON.stringify(outcome));
    assert.equal(api.seen.formData["x:user"], "7");
    assert.ok(!("x-oss-security-token" in api.seen.formData));
    assert.ok(!("OSSAccessKeyId" in api.seen.formData));
  });

  test("sends the token of a temporary key", async () => {
    const api = wxWith(bodies.wechatForIos, (answer) => ({ ...signV4(answer), security_token: "st" }));
    assert.equal((await send(api)).kind, "refused");
    assert.equal(api.seen.formData["x-oss-security-token"], "st");
  });
});

/** The same policy in the second generation. */
function signV4({ policy: first, accessid, dir, host, callback }) {
  const x_oss_date = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const scope = [x_oss_date.slice(0, 8), "cn-hangzhou", "oss", "aliyun_v4_request"];
  const version = "OSS4-HMAC-SHA256";
  const x_oss_credential = [accessid, ...scope].join("/");
  const document = JSON.parse(Buffer.from(first, "base64"));
  document.conditions.push(
    { "x-oss-signature-version": version },
    { "x-oss-credential": x_oss_credential },
    { "x-oss-date": x_oss_date },
  );
  const policy = Buffer.from(JSON.stringify(document)).toString("base64");
  const secret = `aliyun_v4${required("ACCESS_KEY_SECRET")}`;
  const key = scope.reduce((key, part) => createHmac("sha256", key).update(part).digest(), secret);
  const signature = createHmac("sha256", key).update(policy).digest("hex");
  return { policy, version, x_oss_credential, x_oss_date, signature, security_token: "", dir, host, callback };
}

describe("forms of clients that are no browser are taken", () => {
  const expected = {
    wechatForIos: "tmp_bf506b9052956eb65727c9b137618197.jpg",
    wechatWithPath: "tmp_bf506b9052956eb6.jpg",
    reactNativeForIos: encodeURI(FILE.name),
    reactNativeForAndroid: encodeURI(FILE.name),
    reactNativeWithSecondName: FILE.name,
  };
  for (const [name, write] of Object.entries(bodies)) {
    test(name, async () => {
      const { host, dir, policy, accessid, callback, signature } = await (await fetch(POLICY_URL)).json();
      const fields = { key: `${dir}\${filename}`, policy, OSSAccessKeyId: accessid, success_action_status: "200", callback, signature };
      const { statusCode, data } = await post(host, write(fields, FILE));
      assert.equal(statusCode, 200, data);
      const row = await recorded(`${dir}${expected[name]}`);
      assert.equal(row?.size, FILE.bytes.length, data);
      assert.equal(row.mimeType, FILE.type);
    });
  }
});
