//! upcall's pages, built, as bytes: who runs upcall needs no Node. There are two sets, for two servers:
//! the upload page with the example pages below `/examples/`, and the console below `/console/`.
//!
//! In: the path of a request. Out: the file to answer with, its content type, and whether it may be
//! cached for ever (its name carries a hash of its content).
//!
//! The upload page needs `default-src 'none'` and no more than: scripts, styles, fonts, images and manifest
//! from its own origin, images also from `blob:` and `data:` (previews), and connections to its own
//! origin and to the storage server's. The example pages need the same, and connections to whoever signs
//! their policies, which may be somebody's own application server. The console needs scripts, styles, images and connections of its
//! own origin. None runs an inline script or sets an inline style.
//!
//! `dist` and `assets.rs` are written by `npm run build` and committed.

mod assets;

use assets::ASSETS;

/// One file of a page.
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

/// The file of the upload page or of the examples at `path`. A path that ends with `/` is a page: `/`,
/// `/examples/`, `/examples/server-callback/` … The query is not part of the path.
///
/// ```
/// let page = upcall_web::asset("/").expect("the page is embedded");
/// assert_eq!(page.content_type, "text/html; charset=utf-8");
/// let example = upcall_web::asset("/examples/server-callback/").expect("so are the examples");
/// assert_eq!(example.path, "/examples/server-callback/index.html");
/// assert!(upcall_web::asset("/../Cargo.toml").is_none());
/// assert!(upcall_web::asset("/console/index.html").is_none());
/// ```
pub fn asset(path: &str) -> Option<Asset> {
    let is_page = path.ends_with('/');
    assets().find(|asset| match asset.path.strip_suffix("index.html") {
        Some(folder) if is_page => folder == path,
        _ => asset.path == path,
    })
}

/// The console's file at `path`; `/console/` is the page itself.
///
/// ```
/// let page = upcall_web::console_asset("/console/").expect("the page is embedded");
/// assert_eq!(page.path, "/console/index.html");
/// assert!(upcall_web::console_asset("/index.html").is_none());
/// ```
pub fn console_asset(path: &str) -> Option<Asset> {
    let path = if path == CONSOLE {
        "/console/index.html"
    } else {
        path
    };
    console_assets().find(|asset| asset.path == path)
}

/// Every file of the upload page and the examples, in the order of their paths.
pub fn assets() -> impl Iterator<Item = Asset> {
    ASSETS.iter().filter(|asset| !is_console(asset)).copied()
}

/// Every file of the console, in the order of their paths.
pub fn console_assets() -> impl Iterator<Item = Asset> {
    ASSETS.iter().filter(|asset| is_console(asset)).copied()
}

fn is_console(asset: &Asset) -> bool {
    asset.path.starts_with(CONSOLE)
}

const CONSOLE: &str = "/console/";

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

        let mut in_table: Vec<_> = assets()
            .chain(console_assets())
            .map(|asset| asset.path.to_owned())
            .collect();
        in_table.sort();
        assert_eq!(in_table, in_folder, "run `npm run build` in web/");
    }

    type Find = fn(&str) -> Option<Asset>;

    /// Each page's text, and where its files are found.
    fn pages() -> [(&'static str, Find); 6] {
        let page = |path, find: Find| {
            let bytes = find(path).unwrap().bytes;
            (std::str::from_utf8(bytes).unwrap(), find)
        };
        [
            page("/", asset),
            page("/examples/", asset),
            page("/examples/browser-signature/", asset),
            page("/examples/server-signature/", asset),
            page("/examples/server-callback/", asset),
            page("/console/", console_asset),
        ]
    }

    #[test]
    fn what_a_page_refers_to_is_there() {
        for (page, find) in pages() {
            let targets: Vec<_> = [" src=\"", " href=\""]
                .into_iter()
                .flat_map(|attribute| page.split(attribute).skip(1))
                .filter_map(|rest| rest.split('"').next())
                .collect();

            assert!(targets.len() >= 3, "{targets:?}");
            for target in targets {
                assert!(find(target).is_some(), "`{target}` is not embedded");
            }
        }
    }

    #[test]
    fn a_page_runs_without_anything_inline() {
        for (page, _) in pages() {
            assert!(!page.contains("<style"), "a style element");
            assert!(!page.contains(" style="), "a style attribute");
            for script in page.split("<script").skip(1) {
                let (attributes, rest) = script.split_once('>').unwrap();
                assert!(attributes.contains("src="), "an inline script");
                assert!(rest.starts_with("</script>"), "an inline script");
            }
        }
    }

    #[test]
    fn only_hashed_names_are_immutable() {
        for asset in assets().chain(console_assets()) {
            assert_eq!(
                asset.immutable,
                asset.path.contains("/assets/"),
                "{}",
                asset.path
            );
        }
        assert!(!asset("/").unwrap().immutable);
        assert!(assets().any(|asset| asset.immutable));
        assert!(console_assets().any(|asset| asset.immutable));
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
            "/examples",
            "/examples//",
            "/examples/assets/",
            "/examples/server-callback",
        ] {
            assert_eq!(asset(path), None, "{path}");
            assert_eq!(console_asset(path), None, "{path}");
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
