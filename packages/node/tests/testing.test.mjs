/**
 * The helpers for other people's tests, with the real program: `UPCALL` names it, or it is on the
 * `PATH`, or `UPCALL_ADMIN_URL` and the rest name a running one.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { inspect } from "node:util";

import {
  CallbackParameter,
  CallbackVerifier,
  PolicyBuilder,
  presignHead,
  readRawBody,
  SignedPolicy,
  uploadMismatch,
} from "upcall";
import { AdminError, CallbackClient, UpcallServer } from "upcall/testing";

const BODY = "bucket=${bucket}&object=${object}&size=${size}&mimeType=${mimeType}&user=${x:user}";

describe("upcall with a bucket for each test", () => {
  let upcall;
  let app;
  let callback;
  /** What the application has heard and believed, by bucket and object. */
  const heard = [];

  before(async () => {
    upcall = await UpcallServer.start();
    const verifier = new CallbackVerifier({ keyUrls: upcall.keyUrls });
    app = createServer(async (request, response) => {
      const { method, url: target, rawHeaders: headers } = request;
      const rawBody = await readRawBody(request);
      const verdict = await verifier
        .verify({ method, target, headers, rawBody })
        .catch((error) => error);
      if (!(verdict instanceof Error)) heard.push(Object.fromEntries(verdict.form()));
      const answer = JSON.stringify({ Status: verdict instanceof Error ? verdict.code : "OK" });
      response
        .writeHead(verdict instanceof Error ? 400 : 200, { "Content-Length": answer.length })
        .end(answer);
    });
    await new Promise((resolve) => app.listen(0, "127.0.0.1", resolve));
    callback = new CallbackParameter({
      url: `http://127.0.0.1:${app.address().port}/cb?a=%2F`,
      body: BODY,
    });
  });
  after(async () => {
    app.closeAllConnections();
    app.close();
    await upcall.close();
  });

  const heardOf = (bucket) => heard.filter((members) => members.bucket === bucket.name);

  test("an upload reaches the application, and its callback is recorded", async () => {
    const bucket = await upcall.bucket();
    const answer = await bucket.upload({
      key: "user/${filename}",
      file: "12345",
      fileName: "猫 1.txt",
      contentType: "text/plain",
      callback,
      fields: { "x:user": "eric" },
    });
    assert.equal(answer.status, 200, answer.body);
    assert.deepEqual(answer.json(), { Status: "OK" });
    const members = {
      bucket: bucket.name,
      object: "user/猫 1.txt",
      size: "5",
      mimeType: "text/plain",
      user: "eric",
    };
    assert.deepEqual(heardOf(bucket), [members]);
    const call = await bucket.waitForCallback({ key: "user/猫 1.txt" });
    assert.deepEqual(Object.fromEntries(call.form()), members);
    assert.equal(call.requestId, answer.requestId);
    assert.equal(call.outcome, "agreed");
    assert.equal(call.target, "/cb?a=%2F");
    assert.deepEqual(call.answer.status, 200);
    await bucket.remove();
  });

  test("a HEAD request says whether the object is there as the callback said", async () => {
    const bucket = await upcall.bucket();
    const key = "user/a b+c&'(猫).txt";
    const { headers } = await bucket.upload({ key, file: "12345" });
    const etag = headers.get("etag").replaceAll('"', "");
    const signer = {
      accessKeyId: upcall.accessKeyId,
      accessKeySecret: upcall.accessKeySecret,
      region: "cn-hangzhou",
    };
    const mismatch = async (name, said) => {
      const url = presignHead(signer, { host: bucket.url, bucket: bucket.name, key: name });
      return uploadMismatch(await fetch(url, { method: "HEAD", redirect: "error" }), said);
    };
    assert.equal(await mismatch(key, { size: 5, etag }), undefined);
    assert.match(await mismatch(key, { size: 6, etag }), /size/);
    assert.match(await mismatch(key, { size: 5, etag: etag.replace(/^./, "x") }), /ETag/);
    assert.match(await mismatch("user/none.txt", { size: 5, etag }), /no such object/);
    signer.accessKeySecret = "another";
    assert.match(await mismatch(key, { size: 5, etag }), /answered 403/);
    await bucket.remove();
  });

  test("calls are waited for one after the other, and none is missed", async () => {
    const bucket = await upcall.bucket();
    const waiting = bucket.waitForCallback();
    await bucket.upload({ key: "a", file: "1", callback });
    assert.equal((await waiting).key, "a");
    await bucket.upload({ key: "b", file: "1", callback });
    await bucket.upload({ key: "c", file: "1", callback });
    // By key, in another order than they came in; without a key, in the order they came in.
    assert.equal((await bucket.waitForCallback({ key: "c" })).key, "c");
    assert.equal((await bucket.waitForCallback({ key: "b" })).key, "b");
    assert.equal((await bucket.waitForCallback()).key, "b");
    assert.equal((await bucket.waitForCallback()).key, "c");
    await assert.rejects(
      bucket.waitForCallback({ timeoutMs: 100 }),
      /no callback from bucket `test-\w+` within 100 ms/,
    );
  });

  test("buckets do not hear of each other, and a wiped one has forgotten", async () => {
    const [one, other] = await Promise.all([upcall.bucket(), upcall.bucket()]);
    await one.upload({ key: "a", file: "1", callback });
    await other.upload({ key: "b", file: "1", callback });
    await other.fault({ on: "upload", kind: "refuse", count: 5 });
    const keys = async (bucket) => (await bucket.callbacks()).map(({ key }) => key);
    assert.deepEqual([await keys(one), await keys(other)], [["a"], ["b"]]);
    await other.wipe();
    assert.deepEqual([await keys(one), await keys(other)], [["a"], []]);
    assert.equal((await other.upload({ key: "c", file: "1", callback })).status, 200);
    assert.equal((await other.waitForCallback()).key, "c");
    await Promise.all([one.remove(), other.remove()]);
    await assert.rejects(
      one.remove(),
      (error) => error instanceof AdminError && error.status === 404,
    );
  });

  test("calls are listed by key and status", async () => {
    const bucket = await upcall.bucket();
    await bucket.fault({ on: "call", kind: "500", key: "a" });
    for (const key of ["a", "b"]) await bucket.upload({ key, file: "1", callback });
    const listed = async (filter) =>
      (await bucket.callbacks(filter)).map(({ key, outcome }) => `${key} ${outcome}`);
    assert.deepEqual(await listed(), ["a failed", "b agreed"]);
    assert.deepEqual(await listed({ key: "b" }), ["b agreed"]);
    assert.deepEqual(await listed({ status: 500 }), ["a failed"]);
    assert.deepEqual(await listed({ status: 200, key: "a" }), []);
  });

  describe("faults", () => {
    for (const kind of ["refuse", "reset", "500", "bad-json", "wrong-signature"]) {
      test(`a call with \`${kind}\` leaves the upload stored and not accepted, once`, async () => {
        const bucket = await upcall.bucket();
        assert.match(await bucket.fault({ on: "call", kind }), /./);
        const first = await bucket.upload({ key: "a", file: "1", callback });
        assert.equal(first.status, 203, first.body);
        assert.match(first.body, /<Code>CallbackFailed<\/Code>/);
        assert.equal((await bucket.waitForCallback()).outcome, "failed");
        assert.equal((await bucket.upload({ key: "b", file: "1", callback })).status, 200);
      });
    }

    test("a call that comes twice is heard twice", async () => {
      const bucket = await upcall.bucket();
      await bucket.fault({ on: "call", kind: "twice" });
      assert.equal((await bucket.upload({ key: "a", file: "1", callback })).status, 200);
      assert.deepEqual(
        heardOf(bucket).map(({ object }) => object),
        ["a", "a"],
      );
    });

    test("a slow call is late by what was said", async () => {
      const bucket = await upcall.bucket();
      await bucket.fault({ on: "call", kind: "slow", delayMs: 300 });
      const started = performance.now();
      assert.equal((await bucket.upload({ key: "a", file: "1", callback })).status, 200);
      assert.ok(performance.now() - started > 290);
    });

    test("an upload is refused while the fault lasts", async () => {
      const bucket = await upcall.bucket();
      await bucket.fault({ on: "upload", kind: "disk-full", count: 2 });
      const statuses = [];
      for (const key of ["a", "b", "c"])
        statuses.push((await bucket.upload({ key, file: "1", callback })).status);
      assert.ok(statuses[0] >= 500 && statuses[1] >= 500, statuses.join(" "));
      assert.equal(statuses[2], 200);
      assert.equal(heardOf(bucket).length, 1);
    });

    test("one that does not exist is refused in the server's words", async () => {
      const bucket = await upcall.bucket();
      await assert.rejects(bucket.fault({ on: "call", kind: "nonsense" }), AdminError);
    });
  });

  test("policies of both generations, signed or as a page gets them, are taken and enforced", async () => {
    const bucket = await upcall.bucket();
    const { accessKeyId, accessKeySecret } = upcall;
    const policy = new PolicyBuilder(new Date(Date.now() + 60_000))
      .startsWith("key", "user/eric/")
      .equals("callback", callback.encode())
      .contentLengthRange(1, 3)
      .build();
    const signer = { accessKeyId, accessKeySecret, region: "cn-hangzhou" };
    for (const [at, signed] of [
      SignedPolicy.v1(signer, policy),
      SignedPolicy.v4(signer, policy),
    ].entries()) {
      signed.host(bucket.url).dir("user/eric/").callback(callback);
      for (const form of [signed, signed.toJSON(), JSON.parse(JSON.stringify(signed))]) {
        const status = async (upload) => (await bucket.upload({ policy: form, ...upload })).status;
        assert.equal(await status({ key: "user/eric/a", file: "123" }), 200, String(at));
        assert.equal(await status({ key: "user/bob/a", file: "123" }), 403);
        assert.equal(await status({ key: "user/eric/a", file: "1234" }), 400);
      }
    }
  });

  test("a page of another origin is let in by a rule", async () => {
    const cors = [{ allowedOrigins: ["https://page.example"], allowedMethods: ["POST"] }];
    const bucket = await upcall.bucket({ cors });
    const headers = { Origin: "https://page.example", "Access-Control-Request-Method": "POST" };
    const answer = await fetch(bucket.url, { method: "OPTIONS", headers });
    assert.equal(answer.headers.get("access-control-allow-origin"), "https://page.example");
  });
});

