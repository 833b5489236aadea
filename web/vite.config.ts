/**
 * How the page is built: the same lockfile gives the same bytes, on any machine.
 *
 * Nothing is inlined (the page runs under a policy without `unsafe-inline`), names carry a hash of
 * their content (so they may be cached for ever), and the licences of everything that was bundled
 * are written next to it.
 */
import { fileURLToPath } from "node:url";
import { defineConfig, mergeConfig } from "vitest/config";
import { assetTable } from "./build/assetTable.ts";

const ROOT = fileURLToPath(new URL(".", import.meta.url));

/** What the upload page and the console have in common. */
export const SHARED = defineConfig({
  build: {
    target: "es2022",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    license: { fileName: "LICENSES.txt" },
    reportCompressedSize: false,
  },
  // The package's sources, not what it is built to for npm: one build, and the lockfile stays alone.
  resolve: {
    alias: [
      { find: /^uppy-upcall$/, replacement: `${ROOT}packages/uppy-upcall/src/index.ts` },
      { find: /^uppy-upcall\/uppy$/, replacement: `${ROOT}packages/uppy-upcall/src/uppy.ts` },
    ],
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
});

export default mergeConfig(
  SHARED,
  defineConfig({
    root: ROOT,
    plugins: [assetTable(ROOT)],
    base: "/",
    build: { outDir: "dist" },
    test: {
      environment: "happy-dom",
      include: ["src/**/*.test.ts", "packages/*/src/**/*.test.ts"],
    },
  }),
);
