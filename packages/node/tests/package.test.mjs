/** The package as npm installs it: what is in it, and that it works and has its types there. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const PACKAGE = fileURLToPath(new URL("..", import.meta.url));
const run = promisify(execFile);

let folder;
let files;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "upcall-package-"));
  // A copy, as other tests use what is built here; with something that an earlier build has left.
  const copy = join(folder, "copy");
  const isSource = (path) => !/[\\/](node_modules|dist|tests)$/.test(path);
  await cp(PACKAGE, copy, { recursive: true, filter: isSource });
  await symlink(join(PACKAGE, "node_modules"), join(copy, "node_modules"));
  await mkdir(join(copy, "dist"));
  await writeFile(join(copy, "dist/stale.js"), "");
  const flags = ["--json", "--foreground-scripts=false", "--pack-destination", folder];
  const { stdout } = await run("npm", ["pack", ...flags], { cwd: copy });
  const [packed] = JSON.parse(stdout);
  files = packed.files.map(({ path }) => path);
  const installed = join(folder, "node_modules/upcall");
  await mkdir(installed, { recursive: true });
  const archive = join(folder, packed.filename);
  await run("tar", ["-xzf", archive, "--strip-components=1", "-C", installed]);
});
after(() => rm(folder, { recursive: true }));

test("nothing is in it but what is built, the README and the licences", async () => {
  const sources = await readdir(join(PACKAGE, "src"), { recursive: true });
  const built = sources
    .filter((path) => path.endsWith(".ts"))
    .flatMap((path) => [".js", ".d.ts"].map((end) => `dist/${path.replace(/\.ts$/, end)}`));
  const others = ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "package.json"];
  assert.deepEqual(files.sort(), [...built, ...others].sort());
  for (const name of ["LICENSE-APACHE", "LICENSE-MIT"]) {
    const own = await readFile(join(PACKAGE, name), "utf8");
    assert.equal(own, await readFile(join(PACKAGE, "../..", name), "utf8"), name);
  }
  assert.doesNotMatch(await readFile(join(PACKAGE, "README.md"), "utf8"), /\]\(\.\.?\//);
});

test("every entry is there, and none needs a framework or anything else to load", async () => {
  const { exports, dependencies } = JSON.parse(
    await readFile(join(PACKAGE, "package.json"), "utf8"),
  );
  assert.equal(dependencies, undefined);
  const names = Object.keys(exports).map((path) => path.replace(/^\./, "upcall"));
  assert.equal(names.length, 5);
  const script = names.map((name) => `await import(${JSON.stringify(name)});`).join("\n");
  await run(process.execPath, ["--input-type=module", "-e", script], { cwd: folder });
});

test("its types hold where nothing but Node's are, and those of a framework where it is", async () => {
  const compiled = async (source) => {
    await writeFile(join(folder, "app.ts"), source);
    const flags = ["--noEmit", "--strict", "--skipLibCheck", "false", "--target", "ES2022"];
    flags.push("--module", "NodeNext", "--types", "node", "app.ts");
    const tsc = join(PACKAGE, "node_modules/typescript/bin/tsc");
    await run(process.execPath, [tsc, ...flags], { cwd: folder }).catch(({ stdout }) => {
      assert.fail(stdout);
    });
  };
  await writeFile(join(folder, "package.json"), '{"type":"module"}');
  const link = async (name) => {
    await mkdir(join(folder, "node_modules", name, ".."), { recursive: true });
    await symlink(join(PACKAGE, "node_modules", name), join(folder, "node_modules", name));
  };
  await link("@types/node");
  await compiled(`import { VerifyError } from "upcall";
    import { UpcallServer } from "upcall/testing";
    export const status: 400 | 403 | 503 = new VerifyError("target", "").status;
    export const server: Promise<UpcallServer> = UpcallServer.start();`);
  await link("hono");
  await compiled(`import { CallbackVerifier } from "upcall";
    import { receiveCallback } from "upcall/hono";
    receiveCallback(new CallbackVerifier(), (callback, c) => c.json({ n: callback.form().size }));`);
  // What the README begins with, as it stands.
  await link("@types/express");
  const [, snippet] = /<!-- server -->\n```js\n([^]*?)```/.exec(
    await readFile(join(PACKAGE, "README.md"), "utf8"),
  );
  assert.match(snippet, /from "upcall\/express"/);
  await compiled(snippet);
});
