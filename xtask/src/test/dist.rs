//! Is the committed page what its sources build to?
//!
//! The page is built in a copy of its folder, so that nothing in the tree is written: not even a
//! time stamp, at which cargo would build everything anew that embeds the page.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::{Bench, steps};
use crate::logged;

/// Builds it anew and compares every file.
pub(super) fn compare(bench: &Bench<'_>) -> Result<()> {
    let web = bench.workspace.root().join("web");
    let copy = bench.workspace.own("web");
    if copy.exists() {
        fs::remove_dir_all(&copy).context("cannot remove the last copy of the page")?;
    }
    let committed = files(&web)?;
    for (name, content) in &committed {
        if !is_built(name) {
            let path = copy.join(name);
            let folder = path.parent().context("a file lies in a folder")?;
            fs::create_dir_all(folder).context("cannot copy the page")?;
            fs::write(path, content).context("cannot copy the page")?;
        }
    }
    let modules = copy.join(NODE_MODULES);
    symlink(web.join(NODE_MODULES), &modules).context("cannot link to the npm packages")?;
    let mut npm = bench.tools.node()?.npm();
    logged::run(npm.current_dir(&copy).args(["run", "build"]), &bench.log)?;

    let rebuilt = files(&copy)?;
    let built = |all: BTreeMap<PathBuf, Vec<u8>>| -> BTreeMap<_, _> {
        all.into_iter().filter(|(name, _)| is_built(name)).collect()
    };
    let (committed, rebuilt) = (built(committed), built(rebuilt));
    ensure!(!committed.is_empty(), "there is no built page in `web`");
    let names = committed.keys().chain(rebuilt.keys());
    let mut different: Vec<_> = names
        .filter(|name| committed.get(*name) != rebuilt.get(*name))
        .map(|name| name.display().to_string())
        .collect();
    different.sort();
    different.dedup();
    ensure!(
        different.is_empty(),
        "these differ (run `npm run build` in `web` and commit): {}",
        different.join(", ")
    );
    steps::count(bench, committed.len())
}

/// Is it written by the build?
fn is_built(name: &Path) -> bool {
    name.starts_with("dist") || name == Path::new("assets.rs")
}

/// Every file below a folder, with its content; npm's packages are not looked at, nor are the browser
/// tests, which are a package of their own.
fn files(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let entries = fs::read_dir(&next);
        for entry in entries.with_context(|| format!("no folder `{}`", next.display()))? {
            let path = entry.context("cannot list a folder")?.path();
            let name = path
                .strip_prefix(folder)
                .context("a file lies in its folder")?;
            if name == Path::new(NODE_MODULES) || name == Path::new("tests") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let content = fs::read(&path);
            let content = content.with_context(|| format!("cannot read `{}`", path.display()))?;
            found.insert(name.to_owned(), content);
        }
    }
    Ok(found)
}

const NODE_MODULES: &str = "node_modules";
