//! The minimum Rust that `Cargo.toml` promises holds for every crate that is built in.
//!
//! No older compiler is needed to know it: each crate says which one it wants, and for our own code
//! clippy's `incompatible_msrv` knows since when each part of the standard library is there.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::process::Command;

use serde_json::Value;

#[test]
fn no_crate_wants_a_newer_rust_than_we_promise() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let ours = packages
        .iter()
        .find(|package| package["name"] == "upcall")
        .unwrap();
    let promised = version(ours["rust_version"].as_str().unwrap());

    let too_new: Vec<String> = packages
        .iter()
        .filter(|package| wanted(package) > promised)
        .map(|package| {
            let [name, version] = ["name", "version"].map(|member| package[member].as_str());
            format!("{} {}", name.unwrap(), version.unwrap())
        })
        .collect();

    assert!(packages.len() > 200, "{} crates", packages.len());
    assert_eq!(too_new, [""; 0], "newer than {promised:?}");
}

/// The Rust that a crate says it wants, or else the first one that knows its edition.
fn wanted(package: &Value) -> Vec<u64> {
    match (
        package["rust_version"].as_str(),
        package["edition"].as_str(),
    ) {
        (Some(said), _) => version(said),
        (None, Some("2024")) => version("1.85"),
        (None, Some("2015" | "2018" | "2021")) => version("1.56"),
        (None, other) => panic!("the edition {other:?}"),
    }
}

/// `1.89` is `1.89.0`.
fn version(text: &str) -> Vec<u64> {
    let mut numbers: Vec<u64> = text.split('.').map(|part| part.parse().unwrap()).collect();
    numbers.resize(3, 0);
    numbers
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--all-features",
            "--locked",
        ])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}
