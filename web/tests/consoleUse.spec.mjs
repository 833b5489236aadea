/**
 * How the console is to use: by keyboard, in Chinese, and what it looks like.
 *
 * Environment: as for `console.spec.mjs`, and SCREENSHOTS (a folder; optional).
 */
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { ADMIN_SECRET, ADMIN_URL, DEAD_CALLBACK, upload } from "./admin.mjs";
import { callOf, close, desk, heading, open, start, stop, visit } from "./desk.mjs";

const BUCKET = "console-looks";

let application;
let page;

before(async () => {
  await start(BUCKET);
  ({ application } = desk);
});
after(stop);
beforeEach(async () => {
  page = await open();
});
afterEach(close);

describe("using it", () => {
  test("with the keyboard alone", async () => {
    await upload({ bucket: BUCKET, key: "by-hand.txt", callback: application.callback() });
    await page.goto(ADMIN_URL);
    await page.getByLabel("Admin secret").waitFor();
    await page.keyboard.type(ADMIN_SECRET);
    await page.keyboard.press("Enter");
    await heading("Overview");
    assert.equal(await page.evaluate(() => document.activeElement.tagName), "H1");

    /** Presses Tab until something of this name has the focus, and sees that the focus shows. */
    const tabTo = async (name) => {
      for (let presses = 0; presses < 60; presses += 1) {
        await page.keyboard.press("Tab");
        const seen = await page.evaluate(() => {
          const element = document.activeElement;
          const { outlineStyle, outlineWidth } = getComputedStyle(element);
          return { name: element.textContent.trim(), isShown: outlineStyle !== "none" && outlineWidth !== "0px" };
        });
        if (seen.name === name) {
          assert.ok(seen.isShown, `the focus on ${name} shows`);
          return;
        }
      }
      assert.fail(`Tab does not lead to ${name}`);
    };
    await page.locator("h1").evaluate((element) => element.blur());
    await page.evaluate(() => document.body.focus());
    await page.keyboard.press("Shift+Tab");
    await page.evaluate(() => document.querySelector(".skip").focus());
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement.tagName), "MAIN");

    await page.evaluate(() => document.querySelector(".skip").focus());
    await tabTo("Callbacks");
    await page.keyboard.press("Enter");
    await heading("Callbacks");
    const row = page.locator("tr", { hasText: "by-hand.txt" });
    await row.waitFor();
    await tabTo(await row.getByRole("link").innerText());
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name: /^Call / }).waitFor();

    await visit("#/buckets");
    await heading("Buckets");
    await tabTo("New bucket");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    for (let presses = 0; presses < 8; presses += 1) {
      await page.keyboard.press("Tab");
      const place = await page.evaluate(() => {
        const element = document.activeElement;
        return element === document.body || element.closest("dialog") !== null;
      });
      assert.ok(place, "the focus stays in the dialog");
    }
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.waitForFunction(() => document.activeElement?.textContent === "New bucket");
  });

  test("in Chinese, by the browser's language and by choice", async () => {
    page = await open({ locale: "zh-CN" });
    await page.goto(ADMIN_URL);
    await page.getByRole("heading", { name: "登录" }).waitFor();
    assert.equal(await page.locator("html").getAttribute("lang"), "zh-CN");
    await page.getByLabel("管理密钥").fill(ADMIN_SECRET);
    await page.getByRole("button", { name: "登录" }).click();
    for (const name of ["回调", "待送达的回调", "被拒绝的上传", "存储空间"]) {
      await page.getByRole("link", { name, exact: true }).first().click();
      await heading(name);
    }
    await page.getByRole("button", { name: "English" }).click();
    await heading("Buckets");
  });

  for (const width of [360, 1280]) {
    for (const colorScheme of ["light", "dark"]) {
      test(`looks right at ${width} px, ${colorScheme}`, async () => {
        page = await open({
          viewport: { width, height: width === 360 ? 740 : 900 },
          deviceScaleFactor: width === 360 ? 2 : 1,
          colorScheme,
          locale: width === 360 ? "zh-CN" : "en",
        });
        const shots = process.env.SCREENSHOTS;
        if (shots !== undefined) await mkdir(shots, { recursive: true });
        const shoot = async (name) => {
          await page.waitForLoadState("networkidle").catch(() => undefined);
          const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          assert.ok(overflow <= 0, `${name}: ${overflow} px too wide`);
          if (shots === undefined) return;
          const path = join(shots, `console-${name}-${width}-${colorScheme}.png`);
          await page.screenshot({ path, fullPage: true, animations: "disabled" });
        };
        await upload({ bucket: BUCKET, key: "user/eric/harbour at dawn.jpg", callback: application.callback() });
        await upload({ bucket: BUCKET, key: "user/eric/unheard.jpg", callback: DEAD_CALLBACK });
        application.body = "OK";
        await upload({ bucket: BUCKET, key: "user/eric/\u202egpj.exe", callback: application.callback() });
        application.body = '{"Status":"OK"}';
        const { requestId } = await upload({
          bucket: BUCKET,
          key: "user/bob/a.jpg",
          conditions: [["starts-with", "$key", "user/eric/"], ["content-length-range", 0, 100]],
        });
        const { id } = await callOf("user/eric/unheard.jpg");
        const agreed = await callOf("user/eric/harbour at dawn.jpg");
        await page.goto(ADMIN_URL);
        await page.locator("form.login").waitFor();
        await shoot("login");
        await page.locator("input[name=secret]").fill(ADMIN_SECRET);
        await page.keyboard.press("Enter");
        await page.locator(".tiles").waitFor();
        await page.locator(".table, .empty").first().waitFor();
        await shoot("overview");
        for (const [name, hash, ready] of [
          ["callbacks", "#/callbacks", "tr[data-call]"],
          ["failed", `#/callbacks/${id}`, "#answer"],
          ["call", `#/callbacks/${agreed.id}`, "#answer"],
          ["owed", "#/owed", ".table, .empty"],
          ["refusals", "#/refusals", ".table"],
          ["refusal", `#/refusals/${requestId}`, "#conditions"],
          ["buckets", "#/buckets", ".table"],
          ["objects", `#/buckets/${BUCKET}/objects/user%2Feric%2F`, ".table"],
          ["settings", "#/buckets/photos/settings", "form[aria-label]:nth-of-type(3)"],
        ]) {
          await visit(hash);
          await page.locator(ready).first().waitFor();
          await shoot(name);
        }
      });
    }
  }
});
