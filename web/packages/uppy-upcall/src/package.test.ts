// @vitest-environment node
/**
 * The package as npm would get it: packed, unpacked elsewhere, imported and type-checked there.
 *
 * In a copy, so that nothing is written into the tree.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

const PACKAGE = join(import.meta.dirname, "..");
const MODULES = join(PACKAGE, "../../node_modules");

interface Packed {
  filename: string;
  files: { path: string }[];
}

let root: string;
let packed: Packed;
let user: string;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "uppy-upcall-"));
  const copy = join(root, "package");
  cpSync(PACKAGE, copy, { recursive: true, filter: (path) => !/\/(dist|node_modules)$/.test(path) });
  symlinkSync(MODULES, join(root, "node_modules"));
  packed = pack(copy);

  user = join(root, "user");
  mkdirSync(join(user, "node_modules/@uppy"), { recursive: true });
  run("tar", ["-xzf", join(copy, packed.filename), "-C", join(user, "node_modules")]);
  run("mv", [join(user, "node_modules/package"), join(user, "node_modules/uppy-upcall")]);
  symlinkSync(join(MODULES, "@uppy/core"), join(user, "node_modules/@uppy/core"));
  writeFileSync(join(user, "package.json"), '{ "type": "module" }');
}, 60_000);

afterAll(() => rmSync(root, { recursive: true, force: true }));

/** npm as it is running us, or as it is on the path. */
function pack(folder: string): Packed {
  const npm = process.env["npm_execpath"];
  const [program, first] = npm === undefined ? ["npm", []] : [process.execPath, [npm]];
  const bin = join(MODULES, ".bin");
  const env = { ...process.env, PATH: `${bin}:${process.env["PATH"] ?? ""}` };
  run(program, [...first, "run", "build"], { cwd: folder, env });
  const [dry] = JSON.parse(run(program, [...first, "pack", "--dry-run", "--ignore-scripts", "--json"], { cwd: folder, env }));
  const [real] = JSON.parse(run(program, [...first, "pack", "--ignore-scripts", "--json"], { cwd: folder, env }));
  expect(real.files).toEqual(dry.files);
  return real;
}

function run(program: string, args: string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): string {
  return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], ...options });
}

test("it has what it promises, and no test, no source and no lockfile", () => {
  const paths = packed.files.map(({ path }) => path);
  const modules = ["form", "index", "objectKey", "outcome", "policy", "postForm", "send", "upload", "uppy"];
  for (const name of modules) expect(paths).toEqual(expect.arrayContaining([`dist/${name}.js`, `dist/${name}.d.ts`]));
  expect(paths).toEqual(expect.arrayContaining(["README.md", "LICENSE-MIT", "LICENSE-APACHE", "package.json"]));
  expect(paths.filter((path) => /\.test\.|(?<!\.d)\.ts$|lock|node_modules/.test(path) && !path.startsWith("snippets/"))).toEqual([]);
});

test("it is imported by its name, the core without Uppy", () => {
  const script = `
    const core = await import("uppy-upcall");
    console.log(JSON.stringify(Object.keys(core).sort()));
    const { UpcallUpload } = await import("uppy-upcall/uppy");
    const { Uppy } = await import("@uppy/core");
    const uppy = new Uppy().use(UpcallUpload, { policies: "/policy" });
    console.log(JSON.stringify(uppy.getPlugin("UpcallUpload").type));`;
  const printed = run(process.execPath, ["--input-type=module", "--eval", script], { cwd: user });
  const [names, type] = printed.trim().split("\n").map((line) => JSON.parse(line) as unknown);
  expect(names).toEqual(
    expect.arrayContaining(["PolicySource", "getPolicy", "nameFor", "postForm", "readOutcome", "uploadFile"]),
  );
  expect(type).toBe("uploader");
  const core = readFileSync(join(user, "node_modules/uppy-upcall/dist/index.js"), "utf8");
  expect(core).not.toContain("@uppy");
}, 60_000);

test("its types say that 203 is an outcome of its own", () => {
  const program = `
    import { type Outcome, PolicySource, getPolicy, postForm, uploadFile } from "uppy-upcall";
    import { UpcallUpload } from "uppy-upcall/uppy";
    import { Uppy } from "@uppy/core";
    new Uppy().use(UpcallUpload, { policies: new PolicySource("/policy"), naming: "random" });
    const kinds: Record<Outcome["kind"], string> = { accepted: "", storedNotAccepted: "", pending: "", refused: "" };
    export async function both(file: File): Promise<string> {
      const one: Outcome = await postForm(await getPolicy("/policy"), "a", file, { onProgress: (sent) => sent + 1 });
      const other = await uploadFile(file, new PolicySource("/policy"));
      return other.kind === "accepted" ? other.answer : kinds[one.kind];
    }`;
  writeFileSync(join(user, "user.ts"), program);
  const options = { strict: true, module: "NodeNext", target: "ES2022", lib: ["ES2022", "DOM"], types: [], noEmit: true, skipLibCheck: true };
  writeFileSync(join(user, "tsconfig.json"), JSON.stringify({ compilerOptions: options, files: ["user.ts"] }));
  expect(run(join(MODULES, ".bin/tsc"), ["--project", user])).toBe("");
}, 60_000);
