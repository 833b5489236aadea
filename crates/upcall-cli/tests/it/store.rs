//! `upcall fsck`, `backup` and `restore`, beside a running server and without one.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
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

#[test]
fn a_broken_catalog_says_how_it_is_made_anew() {
    let folder = tempdir().unwrap();
    let data = folder.path();
    drop(Upcall::serve(data).start());
    fs::write(data.join("catalog.sqlite"), [b'x'; 8192]).unwrap();
    for words in [["fsck"].as_slice(), &["serve", "--listen", "127.0.0.1:0"]] {
        let refused = at(data, words).run().not_done();
        assert!(refused.contains("`upcall fsck --rebuild`"), "{refused}");
    }
    at(data, &["fsck", "--rebuild"]).run().done();
}

#[test]
fn a_backup_of_a_newer_program_leaves_no_folder() {
    let folder = tempdir().unwrap();
    let (data, back) = (folder.path().join("data"), folder.path().join("back"));
    drop(Upcall::serve(&data).start());
    fs::write(data.join("format"), "upcall-data 99\n").unwrap();
    let refused = at(&back, &["restore", data.to_str().unwrap()]);
    let refused = refused.run().not_done();
    assert!(
        refused.contains("has format 99") && refused.contains("hint: use the version of upcall"),
        "{refused}"
    );
    assert!(!back.exists());
}

/// Root has to give up what lets it write everywhere.
#[cfg(target_os = "linux")]
#[test]
fn a_read_only_copy_says_how_it_is_checked() {
    let folder = tempdir().unwrap();
    let (data, back) = (folder.path().join("data"), folder.path().join("back"));
    drop(Upcall::serve(&data).start());
    fs::remove_file(data.join("lock")).unwrap();
    let mode = |mode| fs::set_permissions(&data, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o500);
    let is_root = fs::metadata(&data).unwrap().uid() == 0;
    let in_hands = |words: &[&str], to: &Path| {
        let upcall = at(to, words);
        if is_root {
            upcall.under(&["/usr/bin/setpriv", "--bounding-set=-dac_override"])
        } else {
            upcall
        }
    };
    let refused = in_hands(&["fsck"], &data).run().not_done();
    let shown = data.display();
    assert!(
        refused.contains(&format!("`{shown}/lock`: Permission denied")),
        "{refused}"
    );
    let hint = format!("`upcall restore '{shown}' --data NEW_DIR`");
    assert!(refused.contains(&hint), "{refused}");
    // As the hint says.
    let done = in_hands(&["restore", data.to_str().unwrap()], &back).run();
    let done = done.done();
    mode(0o700);
    assert!(done.ends_with("all read: 0 damaged\n"), "{done}");
}
