//! The log at its most talkative: what must never be in it, and that a line is an event.

use tempfile::tempdir;

use crate::http::{FORM, ask, fields_of, form};
use crate::program::{Running, Upcall};

const SECRET: &str = "s3cr3t-of-the-root-key";

#[test]
fn at_trace_level_no_secret_and_no_control_byte() {
    for format in ["text", "json"] {
        let folder = tempdir().unwrap();
        let serve = Upcall::serve(folder.path())
            .and(&["--callback-allow", "loopback"])
            .and(&["--log", "trace", "--log-format", format])
            .env("UPCALL_ACCESS_KEY_ID", "root")
            .env("UPCALL_ACCESS_KEY_SECRET", SECRET)
            .start();
        let admin = std::fs::read_to_string(folder.path().join("admin-secret")).unwrap();
        let command = |words: &[&str]| Upcall::new(words).data(folder.path()).run().done_json();
        command(&["bucket", "create", "photos", "--json"]);
        let other = command(&["key", "create", "--json"]);
        let other = other["secret"].as_str().unwrap().to_owned();

        let mut hidden = vec![SECRET.to_owned(), admin.trim().to_owned(), other];
        let uploads = everything(&serve, &mut hidden);
        log_in(&serve, admin.trim(), &mut hidden);
        let log = serve.stop().stderr;

        for secret in &hidden {
            assert!(secret.len() > 8, "{secret} would be found anywhere");
            assert!(!log.contains(secret), "`{secret}` is in the log:\n{log}");
        }
        let control = |c: char| c.is_control() && c != '\n';
        let odd: Vec<&str> = log.lines().filter(|line| line.contains(control)).collect();
        assert!(odd.is_empty(), "{odd:?}");
        // Said to whoever sits at the terminal, beside the log.
        let is_notice = |line: &&str| line.starts_with("stopping: ");
        let is_event = |line: &&str| match format {
            "json" => serde_json::from_str::<serde_json::Value>(line).is_ok(),
            _ => LEVELS.iter().any(|level| line.contains(level)),
        };
        let broken: Vec<&str> = log
            .lines()
            .filter(|line| !is_event(line) && !is_notice(line))
            .collect();
        assert!(broken.is_empty(), "{broken:?}");
        let lines = log.lines().filter(|line| line.contains("PostObject"));
        assert_eq!(lines.count(), uploads, "{log}");
    }
}

/// Into the console, with a wrong secret and with the right one; the session is a secret, too.
fn log_in(serve: &Running, secret: &str, hidden: &mut Vec<String>) {
    let admin = serve.address("admin");
    let origin = format!("Origin: http://{admin}\r\nx-upcall-console: 1\r\n");
    let try_in = |secret: &str| {
        let body = serde_json::json!({ "secret": secret }).to_string();
        ask(admin, "POST /console/login", &origin, body.as_bytes())
    };
    assert_eq!(try_in("nearly-the-secret-of-this-server").status, 401);
    hidden.push("nearly-the-secret-of-this-server".to_owned());
    let answer = try_in(secret);
    assert_eq!(answer.status, 204);
    let cookie = answer.header("set-cookie").unwrap();
    let cookie = cookie.split(';').next().unwrap();
    let headers = format!("Cookie: {cookie}\r\n");
    assert_eq!(ask(admin, "GET /v1/refusals", &headers, b"").status, 200);
    hidden.push(cookie.split('=').nth(1).unwrap().to_owned());
}

/// Uploads and other requests, good and bad; how many forms there were. What they carried that is
/// nobody's business is added to `hidden`.
fn everything(serve: &Running, hidden: &mut Vec<String>) -> usize {
    let storage = serve.address("storage");
    let mut posts = 0;
    let mut post = |fields: &[(String, String)], name: &str| {
        posts += 1;
        ask(storage, "POST /photos/", FORM, &form(fields, name, "bytes")).status
    };
    let good = signed(&[]);
    // Nobody listens there: the callback fails, and is logged as such.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = nobody.local_addr().unwrap();
    let url = format!("http://{nobody}/hook?token=abcdefghij");
    let called = signed(&["--callback-url", &url]);
    for fields in [&good, &called] {
        let secret = |name: &str| ["policy", "signature", "callback"].contains(&name);
        let values = fields.iter().filter(|(name, _)| secret(name));
        hidden.extend(values.map(|(_, value)| value.clone()));
    }
    hidden.push("token=abcdefghij".to_owned());
    assert_eq!(post(&good, "plain.txt"), 200);
    assert_eq!(post(&called, "called.txt"), 203);
    assert_eq!(post(&good, "right\u{202e}left\u{1f600}.txt"), 200);
    assert_eq!(post(&good, "\u{1b}[31mred\u{7}.txt"), 400);

    let mut forged = good.clone();
    for (name, value) in &mut forged {
        if name == "signature" {
            "c2lnbmF0dXJlLXRoYXQtaXMtd3Jvbmc=".clone_into(value);
        }
    }
    hidden.push("c2lnbmF0dXJlLXRoYXQtaXMtd3Jvbmc".to_owned());
    assert_eq!(post(&forged, "forged.txt"), 403);
    let mut strange = good.clone();
    strange.insert(
        0,
        ("x:\u{1b}]0;title\u{7}".to_owned(), "a\u{0}b".to_owned()),
    );
    assert_eq!(post(&strange, "strange.txt"), 400);

    let header = "aGVhZGVyLXNpZ25hdHVyZS13cm9uZw==";
    let presigned = "cHJlc2lnbmVkLXNpZ25hdHVyZQ";
    hidden.extend([header.to_owned(), presigned.to_owned()]);
    let date = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT");
    for (line, odd, status) in [
        ("PUT /photos/put.txt", "", 403),
        (
            "PUT /photos/put.txt",
            "User-Agent: \u{9b}31m\u{202e}\r\n",
            403,
        ),
        ("PUT /photos/put.txt", "X-Odd: \u{1}\r\n", 400),
        ("PUT /photos/a%0d%0ab%1b%5b31m.txt", "", 400),
    ] {
        let headers = format!("Date: {date}\r\nAuthorization: OSS root:{header}\r\n{odd}");
        let answer = ask(storage, line, &headers, b"bytes");
        assert_eq!(answer.status, status, "{line} {odd:?}");
    }
    let query = format!("OSSAccessKeyId=root&Expires=4000000000&Signature={presigned}%3D");
    let answer = ask(storage, &format!("GET /photos/plain.txt?{query}"), "", b"");
    assert_eq!(answer.status, 403);
    posts
}

/// The fields of a form for `photos`, whose key is the file's name.
fn signed(words: &[&str]) -> Vec<(String, String)> {
    let signed = Upcall::new(&["policy", "sign", "--json", "--bucket", "photos"])
        .and(words)
        .env("UPCALL_ACCESS_KEY_ID", "root")
        .env("UPCALL_ACCESS_KEY_SECRET", SECRET)
        .run()
        .done_json();
    fields_of(&signed)
}

const LEVELS: [&str; 5] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"];
