/**
 * The console, as a person uses it, in Chromium, against a real server.
 *
 * Environment: ADMIN_URL, ADMIN_SECRET, APP_URL and ACCESS_KEY_SECRET of an `upcall dev`, CHROMIUM
 * (optional).
 */
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { ADMIN_SECRET, ADMIN_URL, admin, makeBucket, startApplication, until, upload } from "./admin.mjs";
import { assertAccessible } from "./axe.mjs";
import { callOf, close, desk, heading, login, noViolations, open, start, stop, visit } from "./desk.mjs";

const BUCKET = "console-tests";

let browser;
let application;
let context;
let page;

before(async () => {
  await start(BUCKET);
  ({ browser, application } = desk);
});
after(stop);
beforeEach(async () => {
  page = await open();
  ({ context } = desk);
});
afterEach(close);

test("axe finds nothing on the pages, and a file dropped on one does not leave it", async () => {
  await page.goto(ADMIN_URL);
  await heading("Log in");
  await assertAccessible(page);
  await login();
  for (const name of ["Callbacks", "Owed calls", "Refused uploads", "Buckets", "Overview"]) {
    await page.getByRole("navigation").getByRole("link", { name }).click();
    await heading(name);
    await assertAccessible(page);
  }
  const prevented = await page.locator("footer").evaluate((footer) => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File(["x"], "dropped.txt"));
    const send = (name) =>
      !footer.dispatchEvent(new DragEvent(name, { bubbles: true, cancelable: true, dataTransfer }));
    return [send("dragover"), send("drop")];
  });
  assert.deepEqual(prevented, [true, true]);
});

describe("the door", () => {
  test("a wrong secret is told so, and the right one lets in until one logs out", async () => {
    await page.goto(ADMIN_URL);
    assert.equal(page.url(), new URL("/console/", ADMIN_URL).href);
    const field = page.getByLabel("Admin secret");
    await field.fill("not the secret at all");
    await field.press("Enter");
    await page.getByRole("alert").getByText("the admin secret is wrong").waitFor();
    await field.fill(ADMIN_SECRET);
    await field.press("Enter");
    await heading("Overview");
    const [cookie] = await context.cookies();
    assert.deepEqual(
      [cookie.httpOnly, cookie.sameSite, cookie.path, cookie.value.length],
      [true, "Strict", "/", 43],
    );
    assert.equal(await page.evaluate(() => document.cookie), "");
    await page.reload();
    await heading("Overview");
    await page.getByRole("button", { name: "Log out" }).click();
    await heading("Log in");
    await page.reload();
    await heading("Log in");
    await noViolations();
  });

  test("a session that has ended leads back to it", async () => {
    await login();
    await context.clearCookies();
    await page.getByRole("link", { name: "Buckets" }).first().click();
    await heading("Log in");
  });

  test("no other page can use the session", async () => {
    await login();
    // Another server on this machine: for the browser the same site, so that cookies go along.
    await page.goto(application.url);
    const tried = await page.evaluate(async (url) => {
      const attempt = async (path, init) => {
        try {
          const answer = await fetch(`${url}${path}`, { credentials: "include", ...init });
          return `${answer.type} ${answer.status}`;
        } catch {
          return "failed";
        }
      };
      return [
        await attempt("/v1/buckets", {}),
        await attempt("/v1/buckets", { method: "POST", mode: "no-cors", body: "{}" }),
        await attempt("/v1/buckets/console-tests", { method: "DELETE" }),
        await attempt("/v1/buckets/console-tests", { method: "DELETE", headers: { "x-upcall-console": "1" } }),
      ];
    }, new URL(ADMIN_URL).origin);
    assert.deepEqual(tried, ["failed", "failed", "failed", "failed"]);
    const { buckets } = await admin("GET", "/v1/buckets");
    assert.ok(buckets.some((bucket) => bucket.name === BUCKET), "it is still there");
  });

  test("a name that somebody else may have shows nothing", async () => {
    const { port } = new URL(ADMIN_URL);
    const rebound = await browser.browserType().launch({
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-dev-shm-usage", "--host-resolver-rules=MAP evil.example 127.0.0.1"],
    });
    try {
      const foreign = await rebound.newPage();
      const answer = await foreign.goto(`http://evil.example:${port}/console/`);
      assert.equal(answer.status(), 421);
      assert.match(await foreign.content(), /ForeignHost/);
      const local = await foreign.goto(`http://localhost:${port}/console/`);
      assert.equal(local.status(), 200);
    } finally {
      await rebound.close();
    }
  });
});

