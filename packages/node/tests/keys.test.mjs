/** Where keys may come from, and how they are fetched: against real servers that misbehave. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";

import { CallbackVerifier, FetchedPublicKeys, PublicKeyUrls } from "upcall";
import { CallbackClient } from "upcall/testing";

import { readVectors } from "./vectors.mjs";

describe("the list of addresses", () => {
  test("exact, below, and with a star", () => {
    const urls = PublicKeyUrls.parse(
      "http://127.0.0.1:8700/callback_pub_key_*.pem, https://keys.example/v1/\n http://[::1]:8700/k.pem oss",
    );
    for (const good of [
      "https://gosspublic.alicdn.com/callback_pub_key_v1.pem",
      "https://gosspublic.alicdn.com/keys/callback_pub_key_v2.pem",
      "http://127.0.0.1:8700/callback_pub_key_5f0c-1.pem",
      "https://keys.example/v1/a.pem",
      "http://[::1]:8700/k.pem",
    ]) {
      assert.ok(urls.admits(good), good);
    }
    for (const bad of [
      "http://127.0.0.1:8700/callback_pub_key_.pem",
      "http://127.0.0.1:8700/callback_pub_key_a.b.pem",
      "http://127.0.0.1:8700/callback_pub_key_a/b.pem",
      "http://127.0.0.1:8700/callback_pub_key.pem",
      "https://keys.example/v1/",
      "https://keys.example/v1",
      "https://keys.example/v10/a.pem",
      "https://keys.example/v1/../a.pem",
      "https://keys.example/v1/a.pem\n",
      "http://[::1]:8700/k.pem2",
      "http://gosspublic.alicdn.com/callback_pub_key_v1.pem",
      "",
    ]) {
      assert.ok(!urls.admits(bad), bad);
    }
  });

  test("a setting replaces OSS's own address, which counts by https only", () => {
    const [https, http] = ["https", "http"].map(
      (scheme) => `${scheme}://gosspublic.alicdn.com/k.pem`,
    );
    for (const [urls, admitsHttps] of [
      [PublicKeyUrls.none(), false],
      [PublicKeyUrls.parse(undefined), true],
      [PublicKeyUrls.parse(" , "), true],
      [PublicKeyUrls.parse("oss"), true],
      [PublicKeyUrls.parse("https://keys.example/k.pem"), false],
      [PublicKeyUrls.parse("https://keys.example/k.pem,oss"), true],
    ]) {
      assert.equal(urls.admits(https), admitsHttps);
      assert.ok(!urls.admits(http));
    }
    assert.ok(PublicKeyUrls.parse("http://gosspublic.alicdn.com/").admits(http));
    assert.throws(() => PublicKeyUrls.parse("OSS"), TypeError);
  });

  test("what is no plain address cannot be listed", () => {
    for (const bad of [
      "",
      "http://127.0.0.1:8700",
      "127.0.0.1:8700/k.pem",
      "http://user@host/k.pem",
      "http://host/*/k.pem",
      "http://host/*-*.pem",
      "http://host*/",
      "http://*",
      "http://host/a//b",
      "http://host/k.pem?x",
      "http://host/%41.pem",
      `http://host/${"a".repeat(1024)}`,
    ]) {
      assert.throws(() => PublicKeyUrls.none().and(bad), TypeError, bad);
    }
  });
});

