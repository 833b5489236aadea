//! `upcall fsck`, `backup` and `restore`, beside a running server and without one.

use std::fs;
use std::path::Path;

use tempfile::tempdir;

use crate::program::Upcall;

fn at(data: &Path, words: &[&str]) -> Upcall {
    Upcall::new(words).data(data)
}

#[test]
fn a_backup_is_taken_beside_the_server_and_comes_back() {
    let folder = tempdir().unwrap();
    let (data, copy, back) = (
        folder.path().join("data"),
        folder.path().join("copy"),
        folder.path().join("back"),
    );
    let serve = Upcall::serve(&data).start();
    at(&data, &["bucket", "create", "photos"]).run().done();

    let sound = at(&data, &["fsck"]).run().done();
    assert_eq!(sound, "0 objects, 0 bytes, 0 damaged\n");
    let to = copy.to_str().unwrap();
    let done = at(&data, &["backup", to]).run().done();
    assert!(done.ends_with(&format!(", in `{to}`\n")), "{done}");
    let refused = at(&data, &["backup", to]).run().not_done();
    assert!(
        refused.contains("is there already and not empty"),
        "{refused}"
    );
    drop(serve);

    let done = at(&back, &["restore", to]).run().done();
    assert!(done.starts_with("0 objects in "), "{done}");
    let again = at(&back, &["restore", to]).run().not_done();
    assert!(
        again.contains("name a data directory that is not there yet"),
        "{again}"
    );
    let serve = Upcall::serve(&back).start();
    let listed = at(&back, &["bucket", "list", "--json"]).run().done_json();
    assert_eq!(listed["buckets"][0]["name"], "photos");
    // The same server to its callers: keys and secrets came along.
    for name in ["callback-keys.json", "admin-secret"] {
        assert_eq!(
            fs::read(data.join(name)).unwrap(),
            fs::read(back.join(name)).unwrap(),
            "{name}"
        );
    }
    drop(serve);
}

#[test]
fn fsck_finds_damage_and_makes_a_lost_catalog_anew() {
    let folder = tempdir().unwrap();
    let data = folder.path();
    let missing = at(&data.join("no"), &["fsck"]).run().not_done();
    assert!(missing.contains("there is no store in"), "{missing}");
    let serve = Upcall::serve(data).start();
    at(data, &["bucket", "create", "photos"]).run().done();
    drop(serve);

    let report = at(data, &["fsck", "--json"]).run().done_json();
    assert_eq!(report["damaged"], 0);
    fs::remove_file(data.join("catalog.sqlite")).unwrap();
    fs::create_dir_all(data.join("log")).unwrap();
    let whole = at(data, &["fsck", "--rebuild"]).run();
    assert_eq!(whole.done(), "0 objects, 0 bytes, 0 damaged\n");
    let serve = Upcall::serve(data).start();
    let listed = at(data, &["bucket", "list", "--json"]).run().done_json();
    assert_eq!(listed["buckets"][0]["name"], "photos");
    drop(serve);
}
