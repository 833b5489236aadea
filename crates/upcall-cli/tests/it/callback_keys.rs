//! The keys that sign callbacks: made once, private, rotated, and never lost by a crash.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::tempdir;
use upcall_crypto::RsaPrivateKey;

use crate::http::{FORM, ask, fields_of, form, get};
use crate::program::{Running, Upcall};

fn at(data: &Path, words: &[&str]) -> Upcall {
    Upcall::new(words).data(data)
}

fn shown(data: &Path) -> Value {
    at(data, &["key", "show-callback", "--json"])
        .run()
        .done_json()
}

/// What is served under the path of this id.
fn served(server: &Running, id: &str) -> String {
    let answer = get(
        server.address("storage"),
        &format!("/callback_pub_key_{id}.pem"),
    );
    assert_eq!(answer.status, 200, "{id}: {}", answer.body);
    answer.body
}

/// A data directory as programs left it before keys could be rotated; its public key.
fn with_single_key(data: &Path) -> String {
    let key = RsaPrivateKey::generate(1024).unwrap();
    fs::create_dir_all(data).unwrap();
    let file = data.join("callback-key.pem");
    fs::write(&file, key.to_pkcs8_pem().unwrap().as_bytes()).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    key.public_key_pem().unwrap()
}

#[test]
fn the_size_of_a_new_key_is_a_setting_and_an_old_one_stays() {
    let folder = tempdir().unwrap();
    let serve = |bits: &str| {
        Upcall::serve(folder.path())
            .and(&["--callback-key-bits", bits])
            .start()
    };
    let first = serve("1024");
    let bits = |data| shown(data)["current"]["bits"].clone();
    assert_eq!(bits(folder.path()), 1024);
    first.stop().done();
    let second = serve("512");
    assert_eq!(bits(folder.path()), 1024);

    at(folder.path(), &["key", "rotate-callback"]).run().done();
    assert_eq!(bits(folder.path()), 512);
    at(folder.path(), &["key", "rotate-callback", "--bits", "1152"])
        .run()
        .done();
    assert_eq!(bits(folder.path()), 1152);
    second.stop().done();
}

#[test]
fn keys_are_rotated_shown_and_still_there_after_a_start() {
    let folder = tempdir().unwrap();
    let data = folder.path();
    let server = Upcall::serve(data)
        .and(&["--callback-key-bits", "1024"])
        .start();
    let first_pem = served(&server, "v1");
    let own = server.text("publicKeyUrl").to_owned();
    assert!(own.ends_with("/callback_pub_key_v1.pem"), "{own}");

    let table = at(data, &["key", "rotate-callback"]).run().done();
    let keys = shown(data);

    let id = keys["current"]["id"].as_str().unwrap();
    let url = own.replace("v1", id);
    assert_eq!(keys["current"]["url"], url.as_str());
    assert_eq!(keys["former"][0]["url"], own.as_str());
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 3, "{table}");
    assert!(
        lines[1].starts_with(id) && lines[1].contains("signs"),
        "{table}"
    );
    assert!(
        lines[2].starts_with("v1") && lines[2].contains("until 2"),
        "{table}"
    );
    assert_eq!(served(&server, "v1"), first_pem);
    let second_pem = served(&server, id);
    assert_ne!(second_pem, first_pem);
    let said = server.stop();
    assert!(!said.stderr.contains("PRIVATE"), "{said:?}");

    let server = Upcall::serve(data).start();
    assert!(server.text("publicKeyUrl").ends_with(&format!("_{id}.pem")));
    assert_eq!(
        (served(&server, "v1"), served(&server, id)),
        (first_pem, second_pem)
    );
    at(data, &["key", "rotate-callback", "--overlap", "0"])
        .run()
        .done();
    let gone = get(
        server.address("storage"),
        &format!("/callback_pub_key_{id}.pem"),
    );
    assert_ne!(gone.status, 200);
    let refused = at(data, &["key", "rotate-callback", "--bits", "1000"])
        .run()
        .not_done();
    assert!(refused.contains("1000 bits is not offered"), "{refused}");
    server.stop().done();
}

#[test]
fn an_application_takes_the_new_key_without_being_told() {
    let folder = tempdir().unwrap();
    let dev = Upcall::dev(folder.path()).start();
    let callback = format!("{}/callback", dev.text("app"));
    let signed = Upcall::new(&["policy", "sign", "--json", "--bucket", "photos"])
        .and(&["--callback-url", &callback, "--allow-overwrite"])
        .env("UPCALL_ACCESS_KEY_ID", dev.text("accessKeyId"))
        .env("UPCALL_ACCESS_KEY_SECRET", dev.text("accessKeySecret"))
        .run()
        .done_json();
    let body = form(&fields_of(&signed), "cat.txt", "a cat");
    for _ in 0..3 {
        let given = ask(dev.address("storage"), "POST /photos/", FORM, &body);
        assert_eq!(given.status, 200, "{}", given.body);
        at(folder.path(), &["key", "rotate-callback"]).run().done();
    }
    dev.stop().done();
}

#[test]
fn an_address_without_a_place_for_an_id_is_not_given_a_second_key() {
    let folder = tempdir().unwrap();
    let server = Upcall::serve(folder.path())
        .and(&["--callback-key-url", "https://k.example/key"])
        .start();
    let refused = at(folder.path(), &["key", "rotate-callback"])
        .run()
        .not_done();
    assert!(
        refused.contains("put `{id}` into `--callback-key-url`"),
        "{refused}"
    );
    server.stop().done();

    let server = Upcall::serve(folder.path())
        .and(&["--callback-key-url", "https://k.example/{id}.pem"])
        .start();
    assert_eq!(server.text("publicKeyUrl"), "https://k.example/v1.pem");
    at(folder.path(), &["key", "rotate-callback"]).run().done();
    let keys = shown(folder.path());
    let id = keys["current"]["id"].as_str().unwrap();
    assert_eq!(
        keys["current"]["url"],
        format!("https://k.example/{id}.pem")
    );
    server.stop().done();
}

