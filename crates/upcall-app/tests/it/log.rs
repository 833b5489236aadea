//! What the log says: one line for a callback, the part that was wrong, and nothing secret.

use std::io;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tracing_subscriber::fmt::MakeWriter;

use crate::app::{SECRET, TestApp};
use crate::callbacks::PHOTO;
use crate::signing::{SignedCallback, ours};

/// What was logged, at every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

// One thread, so that its own subscriber sees all that the server does.
#[tokio::test(flavor = "current_thread")]
async fn a_callback_is_one_line_that_says_which_part_was_wrong() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let app = TestApp::start().await;
    let genuine = app.callback(PHOTO);
    let mut everything = String::new();
    let mut cases: Vec<(SignedCallback, &str)> = vec![(genuine.clone(), "verified and kept")];
    let mut forged = |forge: fn(&mut SignedCallback), says| {
        let mut callback = genuine.clone();
        forge(&mut callback);
        cases.push((callback, says));
    };
    forged(|c| c.remove("authorization"), "part=header");
    forged(|c| c.body[20] ^= 1, "part=digest");
    forged(|c| c.aim("/callback?a"), "part=signature");
    forged(
        |c| c.set("x-oss-pub-key-url", &STANDARD.encode("http://a/b")),
        "part=key-url",
    );
    forged(
        |c| {
            c.body.clear();
            c.digest();
            c.sign(ours());
        },
        "part=binding",
    );

    for (callback, says) in &cases {
        log.take();
        app.send(callback.request()).await;
        let all = log.take();
        let lines: Vec<_> = all
            .lines()
            .filter(|line| line.contains("upcall_app"))
            .collect();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains(says), "`{says}` in {}", lines[0]);
        everything.push_str(&all);
    }

    for secret in [
        SECRET,
        "uploads/eric",
        "5D41402ABC4B",
        &genuine.get("authorization"),
    ] {
        assert!(!everything.contains(secret), "{secret}");
    }
}
