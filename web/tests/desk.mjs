/** A browser that is used on the console, for one file of tests. */
import assert from "node:assert/strict";
import { ADMIN_SECRET, ADMIN_URL, admin, makeBucket, startApplication, until } from "./admin.mjs";
import { launch } from "./browser.mjs";

/** The browser, its context and page, and the application that is called. */
export const desk = { browser: null, context: null, page: null, application: null };

/** Where the tests upload to. */
export let BUCKET = "";

export async function start(bucket) {
  BUCKET = bucket;
  [desk.browser, desk.application] = await Promise.all([launch(), startApplication()]);
  await makeBucket(bucket);
}

export async function stop() {
  await desk.browser?.close();
  await desk.application?.stop();
}

/** A context that nobody has used, which notes what its pages were forbidden; resolves with its page. */
export async function open(options = { locale: "en-GB", viewport: { width: 1280, height: 900 } }) {
  await desk.context?.close();
  desk.context = await desk.browser.newContext(options);
  await desk.context.addInitScript(() => {
    globalThis.violations = [];
    addEventListener("securitypolicyviolation", (event) => globalThis.violations.push(event.violatedDirective));
  });
  desk.page = await desk.context.newPage();
  desk.page.setDefaultTimeout(20_000);
  return desk.page;
}

export async function close() {
  await desk.context?.close();
  desk.context = null;
}

export async function login() {
  const { page } = desk;
  await page.goto(ADMIN_URL);
  await page.getByLabel("Admin secret").fill(ADMIN_SECRET);
  await page.getByRole("button", { name: "Log in" }).click();
  await heading("Overview");
}

export async function visit(hash) {
  await desk.page.goto(new URL(`/console/${hash}`, ADMIN_URL).href);
}

export function heading(name) {
  return desk.page.getByRole("heading", { level: 1, name, exact: true }).waitFor();
}

/** The newest recorded call of a key. */
export async function callOf(key) {
  const find = async () => (await admin("GET", `/v1/callbacks?bucket=${BUCKET}&key=${encodeURIComponent(key)}`)).calls;
  return (await until(find, (calls) => calls.length > 0)).at(-1);
}

export async function noViolations() {
  assert.deepEqual(await desk.page.evaluate(() => globalThis.violations), []);
}
