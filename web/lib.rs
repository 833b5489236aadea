//! upcall's upload page, built, as bytes: who runs upcall needs no Node.
//!
//! In: the path of a request. Out: the file to answer with, its content type, and whether it may be
//! cached for ever (its name carries a hash of its content).
//!
//! The page needs `default-src 'none'` and no more than: scripts, styles, fonts, images and manifest
//! from its own origin, images also from `blob:` and `data:` (previews), and connections to its own
//! origin and to the storage server's. It runs no inline script and sets no inline style.
//!
//! `dist` and `assets.rs` are written by `npm run build` and committed.

mod assets;

use assets::ASSETS;

/// One file of the page.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Asset {
    /// Where it is served; begins with `/`.
    pub path: &'static str,
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The name carries a hash of the content: another content will have another name.
    pub immutable: bool,
    /// The content.
    pub bytes: &'static [u8],
}

/// The file at `path`; `/` is the page itself. The query is not part of the path.
///
/// ```
/// let page = upcall_web::asset("/").expect("the page is embedded");
/// assert_eq!(page.content_type, "text/html; charset=utf-8");
/// assert!(upcall_web::asset("/../Cargo.toml").is_none());
/// ```
pub fn asset(path: &str) -> Option<Asset> {
    let path = if path == "/" { "/index.html" } else { path };
    ASSETS.iter().find(|asset| asset.path == path).copied()
}

/// Every file of the page, in the order of their paths.
pub fn assets() -> impl Iterator<Item = Asset> {
    ASSETS.iter().copied()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn files_below(folder: &Path, prefix: &str, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{prefix}/{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                files_below(&entry.path(), &path, found);
            } else {
                found.push(path);
            }
        }
    }

    #[test]
    fn the_table_is_the_folder() {
        let mut in_folder = Vec::new();
        let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("dist");
        files_below(&dist, "", &mut in_folder);
        in_folder.sort();

        let in_table: Vec<_> = assets().map(|asset| asset.path.to_owned()).collect();
        assert_eq!(in_table, in_folder, "run `npm run build` in web/");
    }

    #[test]
    fn what_the_page_refers_to_is_there() {
        let page = std::str::from_utf8(asset("/").unwrap().bytes).unwrap();
        let targets: Vec<_> = [" src=\"", " href=\""]
            .into_iter()
            .flat_map(|attribute| page.split(attribute).skip(1))
            .filter_map(|rest| rest.split('"').next())
            .collect();

        assert!(targets.len() >= 4, "{targets:?}");
        for target in targets {
            assert!(asset(target).is_some(), "`{target}` is not embedded");
        }
    }

    #[test]
    fn the_page_runs_without_anything_inline() {
        let page = std::str::from_utf8(asset("/index.html").unwrap().bytes).unwrap();

        assert!(!page.contains("<style"), "a style element");
        assert!(!page.contains(" style="), "a style attribute");
        for script in page.split("<script").skip(1) {
            let (attributes, rest) = script.split_once('>').unwrap();
            assert!(attributes.contains("src="), "an inline script");
            assert!(rest.starts_with("</script>"), "an inline script");
        }
    }

    #[test]
    fn only_hashed_names_are_immutable() {
        for asset in assets() {
            assert_eq!(
                asset.immutable,
                asset.path.starts_with("/assets/"),
                "{}",
                asset.path
            );
        }
        assert!(!asset("/").unwrap().immutable);
        assert!(assets().any(|asset| asset.immutable));
    }

    #[test]
    fn other_paths_have_nothing() {
        for path in [
            "",
            "index.html",
            "//",
            "/assets",
            "/assets/",
            "/INDEX.HTML",
            "/index.html?a",
        ] {
            assert_eq!(asset(path), None, "{path}");
        }
    }

    /// What was bundled came with licences that ask to be passed on.
    #[test]
    fn the_licences_are_passed_on() {
        let licences = std::str::from_utf8(asset("/LICENSES.txt").unwrap().bytes).unwrap();
        for package in ["@uppy/core", "@uppy/dashboard", "preact", "lodash"] {
            assert!(licences.contains(&format!("## {package} - ")), "{package}");
        }
        assert!(!licences.contains("plupload"));
    }
}