describe("callbacks", () => {
  test("a new one appears by itself, and can be opened, copied and made again", async () => {
    await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: new URL(ADMIN_URL).origin });
    await login();
    await page.getByRole("link", { name: "Callbacks" }).first().click();
    await heading("Callbacks");
    await page.getByRole("button", { name: "Live" }).waitFor();
    const { status } = await upload({ bucket: BUCKET, key: "live/猫.txt", callback: application.callback("/cb?a=%2F") });
    assert.equal(status, 200);
    const call = await callOf("live/猫.txt");
    const row = page.locator(`tr[data-call="${call.id}"]`);
    await row.waitFor();
    assert.match(await row.innerText(), /agreed[^]*console-tests\/live\/猫\.txt[^]*200/);

    await row.getByRole("link").click();
    await heading(`Call ${call.id}`);
    await page.locator("#answer").waitFor();
    const text = await page.locator("main").innerText();
    assert.match(text, /POST \/cb\?a=%2F[^]*bucket=console-tests&object=live%2F%E7%8C%AB\.txt&size=5/);
    assert.match(text, /"Status":"OK"/);
    assert.match(text, /first byte of the answer/);
    await page.getByRole("button", { name: "Copy as curl" }).click();
    await page.getByRole("button", { name: "Copied" }).waitFor();
    const command = await page.evaluate(() => navigator.clipboard.readText());
    assert.match(command, /^curl [^]*--url 'http:\/\/127\.0\.0\.1:\d+\/cb\?a=%2F'[^]*--header 'Authorization: [^]*--data-raw 'bucket=console-tests/);

    application.body = '{"Status":"again"}';
    await page.getByRole("button", { name: "Call again" }).click();
    await page.getByText('"Status":"again"').waitFor();
    assert.equal(application.received.at(-1).url, "/cb?a=%2F");
    assert.match(page.url(), /#\/callbacks\/[0-9a-f]{16}$/);
    assert.ok(!page.url().endsWith(call.id));
    application.body = '{"Status":"OK"}';
    await noViolations();
  });

  test("only those that failed, and a list that stands still", async () => {
    application.status = 302;
    application.headers = { "content-type": "text/html", location: "/login" };
    await upload({ bucket: BUCKET, key: "redirected.txt", callback: application.callback() });
    application.status = 200;
    application.headers = { "content-type": "application/json" };
    await upload({ bucket: BUCKET, key: "fine.txt", callback: application.callback() });
    await login();
    await visit("#/callbacks");
    await page.getByText("console-tests/fine.txt").first().waitFor();
    await page.getByLabel("Show").selectOption("failed");
    const failed = page.locator("tr", { hasText: "redirected.txt" }).first();
    await failed.getByText("a callback must not need a session").waitFor();
    await page.getByText("console-tests/fine.txt").first().waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Live" }).click();
    await page.getByRole("button", { name: "Paused" }).waitFor();
    await page.getByLabel("Show").selectOption("");
    await page.getByText("console-tests/fine.txt").first().waitFor();
    await upload({ bucket: BUCKET, key: "unseen.txt", callback: application.callback() });
    await callOf("unseen.txt");
    assert.equal(await page.getByText("console-tests/unseen.txt").count(), 0);
    await page.getByRole("button", { name: "Paused" }).click();
    await page.getByText("console-tests/unseen.txt").waitFor();
  });

  test("why did my verification fail: the byte, and the reason", async () => {
    await upload({ bucket: BUCKET, key: "dir/cat.jpg", callback: application.callback() });
    const { id } = await callOf("dir/cat.jpg");
    const got = application.received.at(-1);
    const write = (body) => {
      const lines = [`${got.method} ${got.url} HTTP/1.1`];
      for (let at = 0; at < got.rawHeaders.length; at += 2) lines.push(`${got.rawHeaders[at]}: ${got.rawHeaders[at + 1]}`);
      return `${lines.join("\n")}\n\n${body}`;
    };
    await login();
    await visit(`#/callbacks/${id}`);
    const field = page.getByLabel("What your application received");
    const diagnosis = page.getByTestId("diagnosis");
    await field.fill(write(got.body.replace("dir%2Fcat.jpg", "dir/cat.jpg")));
    await page.getByRole("button", { name: "Compare" }).click();
    await diagnosis.getByText("It does not verify.").waitFor();
    const text = await diagnosis.innerText();
    assert.match(text, /The first byte that differs is number \d+ of the signed text, in the body/);
    assert.match(text, /proven/);
    assert.match(await diagnosis.locator("mark").first().innerText(), /^%2F/);
    assert.match(await diagnosis.locator("mark").nth(1).innerText(), /^\//);

    await field.fill(write(got.body));
    await page.getByRole("button", { name: "Compare" }).click();
    await diagnosis.getByText("It verifies as it was received.").waitFor();
    await field.fill("object=cat.jpg");
    await page.getByRole("button", { name: "Compare" }).click();
    await page.getByRole("alert").getByText("request line").waitFor();
    await noViolations();
  });
});

