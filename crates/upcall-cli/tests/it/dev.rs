//! `upcall dev`: everything on one machine.

use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
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

/// The address of this machine in its network, by the same question to the system: nothing is sent.
fn address_in_the_network() -> Option<String> {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect("192.0.2.1:9").ok()?;
    Some(socket.local_addr().unwrap().ip().to_string())
}

#[test]
fn with_lan_a_phone_gets_pages_policies_and_the_bucket_by_the_machines_address() {
    let folder = tempdir().unwrap();
    let Some(ip) = address_in_the_network() else {
        let refused = Upcall::dev(folder.path()).and(&["--lan"]).run();
        assert!(refused.stderr.contains("no address in a local network"));
        return;
    };
    let dev = Upcall::dev(folder.path()).and(&["--lan"]).start();
    let there = |member: &str| dev.address(member).replace("127.0.0.1", &ip);
    let (phone, storage) = (there("app"), there("storage"));
    assert_eq!(dev.text("lan"), format!("http://{phone}/"));

    // What the code leads to, and what is a link away from there.
    let of_the_page: Value = serde_json::from_str(&get(&phone, "/settings").body).unwrap();
    assert_eq!(of_the_page["examplesUrl"], "/examples/");
    assert_eq!(get(&phone, "/examples/server-callback/").status, 200);
    let of_the_examples: Value =
        serde_json::from_str(&get(&phone, "/examples/settings").body).unwrap();
    assert_eq!(
        of_the_examples["bucketUrl"],
        format!("http://{storage}/photos/")
    );
    assert_eq!(dev.text("bucketUrl"), format!("http://{storage}/photos/"));

    // The bucket takes what a page of that origin posts.
    let origin = format!("Origin: http://{phone}\r\nAccess-Control-Request-Method: POST\r\n");
    let preflight = ask(&storage, "OPTIONS /photos/", &origin, b"");
    assert_eq!(preflight.status, 200, "{preflight:?}");
    dev.stop();
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
fn a_strict_double_refuses_what_oss_refuses() {
    for (more, status) in [(&[][..], 200), (&["--strict"], 400)] {
        let folder = tempdir().unwrap();
        let dev = Upcall::dev(folder.path()).and(more).start();
        let signed = Upcall::new(&["policy", "sign", "--json", "--bucket", "photos"])
            .and(&["--key-prefix", "u/", "--max-size", "5B"])
            .and(&["--storage", dev.text("storage")])
            .env("UPCALL_ACCESS_KEY_ID", dev.text("accessKeyId"))
            .env("UPCALL_ACCESS_KEY_SECRET", dev.text("accessKeySecret"))
            .run()
            .done_json();
        let body = String::from_utf8(form(&fields_of(&signed), "a", "12345")).unwrap();
        let head = "Content-Disposition: form-data; name=\"file\"";
        let body = body.replace(head, &format!("Content-Type: a/b\r\n{head}"));

        let answer = ask(
            dev.address("storage"),
            "POST /photos/",
            FORM,
            body.as_bytes(),
        );

        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(answer.body.contains("0006-00000109"), status == 400);
    }
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

/// An application server of somebody's own: agrees with everything, and hands on what it was sent.
fn own_application() -> (std::net::SocketAddr, std::sync::mpsc::Receiver<String>) {
    use std::io::{Read as _, Write as _};
    let listener = TcpListener::bind(ANY).unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, calls) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            let mut read = Vec::new();
            // So the body of these calls ends, and nothing before it.
            while !read.ends_with(b"~") {
                let mut more = [0; 4096];
                let count = socket.read(&mut more).unwrap();
                assert!(count > 0, "the call broke off");
                read.extend_from_slice(&more[..count]);
            }
            let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
                          Content-Length: 2\r\nConnection: close\r\n\r\n{}";
            let _ = socket.write_all(answer.as_bytes());
            let _ = sender.send(String::from_utf8_lossy(&read).into_owned());
        }
    });
    (address, calls)
}

/// The values of these names, a line each.
fn as_a_shell_reads(file: &std::path::Path, names: &[&str]) -> String {
    let script = format!(
        "set -a; . '{}'; for name in {}; do printenv $name; done",
        file.display(),
        names.join(" "),
    );
    let printed = std::process::Command::new("sh")
        .args(["-ec", &script])
        .output()
        .unwrap();
    String::from_utf8(printed.stdout).unwrap()
}

