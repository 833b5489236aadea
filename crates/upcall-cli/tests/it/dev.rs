//! `upcall dev`: everything on one machine.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use tempfile::tempdir;

use crate::http::{FORM, ask, fields_of, form, get};
use crate::program::{ANY, Upcall};

#[test]
fn the_first_line_says_everything_a_script_needs() {
    let folder = tempdir().unwrap();
    let dev = Upcall::dev(folder.path()).start();

    assert_eq!(get(dev.address("admin"), "/healthz").status, 200);
    assert_eq!(get(dev.address("app"), "/").status, 200);
    assert_eq!(dev.text("region"), "cn-hangzhou");
    assert_eq!(dev.ready["domains"][0], "oss-cn-hangzhou.localhost");
    assert_eq!(dev.text("bucket"), "photos");
    let key = dev.text("publicKeyUrl").strip_prefix(dev.text("storage"));
    let key = get(dev.address("storage"), key.unwrap());
    assert!(
        key.body.starts_with("-----BEGIN PUBLIC KEY-----"),
        "{key:?}"
    );

    let stopped = dev.stop();
    assert_eq!(stopped.done(), "", "only one line is printed");
    assert!(!folder.path().join("admin-address").exists());
}

#[test]
fn data_and_keys_are_the_same_at_the_next_start() {
    let folder = tempdir().unwrap();
    let of = |first: &crate::program::Running| {
        let key = get(first.address("storage"), "/callback_pub_key_v1.pem").body;
        let text = |member| first.text(member).to_owned();
        (text("accessKeyId"), text("accessKeySecret"), key)
    };

    let first = Upcall::dev(folder.path()).start();
    let first_said = of(&first);
    first.stop().done();
    let second = Upcall::dev(folder.path()).start();

    assert_eq!(of(&second), first_said);
    for name in ["admin-secret", "callback-keys.json", "dev-key"] {
        let mode = folder.path().join(name).metadata().unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_second_process_is_told_which_one_has_the_folder() {
    let folder = tempdir().unwrap();
    let first = Upcall::dev(folder.path()).start();

    let refused = Upcall::serve(folder.path()).run().not_done();

    let expected = format!(
        "error: cannot open the store in `{}`: process {} has it open\n\n\
         hint: stop that process, or give this one its own folder with `--data`\n",
        folder.path().display(),
        first.id(),
    );
    assert_eq!(refused, expected);
    assert_eq!(get(first.address("admin"), "/healthz").status, 200);
}

#[test]
fn a_taken_address_is_answered_with_the_flag_to_change() {
    let taken = TcpListener::bind(ANY).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for flag in ["--storage", "--app", "--admin"] {
        let folder = tempdir().unwrap();
        let mut words = vec!["dev", "--json"];
        for each in ["--storage", "--app", "--admin"] {
            words.extend([each, if each == flag { &address } else { ANY }]);
        }

        let refused = Upcall::new(&words).data(folder.path()).run().not_done();

        let expected = format!(
            "error: cannot listen on `{address}`: Address already in use (os error 98)\n\n\
             hint: choose another address with `{flag} ADDR`; port 0 means any free one\n"
        );
        assert_eq!(refused, expected);
        assert!(!folder.path().join("admin-address").exists(), "{flag}");
    }
}

#[test]
fn the_pages_of_the_application_and_no_others_may_post() {
    let folder = tempdir().unwrap();
    let dev = Upcall::dev(folder.path()).start();
    let preflight = |origin: &str| {
        let headers = format!("Origin: {origin}\r\nAccess-Control-Request-Method: POST\r\n");
        ask(dev.address("storage"), "OPTIONS /photos/", &headers, b"")
    };

    let app = preflight(dev.text("app"));
    let localhost = dev.text("app").replace("127.0.0.1", "localhost");
    let stranger = preflight("http://stranger.example");

    assert_eq!(app.status, 200, "{app:?}");
    assert_eq!(
        app.header("access-control-allow-origin"),
        Some(dev.text("app"))
    );
    assert_eq!(preflight(&localhost).status, 200);
    assert_eq!(stranger.status, 403, "{stranger:?}");
}

#[test]
fn an_upload_by_hand_is_heard_by_the_application_and_seen_in_the_terminal() {
    let folder = tempdir().unwrap();
    let mut dev = Upcall::dev(folder.path()).start();
    let callback = format!("{}/callback", dev.text("app"));
    let signed = Upcall::new(&["policy", "sign", "--json", "--bucket", "photos"])
        .and(&["--key-prefix", "user/eric/", "--max-size", "5B"])
        .and(&["--callback-url", &callback])
        .and(&["--storage", dev.text("storage")])
        .env("UPCALL_ACCESS_KEY_ID", dev.text("accessKeyId"))
        .env("UPCALL_ACCESS_KEY_SECRET", dev.text("accessKeySecret"))
        .run()
        .done_json();
    let fields = fields_of(&signed);
    let post = |file| {
        let body = form(&fields, "a\u{202e}cat.txt", file);
        ask(dev.address("storage"), "POST /photos/", FORM, &body)
    };

    let too_large = post("123456");
    let agreed = post("12345");

    assert_eq!(too_large.status, 400, "{too_large:?}");
    assert!(
        too_large.body.contains("<Code>EntityTooLarge</Code>"),
        "{too_large:?}"
    );
    assert_eq!(agreed.status, 200, "{agreed:?}");
    let answer: serde_json::Value = serde_json::from_str(&agreed.body).unwrap();
    assert_eq!(answer["object"], "user/eric/a\u{202e}cat.txt");
    let line = dev.says("callback  ");
    let expected =
        format!("callback  agreed  photos/user/eric/a\\u{{202e}}cat.txt  {callback}  200  ");
    assert!(line.starts_with(&expected), "{line}");
}

#[test]
fn without_json_a_person_reads_addresses_and_a_line_for_curl() {
    let folder = tempdir().unwrap();
    let dev = Upcall::new(&["dev", "--storage", ANY, "--app", ANY, "--admin", ANY]);
    let mut dev = dev.data(folder.path()).spawn();

    let banner = dev.prints("Stop with Ctrl-C");
    for part in [
        "upload page  http://127.0.0.1:",
        "/photos/",
        "curl -i",
        "-F file=@cat.jpg",
    ] {
        assert!(banner.contains(part), "{banner}");
    }
    dev.stop().done();
}
