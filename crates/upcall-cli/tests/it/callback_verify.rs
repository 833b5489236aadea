//! `upcall callback verify`: requests that somebody wrote down.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::program::{Ended, Upcall};

const VECTORS: &str = include_str!("../../../upcall/tests/vectors/callback-signature.json");

/// Base64 of `http://127.0.0.1:8700/callback_pub_key_v1.pem`.
const KEY_URL: &str = "aHR0cDovLzEyNy4wLjAuMTo4NzAwL2NhbGxiYWNrX3B1Yl9rZXlfdjEucGVt";

struct Desk {
    folder: TempDir,
    /// Of the key of 2,048 bits.
    cases: Vec<Value>,
    pem: String,
}

impl Desk {
    fn new() -> Self {
        let vectors: Value = serde_json::from_str(VECTORS).unwrap();
        let key = &vectors["throwaway_keys_for_tests"][1];
        let pem = key["public_key_pem"].as_str().unwrap().to_owned();
        let folder = tempdir().unwrap();
        fs::write(folder.path().join("key.pem"), &pem).unwrap();
        Self {
            cases: key["cases"].as_array().unwrap().clone(),
            folder,
            pem,
        }
    }

    /// A request with this target and body, under the signature of a case.
    fn request(&self, case: usize, target: &str, body: &str, end: &str) -> String {
        let signature = self.cases[case]["authorization"].as_str().unwrap();
        [
            &format!("POST {target} HTTP/1.1"),
            "Host: app.example",
            &format!("Authorization: {signature}"),
            &format!("x-oss-pub-key-url: {KEY_URL}"),
            "",
            body,
        ]
        .join(end)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn verify(&self, text: &str, more: &[&str]) -> Ended {
        let file = self.file("received.txt", text);
        Upcall::new(&["callback", "verify", file.to_str().unwrap()])
            .and(more)
            .run()
    }

    fn key(&self) -> String {
        self.folder.path().join("key.pem").display().to_string()
    }
}

/// What it printed, where the answer was no.
fn refused(ended: Ended) -> String {
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert_eq!(ended.stderr, "error: the callback does not verify\n");
    ended.stdout
}

const FORM: &str = "bucket=b&object=user%2Fa.txt&size=5";

#[test]
fn a_request_that_verifies_points_to_the_receivers_code() {
    let desk = Desk::new();
    for end in ["\r\n", "\n"] {
        let text = desk.request(0, "/cb", FORM, end);
        let printed = desk.verify(&text, &["--key", &desk.key()]).done();
        assert!(
            printed.starts_with("It verifies as it was received."),
            "{printed}"
        );
        assert!(printed.contains("remember: digest-is-md5\n"), "{printed}");
    }
}

#[test]
fn what_happened_on_the_way_is_told_with_the_byte() {
    let desk = Desk::new();
    let text = desk.request(0, "/cb", "bucket=b&object=user/a.txt&size=5", "\n");
    let printed = refused(desk.verify(&text, &["--key", &desk.key()]));

    let expected = "The verifier says: the signature does not match target and body, or was made \
                    with another key.\n\nproven: body-form-rewritten\n  the body was read as a form \
                    and written anew";
    assert!(printed.starts_with(expected), "{printed}");
    let drawn = "
The signed text differs from byte 24 on, in the body:
  verifies  /cb\\nbucket=b&object=user%2Fa.txt&size=5
  received  /cb\\nbucket=b&object=user/a.txt&size=5
                                     ^

It verifies as
  target  /cb
  body    bucket=b&object=user%2Fa.txt&size=5
";
    assert!(printed.contains(drawn), "{printed}");
}

#[test]
fn it_reads_standard_input_and_prints_json() {
    let desk = Desk::new();
    let text = desk.request(
        2,
        "/json",
        "{\"bucket\": \"b\", \"object\": \"user/a.txt\", \"size\": 5}",
        "\n",
    );
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_upcall"))
        .args(["callback", "verify", "-", "--json", "--key", &desk.key()])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let ended = child.wait_with_output().unwrap();

    assert_eq!(ended.status.code(), Some(1));
    let said: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(said["outcome"], "fails");
    assert_eq!(said["findings"][0]["reason"], "body-json-rewritten");
    assert_eq!(said["findings"][0]["certainty"], "proven");
    assert_eq!(said["difference"]["part"], "body");
    assert_eq!(
        said["repaired"]["body"],
        "{\"bucket\":\"b\",\"object\":\"user/a.txt\",\"size\":5}"
    );
}

#[test]
fn it_compares_with_what_was_sent() {
    let desk = Desk::new();
    let sent = desk.file("sent.txt", &desk.request(0, "/cb?a=1", FORM, "\r\n"));
    let text = desk.request(0, "/cb", "", "\r\n");
    let ended = desk.verify(
        &text,
        &["--key", &desk.key(), "--sent", sent.to_str().unwrap()],
    );
    let printed = refused(ended);
    assert!(printed.contains("proven: query-dropped\n"), "{printed}");
    assert!(printed.contains("proven: body-empty\n"), "{printed}");
    assert!(
        printed.contains("  sent      /cb?a=1\\nbucket"),
        "{printed}"
    );
}

#[test]
fn the_key_is_fetched_from_its_address_which_is_the_one_that_counts() {
    let desk = Desk::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/k.pem", listener.local_addr().unwrap());
    let pem = desk.pem.clone();
    let server = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            socket.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        write!(
            socket,
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{pem}",
            pem.len()
        )
        .unwrap();
        String::from_utf8(head).unwrap()
    });

    let text = desk.request(0, "/cb", FORM, "\n");
    let printed = refused(desk.verify(&text, &["--key-url", &url]));
    assert!(
        server
            .join()
            .unwrap()
            .starts_with("GET /k.pem HTTP/1.1\r\n")
    );
    assert!(
        printed.contains("proven: key-url-not-allowed\n"),
        "{printed}"
    );
    assert!(
        printed.contains("`http://127.0.0.1:8700/callback_pub_key_v1.pem`"),
        "{printed}"
    );
}

#[test]
fn what_cannot_be_said_or_read_is_told() {
    let desk = Desk::new();
    let with_oss_key = desk.request(0, "/cb", FORM, "\n").replace(
        KEY_URL,
        "aHR0cHM6Ly9nb3NzcHVibGljLmFsaWNkbi5jb20vY2FsbGJhY2tfcHViX2tleV92MS5wZW0=",
    );
    let ended = desk.verify(&with_oss_key, &[]);
    assert_eq!(ended.status.code(), Some(2));
    assert!(
        ended
            .stderr
            .contains("hint: name the key with `--key FILE`"),
        "{ended:?}"
    );

    let no_request = desk.verify("hello", &[]).not_done();
    assert!(no_request.contains("is not a request"), "{no_request}");
    let no_key = desk
        .verify(&with_oss_key, &["--key", "/nowhere.pem"])
        .not_done();
    assert!(
        no_key.starts_with("error: cannot read `/nowhere.pem`"),
        "{no_key}"
    );
    let no_server = desk.verify(&with_oss_key, &["--key-url", "http://127.0.0.1:1/k"]);
    let no_server = no_server.not_done();
    assert!(
        no_server.starts_with(
            "error: cannot fetch the key from `http://127.0.0.1:1/k`: nobody answers there"
        ),
        "{no_server}"
    );
}
