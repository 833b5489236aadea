/**
 * After a build: writes `assets.rs`, the table by which the crate `upcall-web` embeds `dist`. The
 * console and the examples are built after the page, so that the table has all.
 *
 * In the order of the paths, so that the same build gives the same table.
 */
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
  txt: "text/plain; charset=utf-8",
  webmanifest: "application/manifest+json",
};

export function assetTable(root: string): Plugin {
  return {
    name: "asset-table",
    apply: "build",
    closeBundle() {
      const paths = readdirSync(join(root, "dist"), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(join(root, "dist").length))
        .sort();
      writeFileSync(join(root, "assets.rs"), `${HEAD}${paths.map(rowOf).join("")}];\n`);
    },
  };
}

const HEAD = `//! The files of \`dist\`. Written by the page's build; a test compares it with the folder.

use crate::Asset;

pub(crate) const ASSETS: &[Asset] = &[
`;

function rowOf(path: string): string {
  const contentType = CONTENT_TYPES[path.slice(path.lastIndexOf(".") + 1)];
  if (contentType === undefined) throw new Error(`which content type has \`${path}\`?`);
  return `    Asset {
        path: "${path}",
        content_type: "${contentType}",
        immutable: ${/^(\/console|\/examples)?\/assets\//.test(path)},
        bytes: include_bytes!("dist${path}"),
    },
`;
}
