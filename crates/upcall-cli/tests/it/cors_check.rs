//! `upcall cors check`: a browser's preflight against a real server.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use serde_json::json;
use tempfile::{TempDir, tempdir};

use crate::program::{Ended, Running, Upcall};

/// A server with the bucket `photos`, and the question whether a page may write there.
struct Photos {
    folder: TempDir,
    serve: Running,
}

impl Photos {
    fn new() -> Self {
        let folder = tempdir().unwrap();
        let serve = Upcall::serve(folder.path()).start();
        let photos = Self { folder, serve };
        photos.run(&["bucket", "create", "photos"]).done();
        photos
    }

    fn run(&self, words: &[&str]) -> Ended {
        Upcall::new(words).data(self.folder.path()).run()
    }

    fn allow(&self, origin: &str) {
        let words = [
            "bucket", "cors", "set", "photos", "--method", "PUT", "--origin",
        ];
        self.run(&[&words[..], &[origin]].concat()).done();
    }

    fn check(&self, more: &[&str]) -> Ended {
        let url = format!("{}/photos/a", self.serve.text("storage"));
        let words = ["cors", "check", &url, "--origin", "https://a.example"];
        let request = [
            "--method",
            "PUT",
            "--header",
            "Content-Type",
            "--bucket",
            "photos",
        ];
        self.run(&[&words[..], &request, more].concat())
    }
}

#[test]
fn the_rule_that_fails_is_named_with_the_typing_mistake() {
    let photos = Photos::new();
    let no_rules = photos.check(&[]);
    assert_eq!(no_rules.status.code(), Some(1));
    assert!(
        no_rules.stdout.contains("The bucket has no CORS rules"),
        "{no_rules:?}"
    );

    photos.allow("http://a.example");
    let refused = photos.check(&[]);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(
        refused.stderr,
        "error: a browser would not send the request\n"
    );
    assert_eq!(
        refused.stdout,
        "The answer to the preflight: 403 Forbidden\n\n\
         A browser does not send the request:\n\
         \x20 the status is 403, and a preflight needs one from 200 to 299 (no redirect)\n\
         \x20 there is no `Access-Control-Allow-Origin`\n\
         \x20 `Access-Control-Allow-Methods` does not name the method\n\
         \x20 `Access-Control-Allow-Headers` does not name `Content-Type`\n\n\
         rule 1: it does not allow the origin; `http://a.example` has another scheme than the page: \
         add `https://a.example`\n"
    );
}

#[test]
fn a_rule_that_fits_is_named() {
    let photos = Photos::new();
    photos.allow("https://a.example");
    let allowed = photos.check(&[]).done();
    assert!(
        allowed.starts_with("The answer to the preflight: 200 OK\n"),
        "{allowed}"
    );
    assert!(
        allowed.contains("  access-control-allow-origin: https://a.example\n"),
        "{allowed}"
    );
    assert!(
        allowed.ends_with("\nA browser sends the request.\n\nrule 1 fits\n"),
        "{allowed}"
    );
    let said = photos.check(&["--json"]).done_json();
    assert_eq!((&said["allowed"], &said["fits"]), (&json!(true), &json!(1)));
    assert_eq!(said["rules"], json!([{ "number": 1, "lacks": [] }]));
}

#[test]
fn any_server_can_be_asked_without_its_rules() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/upload?a=b%2Fc", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            socket.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        let answer = "HTTP/1.1 204 No Content\r\nAccess-Control-Allow-Origin: *\r\n\
                      Access-Control-Allow-Origin: https://a.example\r\n\r\n";
        socket.write_all(answer.as_bytes()).unwrap();
        String::from_utf8(head).unwrap().to_ascii_lowercase()
    });

    let refused = Upcall::new(&[
        "cors",
        "check",
        &url,
        "--origin",
        "https://A.example/",
        "--json",
    ])
    .and(&[
        "--header",
        "X-B",
        "--header",
        "x-a",
        "--header",
        "content-type",
    ])
    .run();

    let head = server.join().unwrap();
    assert!(
        head.starts_with("options /upload?a=b%2fc http/1.1\r\n"),
        "{head}"
    );
    for header in [
        "origin: https://a.example/\r\n",
        "access-control-request-method: post\r\n",
        "access-control-request-headers: content-type,x-a,x-b\r\n",
    ] {
        assert!(head.contains(header), "{header}: {head}");
    }
    assert_eq!(refused.status.code(), Some(1));
    let said: serde_json::Value = serde_json::from_str(&refused.stdout).unwrap();
    assert_eq!(said["faults"].as_array().unwrap().len(), 4);
    assert!(
        said["faults"][0].as_str().unwrap().contains("came 2 times"),
        "{said}"
    );
    assert_eq!(
        said["originFault"],
        "an origin has no path and no slash at its end"
    );
    assert_eq!(said["rules"], json!(null));
}

#[test]
fn who_cannot_be_asked_is_named() {
    let check = |url: &str| {
        Upcall::new(&["cors", "check", url, "--origin", "https://a.example"])
            .run()
            .not_done()
    };
    let nobody = check("http://127.0.0.1:1/");
    assert!(
        nobody.starts_with("error: cannot ask `http://127.0.0.1:1/`: nobody answers"),
        "{nobody}"
    );
    for url in ["photos", "ftp://a/", "http://u@a/"] {
        assert!(
            check(url).starts_with(&format!("error: `{url}` is not a URL")),
            "{url}"
        );
    }
}