describe("owed calls", () => {
  test("are seen, delivered and dropped", async () => {
    const bucket = "console-owed";
    await makeBucket(bucket);
    await admin("PUT", `/v1/buckets/${bucket}/callback`, { redeliverSeconds: 3600 });
    const parked = await startApplication();
    const callback = parked.callback();
    await parked.stop();
    for (const key of ["owed/one.txt", "owed/two.txt"]) await upload({ bucket, key, callback });
    const list = async () => (await admin("GET", "/v1/owed")).calls.filter((call) => call.bucket === bucket);
    await until(list, (calls) => calls.length === 2);
    await login();
    await page.getByRole("link", { name: "Owed calls" }).first().click();
    // The overview has rows of the same keys.
    await heading("Owed calls");
    const row = (key) => page.locator("tr", { hasText: key });
    await row("owed/one.txt").waitFor();
    assert.match(await row("owed/one.txt").innerText(), /waiting[^]*console-owed\/owed\/one\.txt/);

    await row("owed/two.txt").getByRole("button", { name: "Drop" }).click();
    const dialog = page.getByRole("dialog", { name: "Drop this call?" });
    await dialog.getByText("console-owed/owed/two.txt").waitFor();
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    assert.equal((await list()).length, 2, "nothing was dropped");
    await row("owed/two.txt").getByRole("button", { name: "Drop" }).click();
    await dialog.getByRole("button", { name: "Drop" }).click();
    await row("owed/two.txt").waitFor({ state: "detached" });
    assert.deepEqual((await list()).map((call) => call.key), ["owed/one.txt"]);

    await row("owed/one.txt").getByRole("button", { name: "Call now" }).click();
    await page.getByText("1 are called again.").waitFor();
    await page.getByLabel("Show").selectOption("givenUp");
    await page.getByText("No call is owed.").waitFor();
    await noViolations();
  });

  test("those that were given up are made when the application is back", async () => {
    const bucket = "console-given-up";
    await makeBucket(bucket);
    await admin("PUT", `/v1/buckets/${bucket}/callback`, { redeliverSeconds: 1 });
    const gone = await startApplication();
    await gone.stop();
    await upload({ bucket, key: "given/up.txt", callback: gone.callback() });
    const list = async () => (await admin("GET", "/v1/owed")).calls.filter((call) => call.bucket === bucket);
    await until(list, ([call]) => call?.state === "givenUp");
    await login();
    await visit("#/owed");
    const row = page.locator("tr", { hasText: "given/up.txt" });
    await row.getByText("given up", { exact: true }).waitFor();
    const back = await startApplication(new URL(gone.url).port);
    try {
      await page.getByRole("button", { name: "Call all that were given up" }).click();
      await page.getByText(/are called again/).waitFor();
      await until(list, (calls) => calls.length === 0);
      assert.match(back.received.at(-1).body, /object=given%2Fup\.txt/);
      await page.getByRole("button", { name: "Refresh" }).click();
      await row.waitFor({ state: "detached" });
    } finally {
      await back.stop();
    }
  });
});