describe("finding upcall", () => {
  test("a program that is not there is told, with what to do", async () => {
    const env = { PATH: process.env.PATH, UPCALL: "/nowhere/upcall" };
    await assert.rejects(
      UpcallServer.start({ env }),
      /`\/nowhere\/upcall` cannot be started; set `UPCALL`/,
    );
  });

  test("a program that ends is told, with its words", async () => {
    const env = { ...process.env, UPCALL_ADMIN_URL: undefined };
    await assert.rejects(
      UpcallServer.start({ env, args: ["--no-such-flag"] }),
      /ended with status 2:[^]*--no-such-flag/,
    );
  });

  test("settings for another server do not reach the one that is started", async () => {
    const env = { ...process.env, UPCALL_ADMIN_URL: "", UPCALL_LOG_FORMAT: "such a server's" };
    await (await UpcallServer.start({ env })).close();
  });

  for (const [name, prints] of [
    ["no JSON", "upcall 0.0.1"],
    ["JSON of another version", '{"storage":"http://127.0.0.1:1"}'],
    ["no object", "null"],
  ]) {
    test(`a program that prints ${name} is told, and ended`, async () => {
      const folder = await mkdtemp(join(tmpdir(), "upcall-other-"));
      try {
        const program = join(folder, "upcall");
        const script = `#!/bin/sh\necho $$ > "${folder}/pid"\necho '${prints}'\nexec sleep 60\n`;
        await writeFile(program, script, { mode: 0o755 });
        const env = { PATH: process.env.PATH, UPCALL: program };
        await assert.rejects(UpcallServer.start({ env }), /printed no addresses; is it an upcall/);
        const pid = Number(await readFile(join(folder, "pid"), "utf8"));
        assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
      } finally {
        await rm(folder, { recursive: true });
      }
    });
  }

  test("a running server that is gone is told by its address", async () => {
    const env = {
      UPCALL_ADMIN_URL: "http://127.0.0.1:1",
      UPCALL_ADMIN_SECRET: "s",
      UPCALL_STORAGE_URL: "http://127.0.0.1:1",
      OSS_ACCESS_KEY_ID: "ak",
      OSS_ACCESS_KEY_SECRET: "sk",
    };
    await assert.rejects(
      UpcallServer.start({ env }),
      /does not answer at http:\/\/127\.0\.0\.1:1$/,
    );
  });

  test("a running server that is half named is not used", async () => {
    const env = {
      UPCALL_ADMIN_URL: "http://127.0.0.1:1",
      UPCALL_ADMIN_SECRET: "s",
      OSS_ACCESS_KEY_ID: "ak",
    };
    await assert.rejects(UpcallServer.start({ env }), /`OSS_ACCESS_KEY_SECRET` is not set/);
  });

  test("a running one that the environment names is used, and left running", async () => {
    const folder = await mkdtemp(join(tmpdir(), "upcall-running-"));
    const addresses = ["--storage", "--app", "--admin"].flatMap((flag) => [flag, "127.0.0.1:0"]);
    const child = spawn(
      process.env.UPCALL || "upcall",
      ["dev", "--json", "--data", folder, ...addresses],
      {
        env: { ...process.env, UPCALL_ADMIN_SECRET: "a-secret-of-this-test" },
        stdio: ["ignore", "pipe", "ignore"],
      },
    );
    try {
      const [line] = await once(child.stdout, "data");
      const ready = JSON.parse(line);
      const env = {
        UPCALL_ADMIN_URL: `${ready.admin}/`,
        UPCALL_ADMIN_SECRET: "a-secret-of-this-test",
        UPCALL_STORAGE_URL: `${ready.storage}/`,
        OSS_ACCESS_KEY_ID: ready.accessKeyId,
        OSS_ACCESS_KEY_SECRET: ready.accessKeySecret,
      };
      const upcall = await UpcallServer.start({ env });
      const bucket = await upcall.bucket();
      assert.equal(bucket.url, `${ready.storage}/${bucket.name}/`);
      assert.equal((await bucket.upload({ key: "a", file: "1" })).status, 204);
      await upcall.close();
      assert.equal((await fetch(`${ready.admin}/healthz`)).status, 200);
      assert.ok(
        !inspect(upcall, { depth: null, showHidden: true }).includes("a-secret-of-this-test"),
      );
    } finally {
      child.kill();
      await once(child, "close");
      await rm(folder, { recursive: true });
    }
  });

  test("a started one ends with a process that forgets it", async () => {
    const script = `
      import { UpcallServer } from "upcall/testing";
      const first = await UpcallServer.start({ env: { ...process.env, UPCALL_ADMIN_URL: "" } });
      await (await first.bucket()).upload({ key: "a" });
      console.log(first.storageUrl);`;
    const cwd = new URL("..", import.meta.url);
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      cwd,
      stdio: ["ignore", "pipe", "inherit"],
    });
    let printed = "";
    child.stdout.on("data", (piece) => (printed += piece));
    const [status] = await once(child, "close");
    assert.equal(status, 0);
    await assert.rejects(fetch(printed.trim()), "the program is gone");
  });
});

describe("the sender", () => {
  test("signs as OSS does, and forges what it is told to", async () => {
    const sender = await CallbackClient.start({ bits: 1024 });
    const verifier = new CallbackVerifier({ keyUrls: sender.keyUrls });
    const code = (signed) =>
      verifier.verify(signed).then(
        () => null,
        (error) => error.code,
      );
    const members = { object: "a b/(猫)", size: 5 };
    const signed = sender.sign("/a%20b?x=1", members);
    assert.equal(signed.rawBody.toString(), "object=a%20b%2F%28%E7%8C%AB%29&size=5");
    assert.equal(await code(signed), null);
    for (const tamper of ["body", "path", "query", "key"]) {
      assert.equal(await code(sender.sign("/a%20b?x=1", members, { tamper })), "signature", tamper);
    }
    const headers = [["authorization", "AAAA"]];
    assert.equal(await code(sender.sign("/", members, { headers })), "header-twice");
    const other = new CallbackVerifier();
    await assert.rejects(other.verify(signed), { code: "key-url" });
    await sender.close();
  });
});