#[test]
fn somebodys_own_application_is_called_and_its_page_may_post() {
    let folder = tempdir().unwrap();
    let (address, calls) = own_application();
    let url = format!("http://{address}/my/callback?tenant=7");
    let file = folder.path().join(".env");
    std::fs::write(&file, "DEBUG=1\nOSS_HOST=old\n").unwrap();
    let dev = Upcall::dev(&folder.path().join("data"))
        .and(&["--app-url", &url, "--env-file", file.to_str().unwrap()])
        .start();

    assert_eq!(dev.text("callbackUrl"), url);
    assert_eq!(dev.text("envFile"), file.to_str().unwrap());
    assert!(
        dev.text("publicKeyUrls")
            .ends_with("/callback_pub_key_*.pem")
    );
    // A shell reads the file.
    let names = [
        ("OSS_ACCESS_KEY_ID", dev.text("accessKeyId")),
        ("OSS_ACCESS_KEY_SECRET", dev.text("accessKeySecret")),
        ("OSS_HOST", dev.text("bucketUrl")),
        ("OSS_BUCKET", "photos"),
        ("OSS_REGION", "cn-hangzhou"),
        ("CALLBACK_URL", &url),
        ("CALLBACK_KEY_URLS", dev.text("publicKeyUrls")),
        ("UPCALL_STORAGE_URL", dev.text("storage")),
        ("UPCALL_ADMIN_URL", dev.text("admin")),
        ("DEBUG", "1"),
    ];
    let mut asked = names.map(|(name, _)| name).to_vec();
    asked.push("UPCALL_ADMIN_SECRET");
    let printed = as_a_shell_reads(&file, &asked);
    let secret = std::fs::read_to_string(dev.text("adminSecretFile")).unwrap();
    let values = names.map(|(_, value)| value).join("\n");
    assert_eq!(printed, format!("{values}\n{}\n", secret.trim()));
    let mode = file.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let origin = format!("http://{address}");
    for origin in [
        &origin,
        &origin.replace("127.0.0.1", "localhost"),
        dev.text("app"),
    ] {
        let headers = format!("Origin: {origin}\r\nAccess-Control-Request-Method: POST\r\n");
        let preflight = ask(dev.address("storage"), "OPTIONS /photos/", &headers, b"");
        assert_eq!(preflight.status, 200, "{origin}: {preflight:?}");
    }

    let signed = Upcall::new(&["policy", "sign", "--json", "--bucket", "photos"])
        .and(&[
            "--callback-url",
            &url,
            "--callback-body",
            "o=${object}&end=~",
        ])
        .and(&["--storage", dev.text("storage")])
        .env("UPCALL_ACCESS_KEY_ID", dev.text("accessKeyId"))
        .env("UPCALL_ACCESS_KEY_SECRET", dev.text("accessKeySecret"))
        .run()
        .done_json();
    let body = form(&fields_of(&signed), "a.txt", "hello");
    let agreed = ask(dev.address("storage"), "POST /photos/", FORM, &body);
    assert_eq!(agreed.status, 200, "{agreed:?}");
    let call = calls.recv_timeout(crate::program::HUNG).unwrap();
    assert!(
        call.starts_with("POST /my/callback?tenant=7 HTTP/1.1\r\n"),
        "{call}"
    );
}

#[test]
fn an_upload_by_hand_calls_ones_own_application() {
    let folder = tempdir().unwrap();
    let dev = Upcall::new(&["dev", "--storage", ANY, "--app", ANY, "--admin", ANY]);
    let dev = dev.and(&["--app-url", "http://app.example:3000"]);
    let mut dev = dev.data(folder.path()).spawn();

    let banner = dev.prints("Stop with Ctrl-C");

    assert!(
        banner.contains("  calls        http://app.example:3000/\n"),
        "{banner}"
    );
    let callback = banner.split("callback=").nth(1).unwrap();
    let callback = callback.split(['\'', ' ', '"', '\n']).next().unwrap();
    let callback = STANDARD.decode(callback).unwrap();
    let callback: serde_json::Value = serde_json::from_slice(&callback).unwrap();
    assert_eq!(callback["callbackUrl"], "http://app.example:3000/");
    dev.stop().done();
}

#[test]
fn what_is_no_address_or_no_file_is_said_before_anything_starts() {
    let folder = tempdir().unwrap();
    let refused = Upcall::dev(folder.path())
        .and(&["--app-url", "app.example/cb"])
        .run()
        .not_done();
    assert!(
        refused.starts_with("error: `--app-url` is `app.example/cb`, and it does not begin with"),
        "{refused}"
    );
    assert!(!folder.path().join("dev-key").exists());
    let nowhere = folder.path().join("nowhere/.env");
    let refused = Upcall::dev(folder.path())
        .and(&["--env-file", nowhere.to_str().unwrap()])
        .run()
        .not_done();
    assert!(refused.contains("cannot write `"), "{refused}");
    assert!(!folder.path().join("admin-address").exists());
}
