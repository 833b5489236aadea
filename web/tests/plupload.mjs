/**
 * The classic page of `examples/plupload`, on the real plupload, unmodified, through the documented
 * flow.
 *
 * plupload is AGPL: `run` installs it into the example's folder, and it is never shipped. The page comes from an origin of
 * its own, as somebody's website would, so every answer crosses origins.
 *
 * Environment: APP_URL, ACCESS_KEY_SECRET, BUCKET, ADMIN_URL, ADMIN_SECRET (to let the bucket be used
 * from that origin), CHROMIUM (optional).
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { alterPolicy, launch, makePhoto, required, resign, withDeadCallback } from "./browser.mjs";
import { allowLocalSites } from "./site.mjs";

const APP_URL = required("APP_URL");
const RUN = fileURLToPath(new URL("../../examples/plupload/run", import.meta.url));

let browser;
let photo;
let site;
let url;
let page;
let questions;

before(async () => {
  browser = await launch();
  photo = await makePhoto(browser, 3 * 1024 * 1024);
  const env = { ...process.env, PORT: "0", SERVER_URL: new URL("/policy", APP_URL).href };
  site = spawn(RUN, [], { env, stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(createInterface(site.stdout), "line");
  url = /^ready: (http:.*)$/.exec(line)[1];
  await allowLocalSites();
});
after(async () => {
  await browser?.close();
  const exited = once(site, "exit");
  site.kill();
  assert.equal((await exited)[0], 0);
});

beforeEach(async () => {
  const context = await browser.newContext();
  page = await context.newPage();
  page.setDefaultTimeout(20_000);
  questions = 0;
  page.on("request", (request) => {
    if (new URL(request.url()).pathname === "/policy") questions += 1;
  });
  await page.goto(url);
  await page.locator("input[type=file]").waitFor({ state: "attached" });
});
afterEach(() => page.context().close());

/** Chooses the files, presses the button, and waits for what came of each. */
async function upload(...files) {
  await page.locator("input[type=file]").setInputFiles(files);
  await page.locator("#post").click();
  return ended(files.length);
}

/** Verdict, status and text of each file, once all have ended. */
async function ended(count) {
  const lines = page.locator(["accepted", "stored", "refused"].map((verdict) => `li[data-verdict=${verdict}]`).join());
  await lines.nth(count - 1).waitFor();
  return lines.evaluateAll((all) =>
    all.map(({ dataset: { verdict, status }, textContent }) => ({ verdict, status: Number(status), text: textContent })),
  );
}

function jpeg(name) {
  return { name, mimeType: "image/jpeg", buffer: Buffer.concat([photo, Buffer.from(name)]) };
}

/** Other tests upload at the same time: the row is found by its name. */
async function recordedAs(pattern) {
  const { uploads } = await (await fetch(new URL("/uploads", APP_URL))).json();
  return uploads.find(({ object }) => pattern.test(object));
}

describe("plupload", () => {
  test("uploads with the local name and shows the application's answer", async () => {
    await page.evaluate(() => {
      window.seen = [];
      const list = document.getElementById("files");
      new MutationObserver(() => window.seen.push(list.textContent)).observe(list, { subtree: true, childList: true });
    });
    const [{ verdict, text }] = await upload(jpeg("holiday.jpg"));
    assert.equal(verdict, "accepted", text);
    assert.match(text, /^holiday\.jpg: accepted: \{.*"object":".*\/holiday\.jpg"/);
    assert.ok((await page.evaluate(() => window.seen)).includes("holiday.jpg: 100 %"));
    assert.equal(questions, 1);
    assert.ok(await recordedAs(/\/holiday\.jpg$/));
  });

  test("several files share a policy while it is good", async () => {
    const results = await upload(jpeg("one.jpg"), jpeg("two.jpg"), jpeg("three.jpg"));
    assert.deepEqual(results.map(({ status }) => status), [200, 200, 200], JSON.stringify(results));
    assert.equal(questions, 1);
  });

  test("asks again three seconds before the policy expires", async () => {
    await alterPolicy(page, (answer) => ({ ...answer, expire: Math.floor(Date.now() / 1000) + 2 }));
    const results = await upload(jpeg("four.jpg"), jpeg("five.jpg"));
    assert.deepEqual(results.map(({ status }) => status), [200, 200], JSON.stringify(results));
    assert.equal(questions, 2);
  });

  test("uploads under a random name", async () => {
    await page.getByLabel("random name").check();
    const [{ status, text }] = await upload(jpeg("secret.jpg"));
    assert.equal(status, 200, text);
    const [, name] = /\/([A-Za-z2-8]{10}\.jpg)"/.exec(text);
    assert.ok(await recordedAs(new RegExp(`/${name}$`)));
  });

  test("hears 203 as a success and tells it by the status", async () => {
    await alterPolicy(page, withDeadCallback);
    const [{ verdict, status, text }] = await upload(jpeg("unheard.jpg"));
    assert.deepEqual([verdict, status], ["stored", 203], text);
    assert.match(text, /not accepted by the application: .*<Code>CallbackFailed<\/Code>/s);
  });

  test("gets a refusal as XML that it can read across origins", async () => {
    await alterPolicy(page, (answer) => {
      const expired = resign(answer, (document) => {
        document.expiration = "2020-01-01T00:00:00Z";
      });
      return { ...expired, expire: Math.floor(Date.now() / 1000) + 60 };
    });
    const [{ verdict, status, text }] = await upload(jpeg("late.jpg"));
    assert.deepEqual([verdict, status], ["refused", 403], text);
    assert.match(text, /<Code>AccessDenied<\/Code>[^]*Policy expired/);
  });

  test("without a signature nothing is sent; pressing the button again tries again", async () => {
    await page.route("**/policy", (route) => route.fulfill({ status: 503 }));
    const [{ verdict, text }] = await upload(jpeg("patient.jpg"));
    assert.equal(verdict, "refused");
    assert.match(text, /not signed: the application server answered 503/);
    await page.unroute("**/policy");
    await page.locator("#post").click();
    await page.locator("[data-verdict=accepted]").waitFor();
  });

  test("a policy that does not say when it expires serves one file", async () => {
    await alterPolicy(page, ({ expire: _, ...answer }) => answer);
    const results = await upload(jpeg("six.jpg"), jpeg("seven.jpg"));
    assert.deepEqual(results.map(({ status }) => status), [200, 200], JSON.stringify(results));
    assert.equal(questions, 2);
  });

  test("a bucket without an answer is told, also to those who hear the page", async () => {
    await alterPolicy(page, (answer) => ({ ...answer, host: "http://127.0.0.1:9/" }));
    const [{ verdict, text }] = await upload(jpeg("nowhere.jpg"));
    assert.equal(verdict, "refused");
    assert.match(text, /^nowhere\.jpg: no answer that this page may read/);
    assert.equal(await page.getByRole("status").textContent(), text);
  });

  test("its own filters keep the wrong type at home", async () => {
    await page
      .locator("input[type=file]")
      .setInputFiles([{ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("words") }]);
    const [{ status, text }] = await ended(1);
    assert.equal(status, -601);
    assert.match(text, /this type of file is not taken/);
    assert.equal(questions, 0);
  });
});