#[test]
fn keys_that_others_can_read_are_refused() {
    let folder = tempdir().unwrap();
    Upcall::serve(folder.path()).start().stop().done();
    let file = folder.path().join("callback-keys.json");
    let set = |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    for (mode, shown) in [(0o644, "0644"), (0o640, "0640"), (0o602, "0602")] {
        set(mode);
        let refused = Upcall::serve(folder.path()).run().not_done();
        let file = file.display();
        let sentence = format!(
            "error: the private keys in `{file}` are not private: its mode is {shown}\n\n\
             hint: `chmod 600 {file}`"
        );
        assert!(refused.starts_with(&sentence), "{refused}");
    }
    set(0o400);
    Upcall::serve(folder.path()).start().stop().done();

    let data = folder.path().join("before");
    with_single_key(&data);
    let file = data.join("callback-key.pem");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o604)).unwrap();
    let refused = Upcall::serve(&data).run().not_done();
    assert!(refused.contains("its mode is 0604"), "{refused}");
    assert!(!data.join("callback-keys.json").exists());
}

#[test]
fn a_damaged_key_ring_is_not_replaced_by_a_new_one() {
    let folder = tempdir().unwrap();
    Upcall::serve(folder.path()).start().stop().done();
    let file = folder.path().join("callback-keys.json");
    let good = fs::read_to_string(&file).unwrap();
    for bad in [
        &good[..good.len() / 2],
        "",
        &good.replace("keys 1", "keys 9"),
    ] {
        fs::write(&file, bad).unwrap();
        let refused = Upcall::serve(folder.path()).run().not_done();
        assert!(
            refused.contains("callback-keys.json` cannot be used: "),
            "{refused}"
        );
        assert!(!refused.contains("PRIVATE"), "{refused}");
        assert_eq!(fs::read_to_string(&file).unwrap(), bad);
    }
}

#[test]
fn a_single_key_becomes_the_first_of_the_ring() {
    let folder = tempdir().unwrap();
    let data = folder.path().join("data");
    let pem = with_single_key(&data);

    let server = Upcall::serve(&data).start();

    assert_eq!(served(&server, "v1"), pem);
    assert!(!data.join("callback-key.pem").exists());
    server.stop().done();
    // Somebody else's file under that name is left alone, and not used.
    with_single_key(&data);
    let server = Upcall::serve(&data).start();
    assert_eq!(served(&server, "v1"), pem);
    assert!(data.join("callback-key.pem").exists());
    server.stop().done();
}

/// The process is killed at each of the system calls that a rotation, or the move from a single
/// key, makes on its files. What was told to receivers is served, and what signs is served.
#[test]
fn a_kill_between_any_two_steps_loses_no_key() {
    if !has_strace() {
        return;
    }
    let mut seen = BTreeSet::new();
    for call in ["openat", "write", "fsync", "rename", "unlink", "unlinkat"] {
        for number in 1..=3 {
            let folder = tempdir().unwrap();
            let data = folder.path().join("data");
            let pem = with_single_key(&data);

            // Killed while the single key becomes a ring.
            let killed = killed_at(&data, call, number).try_start();
            if killed.is_err() {
                seen.insert("start");
            }
            drop(killed);
            let server = Upcall::serve(&data).start();
            assert_eq!(served(&server, "v1"), pem, "{call} {number}");
            assert!(!data.join("callback-key.pem").exists(), "{call} {number}");
            drop(server);

            // Killed while it is rotated.
            let server = killed_at(&data, call, number).try_start();
            let Ok(server) = server else {
                // It only reads at its start, and is killed at that.
                assert_eq!(call, "openat");
                continue;
            };
            let rotated = at(
                &data,
                &["key", "rotate-callback", "--bits", "512", "--json"],
            )
            .run();
            let told = rotated.status.success().then(|| rotated.done_json());
            drop(server);
            seen.insert(if told.is_some() { "rotated" } else { "killed" });
            let server = Upcall::serve(&data).start();
            assert_eq!(served(&server, "v1"), pem, "{call} {number}");
            let now = shown(&data);
            let id = now["current"]["id"].as_str().unwrap();
            served(&server, id);
            assert!(server.text("publicKeyUrl").contains(id), "{call} {number}");
            if let Some(told) = told {
                assert_eq!(told["current"]["id"], id, "{call} {number}");
            }
            drop(server);
        }
    }
    let all = BTreeSet::from(["start", "killed", "rotated"]);
    assert_eq!(seen, all, "some kills came nowhere");
}

/// The server, killed by `strace` at a call on the files of the keys.
fn killed_at(data: &Path, call: &str, number: u32) -> Upcall {
    let trace = format!("trace={call}");
    let inject = format!("inject={call}:signal=KILL:when={number}");
    let files = [
        "callback-keys.json",
        "callback-keys.json.part",
        "callback-key.pem",
    ];
    let files = files.map(|name| data.join(name).display().to_string());
    let mut words = vec!["strace", "-D", "-f", "-qq", "-o", "/dev/null"];
    for file in &files {
        words.extend(["-P", file]);
    }
    words.extend(["-e", &trace, "-e", &inject]);
    Upcall::serve(data).under(&words)
}

fn has_strace() -> bool {
    Command::new("strace").arg("-V").output().is_ok()
}