describe("fetching", () => {
  const PEM = readVectors("callback-signature.json").oss_public_key.pem;
  const hits = new Map();
  let server;
  let origin;

  before(async () => {
    const routes = {
      "/good.pem": (response) => setTimeout(() => response.end(PEM), 20),
      "/moved.pem": (response) => response.writeHead(302, { Location: "/good.pem" }).end(),
      "/created.pem": (response) => response.writeHead(201).end(PEM),
      "/large.pem": (response) => response.end(PEM + "\n".repeat(16 * 1024)),
      "/endless.pem": (response) => response.write("\n"),
      "/slow.pem": () => {},
      "/text.pem": (response) => response.end("no key"),
    };
    server = createServer((request, response) => {
      hits.set(request.url, (hits.get(request.url) ?? 0) + 1);
      const route = routes[request.url];
      if (route === undefined) response.writeHead(404).end();
      else route(response);
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${server.address().port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  test("one fetch for all who ask at once, and none after it", async () => {
    const keys = new FetchedPublicKeys();
    const url = `${origin}/good.pem`;
    const all = await Promise.all(Array.from({ length: 20 }, () => keys.publicKey(url)));
    assert.equal((await keys.publicKey(url)).bits, 512);
    assert.ok(all.every((key) => key === all[0]));
    assert.equal(hits.get("/good.pem"), 1);
  });

  for (const path of ["/moved.pem", "/created.pem", "/large.pem", "/text.pem", "/missing.pem"]) {
    test(`${path} is no key`, async () => {
      const before = hits.get("/good.pem") ?? 0;
      await assert.rejects(new FetchedPublicKeys().publicKey(origin + path));
      assert.equal(hits.get("/good.pem") ?? 0, before, "no redirect was followed");
    });
  }

  test("an answer that does not come or does not end is given up after two seconds", async () => {
    const keys = new FetchedPublicKeys();
    const started = performance.now();
    const slow = ["/slow.pem", "/endless.pem"].map((path) =>
      assert.rejects(keys.publicKey(origin + path)),
    );
    await Promise.all(slow);
    const seconds = (performance.now() - started) / 1000;
    assert.ok(seconds > 1.8 && seconds < 4, `${seconds} s`);
  });

  test("a failure is kept for three seconds and no longer", async () => {
    let now = 0;
    const keys = new FetchedPublicKeys({ now: () => now });
    const url = `${origin}/failing.pem`;
    const asked = async () => {
      await assert.rejects(keys.publicKey(url), /404/);
      return hits.get("/failing.pem");
    };
    assert.equal(await asked(), 1);
    now = 2_999;
    assert.equal(await asked(), 1);
    now = 3_000;
    assert.equal(await asked(), 2);
  });

  test("a key that is another now is learnt, asked for once a minute at most", async () => {
    const keys = await Promise.all([
      CallbackClient.start({ bits: 1024 }),
      CallbackClient.start({ bits: 1024 }),
    ]);
    const pems = await Promise.all(keys.map(async (one) => (await fetch(one.keyUrl)).text()));
    let [now, served, fetched] = [0, 0, 0];
    const source = new FetchedPublicKeys({
      now: () => now,
      fetch: async () => {
        fetched += 1;
        return served === undefined
          ? new Response("", { status: 503 })
          : new Response(pems[served]);
      },
    });
    const keyUrls = PublicKeyUrls.parse(keys[0].keyUrl);
    const verifier = new CallbackVerifier({ keyUrls, keys: source });
    const verdict = async (client) => {
      const { headers, ...request } = client.sign("/cb", "a=b");
      const isUrl = ([name]) => name.toLowerCase() === "x-oss-pub-key-url";
      const url = Buffer.from(keys[0].keyUrl).toString("base64");
      const pointed = headers.map((header) => (isUrl(header) ? [header[0], url] : header));
      return verifier.verify({ ...request, headers: pointed }).then(
        () => "genuine",
        ({ code }) => code,
      );
    };

    assert.equal(await verdict(keys[0]), "genuine");
    served = 1;
    now = 59_999;
    assert.deepEqual([await verdict(keys[1]), fetched], ["signature", 1], "within the minute");
    now = 60_000;
    const all = await Promise.all([1, 2, 3].map(() => verdict(keys[1])));
    assert.deepEqual([all, fetched], [["genuine", "genuine", "genuine"], 2], "one fetch for all");
    assert.deepEqual(
      [await verdict(keys[0]), fetched],
      ["signature", 2],
      "the old key is none now",
    );
    now = 200_000;
    served = undefined;
    assert.deepEqual([await verdict(keys[0]), fetched], ["signature", 3], "without an answer");
    assert.deepEqual([await verdict(keys[1]), fetched], ["genuine", 3], "the key stays");
    await Promise.all(keys.map((one) => one.close()));
  });

  test("no more than sixteen fetches at once, and a key that is known needs none", async () => {
    const waiting = [];
    const fetch = (url) =>
      url.endsWith("/known")
        ? Promise.resolve(new Response(PEM))
        : new Promise((resolve) => waiting.push(resolve));
    const keys = new FetchedPublicKeys({ fetch });
    await keys.publicKey("http://a/known");
    const all = Array.from({ length: 20 }, (_, at) =>
      keys.publicKey(`http://a/${at}`).then(
        () => true,
        () => false,
      ),
    );
    await keys.publicKey("http://a/known");
    assert.equal(waiting.length, 16);
    for (const resolve of waiting) resolve(new Response(PEM));
    assert.equal((await Promise.all(all)).filter(Boolean).length, 16);
  });

  test("a host that does not answer keeps no other host's key from coming", async () => {
    const waiting = [];
    const fetch = (url) =>
      url.startsWith("http://down/")
        ? new Promise((_, reject) => waiting.push(reject))
        : Promise.resolve(new Response(PEM));
    const keys = new FetchedPublicKeys({ fetch });
    const guesses = Array.from({ length: 20 }, (_, at) =>
      assert.rejects(keys.publicKey(`http://down/${at}`)),
    );
    assert.equal((await keys.publicKey("http://up/k.pem")).bits, 512);
    assert.equal(waiting.length, 16);
    for (const reject of waiting) reject(new Error("down"));
    await Promise.all(guesses);
  });

  test("guessed addresses do not push a key out", async () => {
    let fetched = 0;
    const fetch = async (url) => {
      fetched += 1;
      return url.endsWith("/known") ? new Response(PEM) : new Response("", { status: 404 });
    };
    const keys = new FetchedPublicKeys({ fetch });
    await keys.publicKey("http://a/known");
    for (let at = 0; at < 200; at += 1) await assert.rejects(keys.publicKey(`http://a/${at}`));
    await keys.publicKey("http://a/known");
    assert.equal(fetched, 201);
  });
});

test("a verifier says that the key cannot be had, and why", async () => {
  const sender = await CallbackClient.start({ bits: 1024 });
  const verifier = new CallbackVerifier({ keyUrls: sender.keyUrls });
  await sender.close();
  await assert.rejects(verifier.verify(sender.sign("/cb", "a=b")), (error) => {
    assert.equal(error.code, "key-unavailable");
    assert.ok(error.cause instanceof Error);
    return true;
  });
});