describe("buckets", () => {
  test("one is made, set up and deleted", async () => {
    await login();
    await page.getByRole("link", { name: "Buckets" }).first().click();
    await page.getByRole("button", { name: "New bucket" }).click();
    const dialog = page.getByRole("dialog", { name: "New bucket" });
    await dialog.getByLabel("Name").fill("No Good");
    await dialog.getByRole("button", { name: "Create" }).click();
    await dialog.getByRole("alert").waitFor();
    await dialog.getByLabel("Name").fill("console-made");
    await dialog.getByLabel("Access").selectOption("public-read");
    await dialog.getByRole("button", { name: "Create" }).click();
    await dialog.waitFor({ state: "detached" });
    const row = page.locator("tr", { has: page.getByRole("link", { name: "console-made" }) });
    await row.getByRole("link", { name: "Settings" }).click();
    await heading("console-made: Settings");

    const acl = page.getByRole("form", { name: "Access" });
    await acl.getByLabel("Access").selectOption("private");
    await acl.getByRole("button", { name: "Save" }).click();
    await acl.getByText("Saved").waitFor();

    const cors = page.getByRole("form", { name: "CORS" });
    await cors.getByRole("button", { name: "Add a rule" }).click();
    await cors.getByLabel("Origins").fill("https://www.example.com\nhttps://*.example.org");
    await cors.getByRole("checkbox", { name: "PUT" }).check();
    await cors.getByRole("button", { name: "Save" }).click();
    await cors.getByText("Saved").waitFor();

    const callback = page.getByRole("form", { name: "Callback" });
    await callback.getByLabel("Default callback").fill("{");
    await callback.getByText("This is not JSON.").waitFor();
    await callback.getByLabel("Default callback").fill(JSON.stringify(application.callback()));
    await callback.getByLabel(/Refuse uploads/).check();
    await callback.getByLabel(/^Seconds/).fill("600");
    await callback.getByRole("button", { name: "Save" }).click();
    await callback.getByText("Saved").waitFor();

    const { buckets } = await admin("GET", "/v1/buckets");
    const made = buckets.find((bucket) => bucket.name === "console-made");
    assert.equal(made.acl, "private");
    assert.deepEqual(made.cors.rules, [
      {
        allowedOrigins: ["https://www.example.com", "https://*.example.org"],
        allowedMethods: ["POST", "PUT"],
        allowedHeaders: ["*"],
        exposeHeaders: ["ETag", "x-oss-request-id"],
        maxAgeSeconds: 600,
      },
    ]);
    const settings = await admin("GET", "/v1/buckets/console-made/callback");
    assert.deepEqual(settings.default.callbackUrl, application.callback().callbackUrl);
    assert.deepEqual([settings.required, settings.redeliverSeconds, settings.gate], [true, 600, null]);
    await page.reload();
    assert.equal(await cors.getByLabel("Origins").inputValue(), "https://www.example.com\nhttps://*.example.org");

    await cors.getByLabel("Origins").fill("not an origin *.*");
    await cors.getByRole("button", { name: "Save" }).click();
    await cors.getByRole("alert").waitFor();

    await visit("#/buckets");
    await row.getByRole("button", { name: "Delete the bucket" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await row.waitFor({ state: "detached" });
    await noViolations();
  });

  test("objects are browsed, looked at, downloaded and deleted", async () => {
    const bucket = "console-objects";
    await makeBucket(bucket);
    for (const key of ["a/b/deep.txt", "a/one.txt", "top.txt"]) {
      await upload({ bucket, key, content: `content of ${key}`, fields: { "x-oss-meta-who": "eric" } });
    }
    await login();
    await visit("#/buckets/console-objects/objects/");
    await page.getByRole("link", { name: "a/", exact: true }).click();
    await page.locator("tr", { hasText: "one.txt" }).waitFor();
    await page.getByRole("link", { name: "b/", exact: true }).click();
    const deep = page.locator("tr", { hasText: "deep.txt" });
    await deep.getByRole("button", { name: "Facts of deep.txt" }).click();
    const dialog = page.getByRole("dialog", { name: "Facts" });
    await dialog.getByText("a/b/deep.txt").waitFor();
    assert.match(await dialog.innerText(), /23 B[^]*text\/plain[^]*who: eric/);
    await dialog.getByRole("button", { name: "Close" }).click();
    await dialog.waitFor({ state: "detached" });

    const downloading = page.waitForEvent("download");
    await deep.getByRole("link", { name: "Download" }).click();
    const download = await downloading;
    assert.equal(download.suggestedFilename(), "deep.txt");
    const stream = await download.createReadStream();
    assert.equal(Buffer.concat(await stream.toArray()).toString(), "content of a/b/deep.txt");

    await deep.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("dialog").getByText("console-objects/a/b/deep.txt").waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await page.getByText("There is no object here.").waitFor();
    await page.getByRole("navigation", { name: "Prefix" }).getByRole("link", { name: bucket }).click();
    await page.locator("tr", { hasText: "top.txt" }).waitFor();
    await page.getByRole("textbox", { name: "Prefix" }).fill("to");
    await page.getByRole("textbox", { name: "Prefix" }).press("Enter");
    await page.locator("tr", { hasText: "p.txt" }).waitFor();
    await noViolations();
  });
});

describe("refused uploads", () => {
  test("each condition is said to be met or not, found by the request's id", async () => {
    const { status, requestId } = await upload({
      bucket: BUCKET,
      key: "user/bob/a.jpg",
      conditions: [{ bucket: BUCKET }, ["starts-with", "$key", "user/eric/"], ["eq", "$x:a", "b"]],
      fields: { "x:a": "c" },
    });
    assert.equal(status, 403);
    await login();
    await page.getByRole("link", { name: "Refused uploads" }).first().click();
    await page.locator("tr", { hasText: "user/bob/a.jpg" }).first().waitFor();
    await page.getByLabel("Request id").fill(requestId);
    await page.getByRole("button", { name: "Open" }).click();
    await heading(`Refused upload ${requestId}`);
    const conditions = page.getByTestId("conditions").getByRole("listitem");
    await conditions.first().waitFor();
    assert.deepEqual(
      await conditions.evaluateAll((items) => items.map((item) => item.className)),
      ["met", "met", "unmet", "unmet"],
    );
    const text = await page.locator("main").innerText();
    assert.match(text, /condition 2 wants field `key` to begin with "user\/eric\/", and it is "user\/bob\/a\.jpg"/);
    assert.match(text, /signature\s+…/);
    await noViolations();
  });

  test("one that is not known is said so", async () => {
    await login();
    await visit("#/refusals/nothing");
    await page.getByRole("alert").getByText("there is no refused upload of this request id").waitFor();
  });
});
