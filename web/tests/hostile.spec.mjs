/**
 * Hostile file names, contents and answers, through the console and through GET: no script runs.
 *
 * Environment: as for `console.spec.mjs`.
 */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { ADMIN_SECRET, ADMIN_URL, admin, makeBucket, startApplication, storageUrl, upload } from "./admin.mjs";
import { launch } from "./browser.mjs";
import { hostileAnswers, hostileFiles } from "./hostile.mjs";

const BUCKET = "hostile";

let browser;
let application;
let beacon;
let files;
let context;
let page;

before(async () => {
  [browser, application, beacon] = await Promise.all([launch(), startApplication(), startBeacon()]);
  await makeBucket(BUCKET, "public-read");
  files = [];
  for (const [key, type, content] of hostileFiles(beacon.url)) {
    const answer = await upload({ bucket: BUCKET, key, type, content: toBytes(content), name: key.replaceAll(/["\r\n]/g, "_") });
    files.push({ key, type, status: answer.status, requestId: answer.requestId });
  }
});
after(async () => {
  await browser?.close();
  await Promise.all([application?.stop(), beacon?.stop()]);
});
beforeEach(async () => {
  beacon.asked.length = 0;
  context = await browser.newContext({ locale: "en", viewport: { width: 1280, height: 900 } });
  await context.addInitScript(() => {
    globalThis.violations = [];
    addEventListener("securitypolicyviolation", (event) => globalThis.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
  });
  page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on("dialog", (dialog) => {
    beacon.asked.push(`dialog ${dialog.message()}`);
    void dialog.dismiss();
  });
});
afterEach(() => context.close());

function toBytes(content) {
  return typeof content === "string" ? Buffer.from(content, content.includes("\u00ff") ? "latin1" : "utf8") : content;
}

/** An address that only a script that runs asks for. */
async function startBeacon() {
  const asked = [];
  const server = createServer((request, response) => {
    asked.push(request.url);
    response.end();
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { asked, stop, url: `http://127.0.0.1:${server.address().port}/ran` };
}

async function login() {
  await page.goto(ADMIN_URL);
  await page.getByLabel("Admin secret").fill(ADMIN_SECRET);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.locator(".tiles").waitFor();
}

async function visit(hash, ready) {
  await page.goto(new URL(`/console/${hash}`, ADMIN_URL).href);
  await page.locator(ready).first().waitFor();
  await nothingRan(hash);
}

/** No script, no attempt at one, nothing in the page that could become one. */
async function nothingRan(where) {
  for (const frame of page.frames()) {
    const mark = await frame.evaluate(() => globalThis.pwned).catch((error) => {
      if (frame.isDetached()) return undefined; // it was taken away meanwhile
      throw error;
    });
    assert.equal(mark, undefined, where);
  }
  assert.deepEqual(beacon.asked, [], where);
  if (!page.url().startsWith(new URL(ADMIN_URL).origin)) return;
  const found = await page.evaluate(() => ({
    violations: globalThis.violations,
    frames: document.querySelectorAll("iframe, object, embed, base, style").length,
    scripts: [...document.scripts].map((script) => script.src).filter((source) => !source.startsWith(location.origin)),
    handlers: [...document.querySelectorAll("*")].flatMap((element) =>
      [...element.attributes].map((attribute) => attribute.name).filter((name) => name.startsWith("on") || name === "style"),
    ),
    links: [...document.querySelectorAll("a[href], [src], [action], [formaction]")]
      .map((element) => element.getAttribute("href") ?? element.getAttribute("src") ?? "")
      .filter((target) => !/^(#\/|\/v1\/|\/console\/)/.test(target)),
    title: document.title,
  }));
  assert.deepEqual(
    { violations: found.violations, frames: found.frames, scripts: found.scripts, handlers: found.handlers, links: found.links },
    { violations: [], frames: 0, scripts: [], handlers: [], links: [] },
    where,
  );
  // Nothing that turns the reading direction, or hides, is left in what is shown.
  const shown = await page.evaluate(() => document.body.innerText);
  assert.ok(!/[\u0000-\u0008\u000e-\u001f\u061c\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/.test(shown), where);
}

describe("forty hostile files", () => {
  test("most of them become objects, and none is lost", () => {
    assert.ok(files.length >= 40, `${files.length}`);
    const stored = files.filter((file) => file.status === 204);
    assert.ok(stored.length >= 36, JSON.stringify(files.filter((file) => file.status !== 204)));
  });

  test("in the console: lists, facts, downloads, deletion", async () => {
    await login();
    const { objects } = await admin("GET", `/v1/buckets/${BUCKET}/objects?limit=1000`);
    assert.equal(objects.length, files.filter((file) => file.status === 204).length);
    await visit(`#/buckets/${BUCKET}/objects/`, "tbody tr");
    for (const { key } of objects) {
      const slash = key.lastIndexOf("/") + 1;
      const folder = key.slice(0, slash);
      await visit(`#/buckets/${BUCKET}/objects/${encodeURIComponent(folder)}`, "tbody tr");
      const row = await rowOf(key, slash);
      await row.getByRole("button", { name: /^Facts/ }).hover();
      await row.getByRole("button", { name: /^Facts/ }).click();
      await page.getByRole("dialog").locator("dd").first().waitFor();
      await nothingRan(`facts of ${key}`);
      await page.keyboard.press("Escape");
      await row.getByRole("button", { name: "Delete" }).click();
      await page.getByRole("dialog").waitFor();
      await nothingRan(`deletion of ${key}`);
      await page.keyboard.press("Escape");
      const downloading = page.waitForEvent("download");
      await row.getByRole("link", { name: "Download" }).click();
      const name = (await downloading).suggestedFilename();
      assert.match(name, /^[^/\\:*?"<>|\u0000-\u001f\u007f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff.][^/\\:*?"<>|\u0000-\u001f\u007f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]*$/u, key);
      await nothingRan(`download of ${key}`);
    }
  });

  /** The row of a key: its name is shown with its hidden characters named, so it is found by place. */
  async function rowOf(key, slash) {
    const path = `/v1/buckets/${BUCKET}/objects?delimiter=/&limit=200&prefix=${encodeURIComponent(key.slice(0, slash))}`;
    const { objects, prefixes } = await admin("GET", path);
    const at = prefixes.length + objects.findIndex((object) => object.key === key);
    return page.locator("tbody tr").nth(at);
  }

  test("opened by hand, as a download of the console is: nothing but a file", async () => {
    await login();
    for (const { key, status } of files) {
      if (status !== 204) continue;
      const url = new URL(`/v1/buckets/${BUCKET}/object/content?key=${encodeURIComponent(key)}`, ADMIN_URL);
      const downloading = page.waitForEvent("download");
      await page.goto(url.href).catch(() => undefined); // a download is no page
      await downloading;
      await nothingRan(`content of ${key}`);
    }
  });

  test("through GET of a bucket that anybody may read", async () => {
    const storage = await storageUrl();
    let pages = 0;
    for (const { key, status } of files) {
      if (status !== 204) continue;
      const path = key.split("/").map(encodeURIComponent).join("/");
      const downloading = page.waitForEvent("download", { timeout: 5_000 }).catch(() => null);
      const answer = await page.goto(`${storage}/${BUCKET}/${path}`).catch(() => null);
      if (answer === null) await downloading;
      else pages += 1;
      // A script in it would have run by now: parsing is over, and images have failed.
      await page.waitForTimeout(50);
      await nothingRan(`GET of ${key}`);
    }
    assert.ok(pages >= 20, `${pages} were shown`);
  });

  test("in frames, images and scripts of another page", async () => {
    const storage = await storageUrl();
    await page.goto(application.url);
    for (const { key, status } of files) {
      if (status !== 204 || key === "module.js") continue;
      const url = `${storage}/${BUCKET}/${key.split("/").map(encodeURIComponent).join("/")}`;
      await page.evaluate(async (source) => {
        const load = (element, attribute) =>
          new Promise((resolve) => {
            element.addEventListener("load", resolve);
            element.addEventListener("error", resolve);
            setTimeout(resolve, 500);
            element[attribute] = source;
            document.body.append(element);
          });
        const frame = document.createElement("iframe");
        await Promise.all([load(frame, "src"), load(new Image(), "src"), load(document.createElement("script"), "src")]);
        frame.remove();
      }, url);
      await nothingRan(`embedded ${key}`);
    }
  });

  test("refused: their forms and names", async () => {
    await login();
    for (const [key] of hostileFiles(beacon.url)) {
      const answer = await upload({
        bucket: BUCKET,
        key,
        name: key.replaceAll(/["\r\n]/g, "_"),
        type: "image/svg+xml",
        conditions: [["eq", "$x:a", "<img src=x onerror=alert(1)>"]],
        fields: { "x:a": key, [`x:${key.length}`]: key },
      });
      assert.ok(answer.status >= 400, key);
      await visit(`#/refusals/${answer.requestId}`, "#form, [role=alert]");
    }
    await visit("#/refusals", "tbody tr");
  });
});

describe("hostile applications", () => {
  test("their answers are text", async () => {
    await login();
    const keys = hostileFiles(beacon.url).map(([key]) => key).filter((key) => !key.includes("\n"));
    for (const [number, answer] of hostileAnswers(beacon.url).entries()) {
      Object.assign(application, answer);
      const key = `answers/${number}/${keys[keys.length - 1 - number]}`;
      const sent = await upload({ bucket: BUCKET, key, callback: application.callback(`/cb?a=%3Cscript%3E&n=${number}`) });
      assert.ok([200, 203].includes(sent.status), `${sent.status}`);
      const { calls } = await admin("GET", `/v1/callbacks?requestId=${sent.requestId}`);
      await visit(`#/callbacks/${calls.at(-1).id}`, "#answer");
      await page.getByRole("button", { name: "Copy as curl" }).click();
      await page.getByLabel("What your application received").fill(`POST /<script> HTTP/1.1\nX: <img src=x onerror=alert(1)>\n\n\u202e</textarea><script>alert(1)</script>`);
      await page.getByRole("button", { name: "Compare" }).click();
      await page.getByTestId("diagnosis").waitFor();
      await nothingRan(`answer ${number}`);
    }
    await visit("#/callbacks", "tbody tr");
    await visit("#/", ".tiles");
  });
});

test("an address with a hostile part leads nowhere", async () => {
  await login();
  for (const hash of [
    "#javascript:alert(1)",
    "#/callbacks/<img src=x onerror=alert(1)>",
    "#/buckets/..%2F..%2Fv1/objects/%3Cscript%3E",
    "#/refusals/%00%0d%0a",
    "#//evil.example/",
  ]) {
    await page.goto(new URL(`/console/${hash}`, ADMIN_URL).href);
    await page.locator("h1").first().waitFor();
    await nothingRan(hash);
  }
});
