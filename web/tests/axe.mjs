/** What axe-core finds on a page as it stands. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

const source = await readFile(new URL(import.meta.resolve("axe-core/axe.min.js")), "utf8");

/** Fails with each rule that the page breaks and where. */
export async function assertAccessible(page) {
  // Not as a script of the page: its content security policy runs none but its own.
  await page.evaluate(source);
  const found = await page.evaluate(() => globalThis.axe.run());
  const broken = found.violations.map((rule) => [rule.id, ...rule.nodes.map((node) => node.target.join(" "))]);
  assert.deepEqual(broken, []);
}
